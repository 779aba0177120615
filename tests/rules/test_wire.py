"""OpenAI's chat and responses JSON: who asked what."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kaeshi.errors import InvalidInput
from kaeshi.rules import wire

CALL = {"id": "c1", "type": "function", "function": {"name": "book", "arguments": '{"n": 2}'}}


@given(st.text(max_size=20), st.text(max_size=20), st.floats(0, 9))
def test_another_model_is_asked_with_every_other_byte_as_it_came(
    model: str, text: str, temperature: float
) -> None:
    body = {"temperature": temperature, "model": "concierge", "messages": [{"content": text}]}
    for raw in (
        json.dumps(body).encode(),
        json.dumps(body, indent=3, ensure_ascii=False).encode("utf-8", "surrogatepass"),
    ):
        changed = wire.with_model(raw, body, model)
        assert json.loads(changed.decode("utf-8", "surrogatepass"))["model"] == model
        if raw.count(b'"model"') == 1:
            named = json.dumps(model, ensure_ascii=False).encode("utf-8", "surrogatepass")
            assert changed == raw.replace(b'"concierge"', named)


def test_a_name_that_stands_twice_is_written_where_it_counts() -> None:
    body = {"model": "concierge", "metadata": {"model": "concierge"}}
    changed = wire.with_model(json.dumps(body).encode(), body, "ft:x")
    assert json.loads(changed) == {"model": "ft:x", "metadata": {"model": "concierge"}}


@pytest.mark.parametrize(
    "body",
    [
        [],
        None,
        {},
        {"messages": []},
        {"messages": "hi"},
        {"messages": [{"content": "hi"}]},
        {"messages": [3]},
        {"input": 3},
        {"input": [3]},
    ],
)
def test_what_is_not_a_request_is_refused(body: object) -> None:
    with pytest.raises(InvalidInput):
        wire.messages_of(body)


def test_a_responses_request_is_read_as_chat_messages() -> None:
    assert wire.messages_of({"input": "hi"}) == ({"role": "user", "content": "hi"},)
    asked = [
        {"role": "user", "content": [{"type": "input_text", "text": "book"}]},
        {"type": "function_call", "call_id": "c1", "name": "book", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "c1", "output": "done"},
        {"type": "reasoning", "id": "r"},
    ]
    assert wire.messages_of({"instructions": "Be brief.", "input": asked}) == (
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": [{"type": "text", "text": "book"}]},
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [
                {"id": "c1", "type": "function", "function": {"name": "book", "arguments": "{}"}}
            ],
        },
        {"role": "tool", "tool_call_id": "c1", "content": "done"},
    )


def test_the_last_reply_is_found_from_the_end() -> None:
    roles = ["user", "assistant", "user", "assistant", "tool", "user"]
    assert wire.replied([{"role": role} for role in roles]) == 4
    assert wire.replied([{"role": "user"}]) == 0


def test_openings_and_entries_go_where_they_belong() -> None:
    opening = [{"role": "system", "content": "Be brief."}]
    ask = {"role": "user", "content": "hi"}
    assert wire.opened({"messages": [ask]}, opening) == {"messages": [*opening, ask]}
    assert wire.opened({"input": "hi"}, opening) == {"input": [*opening, ask]}
    assert wire.opened({"input": [ask]}, opening) == {"input": [*opening, ask]}
    talk = [ask, {"role": "assistant", "content": "Yes?"}, {"role": "user", "content": "Sunday?"}]
    read = wire.informed(talk, [wire.Known("Open?", "Until nine.")])
    assert [m["role"] for m in read] == ["user", "assistant", "user", "user"]
    assert read[3] == talk[2]
    assert '{"question": "Open?", "answer": "Until nine."}' in read[2]["content"]
    sure = wire.informed(talk, [wire.Known("Open?", "Until nine.", 0.912)])
    assert '"answer": "Until nine.", "likely": 0.91}' in sure[2]["content"]
