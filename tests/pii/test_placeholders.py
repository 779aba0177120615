"""Claims about pii/placeholders.py."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kaeshi import Policy, pii, restored, scrub
from kaeshi.errors import InvalidInput
from kaeshi.pii import restore
from kaeshi.pii.finders.word_lists import ListedNames
from pii_samples import texts

SEED = "Hi, I'm John Doe. Email me at john@email.com or call 555-1234"


def test_the_seeds_example() -> None:
    assert scrub(SEED).texts == ("Hi, I'm [PERSON_1]. Email me at [EMAIL_1] or call [PHONE_1]",)


def test_the_same_person_has_the_same_number_throughout() -> None:
    found = scrub(
        [
            "I'm Anna Bennett",
            "Hello Anna, and who else comes?",
            "ANNA BENNETT and Brian Castillo",
            "anna again",
        ]
    )
    assert found.texts == (
        "I'm [PERSON_1]",
        "Hello [PERSON_1], and who else comes?",
        "[PERSON_1] and [PERSON_2]",
        "[PERSON_1] again",
    )


@given(st.lists(texts, min_size=1, max_size=4))
def test_scrubbing_twice_changes_nothing(several: list[str]) -> None:
    def by_lists(said: list[str]) -> tuple[str, ...]:
        return pii.scrub(said, ListedNames().find(said)).texts

    once = by_lists(several)
    assert by_lists(list(once)) == once


@given(texts)
def test_a_placeholder_that_somebody_typed_keeps_its_number(text: str) -> None:
    scrubbed = scrub([f"[PERSON_1] {text}"])
    assert scrubbed.texts[0].startswith("[PERSON_1]")


def test_restoring_gives_the_text_back() -> None:
    found = scrub([SEED])
    assert restore(found.texts[0], found.found) == SEED


OPERATORS = ("placeholder", "surrogate", "mask", "pseudonym")


@given(st.lists(texts, min_size=1, max_size=3), st.sampled_from(OPERATORS))
def test_whoever_holds_the_map_has_the_text_back_exactly(several: list[str], operator: str) -> None:
    found = pii.scrub(several, ListedNames().find(several), Policy(operator=operator), key=b"k")
    assert list(restored(found)) == several


def test_nul_is_refused_instead_of_shifting_texts() -> None:
    with pytest.raises(InvalidInput, match="NUL"):
        scrub(["a\0b", "c"])
