from datetime import UTC, datetime
from typing import Any

import pytest

from kaeshi.errors import InvalidInput
from kaeshi.rules.conversation import contained, decode, is_small_talk, outcomes, parse, rated_turn
from rule_samples import NOW
from samples import record


def read(raw: Any, **options: Any) -> Any:
    return parse(raw, assistant="main", now=NOW, **options)


def test_an_openai_message_is_kept_verbatim_with_tool_calls_and_parts() -> None:
    call = {
        "id": "call_1",
        "type": "function",
        "function": {"name": "quote", "arguments": '{"guests": 10}'},
    }
    messages = [
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "How much for ten?"},
                {"type": "image_url", "image_url": {"url": "data:x"}},
            ],
        },
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "call_1", "content": "550"},
        {"role": "assistant", "content": "550 dollars."},
    ]
    assert [turn.message for turn in read({"messages": messages}).turns] == messages


def test_a_plain_chat_log_always_gets_the_same_id() -> None:
    log = {
        "messages": [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "hello"}]
    }
    assert read(log).id == read(log).id
    assert read(log).id != read({"messages": [{"role": "user", "content": "hi"}]}).id


def test_consent_is_none_unless_somebody_gave_it() -> None:
    raw = record("c")
    del raw["consent"]
    assert read(raw).consent == "none"
    assert read(raw, consent="granted").consent == "granted"


def test_the_customer_is_the_one_the_record_names_else_the_logs_user_else_the_conversation() -> (
    None
):
    bare = {"conversation_id": "c", "messages": [{"role": "user", "content": "x"}]}
    assert read(bare | {"customer_id": "ann", "user_worker": "w"}).customer == "ann"
    assert read(bare | {"user_worker": "w"}).customer == "w"
    assert read(bare).customer == "c"


def test_unknown_outcomes_stay_unknown() -> None:
    reported = read(
        record("c", outcome={"escalated": None, "booked": False, "derivation": "words"})
    ).outcomes
    assert {o.name: o.value for o in reported} == {"booked": False}
    assert contained({}) is None
    assert contained({"escalated": False}) is True


@pytest.mark.parametrize(
    "raw",
    [
        None,
        7,
        [],
        {},
        {"messages": []},
        {"messages": ["hello"]},
        {"messages": [{"role": "robot", "content": "x"}]},
        {"messages": [{"role": "user"}]},
        {"messages": [{"role": "user", "content": 7}]},
        {"messages": [{"role": "user", "content": "x", "confidence": 2}]},
        {"messages": [{"role": "user", "content": "x", "confidence": True}]},
        {"messages": [{"role": "user", "content": "x", "latency_ms": float("inf")}]},
        {"messages": [{"role": "user", "content": "x", "cost_usd": -1}]},
        {"messages": [{"role": "user", "content": "x", "at": "yesterday"}]},
        {"messages": [{"role": "user", "content": "x", "at": "2025-01-01T00:00:00"}]},
        {"conversation_id": "a\nb", "messages": [{"role": "user", "content": "x"}]},
        {"conversation_id": "x" * 201, "messages": [{"role": "user", "content": "x"}]},
        {"customer_id": {"a": 1}, "messages": [{"role": "user", "content": "x"}]},
        {"consent": "maybe", "messages": [{"role": "user", "content": "x"}]},
        {"assistant": "../x", "messages": [{"role": "user", "content": "x"}]},
        {
            "messages": [
                {"role": "user", "content": "x", "message_id": "m"},
                {"role": "user", "content": "y", "message_id": "m"},
            ]
        },
        {"outcome": {"Bad Name": True}, "messages": [{"role": "user", "content": "x"}]},
        {"outcome": {"x": [1]}, "messages": [{"role": "user", "content": "x"}]},
        {"outcome": {"x": 2**63}, "messages": [{"role": "user", "content": "x"}]},
    ],
)
def test_a_bad_record_is_refused_with_a_reason(raw: Any) -> None:
    with pytest.raises(InvalidInput, match=r"\w"):
        read(raw)


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"{",
        b"NaN",
        b'{"a": Infinity}',
        b'"\\ud800"',
        b'"\\u0000"',
        b"\xff\xfe",
        b"[" * 100_000,
    ],
)
def test_what_cannot_be_stored_is_not_decoded(line: bytes) -> None:
    with pytest.raises(InvalidInput):
        decode(line)


@pytest.mark.parametrize(
    "text",
    [
        "Thank you and goodbye!",
        "You're welcome, have a nice day",
        "Is there anything else I can help you with?",
        "ok great thanks",
    ],
)
def test_small_talk_is_recognised(text: str) -> None:
    assert is_small_talk(text)


@pytest.mark.parametrize(
    "text",
    [
        "We close at nine.",
        "Thanks, the deposit is 100 dollars.",
        "Great, your booking is confirmed.",
    ],
)
def test_substance_is_not_small_talk(text: str) -> None:
    assert not is_small_talk(text)


def test_feedback_on_a_conversation_rates_its_last_answer_of_substance() -> None:
    turns = read(record("c", "How much?", "It is 550 dollars.", "Thanks", "You are welcome!")).turns
    assert rated_turn([turn.message for turn in turns]) == 1


@pytest.mark.parametrize(
    "value", [True, False, 0, 2**53 - 1, 1 - 2**53, 2.5, -0.0, "", "x" * 64, "a table for two"]
)
def test_a_fact_that_databases_and_json_can_hold_is_stored(value: object) -> None:
    (found,) = outcomes({"seats": value}, at=NOW, source="api")
    assert (found.name, found.value, found.at, found.source) == ("seats", value, NOW, "api")
    assert type(found.value) is type(value)


@pytest.mark.parametrize(
    "value", [2**53, -(2**53), float("nan"), float("inf"), "x" * 65, "a\0b", "a\nb", [], {}]
)
def test_any_other_fact_is_refused_by_name(value: object) -> None:
    with pytest.raises(InvalidInput, match="seats"):
        outcomes({"seats": value}, at=NOW, source="api")


def test_a_logs_outcome_is_as_late_as_its_last_message() -> None:
    raw = record("c", outcome={"booked": True})
    raw["messages"][-1]["at"] = "2025-11-01T12:00:00+02:00"
    (found,) = read(raw).outcomes
    assert found.at == datetime(2025, 11, 1, 10, tzinfo=UTC)


@pytest.mark.parametrize(
    ("at", "part"),
    [
        ("yesterday", "ISO 8601"),
        ("2025-10-31T12:00:00", "has no zone"),
        ("1969-12-31T23:59:59Z", "1970 and 2200"),
        ("2200-01-02T00:00:00Z", "1970 and 2200"),
    ],
)
def test_a_time_without_meaning_is_refused(at: str, part: str) -> None:
    with pytest.raises(InvalidInput, match=part):
        read(record("c") | {"started_at": at})
