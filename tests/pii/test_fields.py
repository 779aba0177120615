"""Claims about pii/fields.py: JSON is scrubbed value by value."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kaeshi import restored, scrub
from kaeshi.pii.validators import is_card

CARD = 4111111111111111
words = st.sampled_from(["hello", 'a "quoted" word', "line\nbreak", "é", "[x]", "\\", "12 adults"])
values = st.recursive(
    st.none() | st.booleans() | st.integers(-99, 999) | words | st.just(CARD),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["note", "lang", "qid", "checkIn"]), inner, max_size=3)
    ),
    max_leaves=8,
)


def _shape(value: object) -> object:
    """Keys and structure without the leaves."""
    if isinstance(value, dict):
        return {name: _shape(item) for name, item in value.items()}
    return [_shape(item) for item in value] if isinstance(value, list) else None


@given(
    st.dictionaries(st.sampled_from(["card", "messages", "text"]), values, min_size=1),
    st.sampled_from([None, 2]),
)
def test_json_stays_json_with_its_keys_and_restores_exactly(
    value: dict[str, object], indent: int | None
) -> None:
    text = json.dumps(value, indent=indent)
    found = scrub(text)
    assert _shape(json.loads(found.texts[0])) == _shape(value)
    assert str(CARD) not in found.texts[0]
    assert restored(found) == (text,)


@pytest.mark.parametrize(
    ("key", "value", "kind"),
    [
        ("card_pin", "4821", "PIN"),
        ("dateOfBirth", "1987-03-14", "DATE_OF_BIRTH"),
        ("password", "correct horse", "PASSWORD"),
        ("guestName", "Zorblax Quint", "PERSON"),
        ("phone", 2125550144, "PHONE"),
        ("gate_code", "4821#", "ACCESS_CODE"),
        ("passport-no", "X1234567", "PASSPORT"),
    ],
)
@pytest.mark.parametrize("around", ['{{"{}": {}, "nights": 2}}', '[{{"a": {{"{}": {}}}}}]'])
def test_the_name_of_a_field_says_what_its_value_is(
    key: str, value: object, kind: str, around: str
) -> None:
    text = around.format(key, json.dumps(value))
    found = scrub(text)
    assert dict(found.counts) == {kind: 1}
    assert key in found.texts[0]
    json.loads(found.texts[0])


def test_a_chat_in_json_is_a_conversation() -> None:
    turns = ["Could I have your account number?", "95381901", "And your name?", "Zorblax"]
    text = json.dumps([{"role": "user", "content": turn} for turn in turns])
    said = [turn["content"] for turn in json.loads(scrub(text).texts[0])]
    assert said == [turns[0], "[BANK_ACCOUNT_1]", turns[2], "[PERSON_1]"]


def test_json_in_a_string_of_json_is_read_too() -> None:
    arguments = json.dumps(
        {"order_id": 8829104417, "guest": "Ann Bennett", "mail": "ann@example.com"}
    )
    text = json.dumps({"function": {"name": "book", "arguments": arguments}})
    inner = json.loads(json.loads(scrub(text).texts[0])["function"]["arguments"])
    assert inner == {"order_id": 8829104417, "guest": "[PERSON_1]", "mail": "[EMAIL_1]"}


@pytest.mark.parametrize(
    "text",
    [
        '{"lang":"en","qid":"Billing.Mark.01"}',
        '{"ts":1764280000123,"bytes":8829104417}',
        '{"bed":"Queen","view":"Bay"}',
    ],
)
def test_what_names_nobody_stays(text: str) -> None:
    assert scrub(text).texts == (text,)


def test_a_card_is_the_one_of_a_network() -> None:
    assert is_card(str(CARD))
    assert not is_card("9931939443153")
