"""Claims about pii/altered.py: placeholders that a model has altered."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kaeshi.pii import Restorer, holds_placeholder, restore

FOUND = {"PERSON": ["Ann Bennett", "Bob"], "CREDIT_CARD": ['a "b"\nc']}
WRITTEN = [
    "[PERSON_1]",
    "[Person_1]",
    "[person 1]",
    "[ PERSON_1 ]",
    "[PERSON 1]",
    "[PERSON-1]",
    r"\[PERSON\_1\]",
    "%5BPERSON_1%5D",
    "PERSON_1",
]


@pytest.mark.parametrize("written", WRITTEN)
def test_every_spelling_of_a_placeholder_is_restored(written: str) -> None:
    assert restore(f"Hi {written}, ok", FOUND) == "Hi Ann Bennett, ok"


@given(
    st.lists(st.sampled_from([*WRITTEN, " and ", "PERSON_2's", "x_1", "[1]", "PIN_1"]), max_size=6),
    st.lists(st.integers(1, 9)),
)
def test_pieces_give_what_the_whole_gives(parts: list[str], cuts: list[int]) -> None:
    text = " ".join(parts)
    restorer = Restorer(FOUND)
    pieces = []
    rest = text
    for cut in cuts:
        pieces.append(restorer.feed(rest[:cut]))
        rest = rest[cut:]
    pieces += [restorer.feed(rest), restorer.close()]
    assert "".join(pieces) == restore(text, FOUND)


def test_a_value_is_escaped_in_json() -> None:
    answer = restore('{"card": "[CREDIT_CARD_1]"}', FOUND)
    assert json.loads(answer) == {"card": FOUND["CREDIT_CARD"][0]}


@pytest.mark.parametrize("text", ["[PERSON_9]", "[Person 9]", "[credit card 3]"])
def test_one_of_which_nothing_is_known_is_never_served(text: str) -> None:
    assert restore(text, FOUND) == text
    assert holds_placeholder(text)


@pytest.mark.parametrize("text", ["see [1]", "PERSON", "a person 1", "[note 1]", "PIN 1234"])
def test_other_words_are_no_placeholders(text: str) -> None:
    assert restore(text, FOUND) == text
    assert not holds_placeholder(text)
