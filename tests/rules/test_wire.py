"""OpenAI's chat and responses JSON: who asked what, what was answered, and where a stream ends."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kaeshi.errors import InvalidInput
from kaeshi.rules import wire

CALL = {"id": "c1", "type": "function", "function": {"name": "book", "arguments": '{"n": 2}'}}


def completion(message: dict[str, Any], **more: Any) -> bytes:
    return json.dumps(
        {"choices": [{"message": message, "finish_reason": "stop"}], "model": "m"} | more
    ).encode()


def stream(*deltas: dict[str, Any], finish: str | None = "stop") -> bytes:
    events = [{"model": "m", "choices": [{"index": 0, "delta": delta}]} for delta in deltas]
    if finish:
        events.append(
            {"model": "m", "choices": [{"index": 0, "delta": {}, "finish_reason": finish}]}
        )
    return b"".join(b"data: " + json.dumps(e).encode() + b"\n\n" for e in events)


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


def test_a_conversation_is_the_same_whatever_clients_add_around_it() -> None:
    plain = [{"role": "user", "content": "hi"}, {"role": "assistant", "tool_calls": [CALL]}]
    dressed = [
        {"role": "system", "content": "It is Monday."},
        {"role": "user", "content": [{"type": "text", "text": "hi"}], "name": "ann"},
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [{**CALL, "index": 0}],
            "refusal": None,
        },
    ]
    assert wire.thread(plain) == wire.thread(dressed)
    other = [plain[0], {"role": "assistant", "tool_calls": [{**CALL, "id": "c2"}]}]
    assert wire.thread(plain) != wire.thread(other)


def test_the_last_reply_is_found_from_the_end() -> None:
    roles = ["user", "assistant", "user", "assistant", "tool", "user"]
    assert wire.replied([{"role": role} for role in roles]) == 4
    assert wire.replied([{"role": "user"}]) == 0


def test_a_whole_answer_is_read_with_the_providers_facts() -> None:
    raw = completion(
        {"content": "Until nine."},
        usage={"prompt_tokens": 7, "completion_tokens": True},
        kaeshi={"confidence": 0.9},
    )
    said = wire.said(raw)
    assert said.message == {"content": "Until nine.", "role": "assistant"}
    assert (said.model, said.finish_reason, said.confidence) == ("m", "stop", 0.9)
    assert (said.prompt_tokens, said.completion_tokens) == (7, None)


def test_facts_of_wrong_types_are_unknown_and_names_are_cut() -> None:
    raw = completion({"content": "x"}, model="m\0" * 300, kaeshi={"confidence": 2}, usage=[])
    said = wire.said(raw)
    assert said.model == "m" * 100
    assert (said.confidence, said.prompt_tokens) == (None, None)
    assert wire.said(completion({"content": "x"}, model=3)).model is None


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"<html>",
        b"[]",
        b'{"choices": []}',
        b'{"choices": [{}]}',
        b'{"output": [{}]}',
        b"NaN",
    ],
)
def test_what_is_not_an_answer_is_refused(raw: bytes) -> None:
    with pytest.raises(InvalidInput):
        wire.said(raw)


def test_a_responses_answer_joins_its_texts_and_calls() -> None:
    body = {
        "model": "m",
        "status": "completed",
        "usage": {"input_tokens": 3, "output_tokens": 4},
        "output": [
            {"type": "message", "content": [{"text": "One."}, {"text": ""}, {"text": "Two."}]},
            {"type": "function_call", "call_id": "c1", "name": "book", "arguments": '{"n": 2}'},
        ],
    }
    said = wire.said(json.dumps(body).encode())
    assert said.message == {"role": "assistant", "content": "One.\nTwo.", "tool_calls": [CALL]}
    assert (said.finish_reason, said.prompt_tokens, said.completion_tokens) == ("tool_calls", 3, 4)
    short = wire.said(json.dumps(body | {"status": "incomplete", "output": []}).encode())
    assert (short.finish_reason, short.message["content"]) == ("length", None)


def test_a_stream_spells_text_refusals_and_calls_of_its_first_choice() -> None:
    part = {"index": 0, "id": "c1", "function": {"name": "book", "arguments": '{"n"'}}
    rest = {"index": 0, "function": {"arguments": ": 2}"}}
    raw = stream(
        {"role": "assistant", "content": "Un"},
        {"content": "til nine."},
        {"tool_calls": [part]},
        {"tool_calls": [rest]},
        {"refusal": "no"},
    )
    other = b'data: {"choices": [{"index": 1, "delta": {"content": "other"}}]}\n\n'
    said = wire.said_in_stream(other + raw + b"data: [DONE]\n\n")
    assert said.message == {
        "role": "assistant",
        "content": "Until nine.",
        "tool_calls": [CALL],
        "refusal": "no",
    }
    assert said.finish_reason == "stop"


def test_a_stream_that_was_cut_off_has_no_finish_reason() -> None:
    assert wire.said_in_stream(stream({"content": "Un"}, finish=None)).finish_reason is None
    with pytest.raises(InvalidInput):
        wire.said_in_stream(b'data: {"choices": 3}\n\n')


@given(st.data())
def test_the_end_of_a_stream_is_seen_however_it_is_cut(data: st.DataObject) -> None:
    last = data.draw(
        st.sampled_from([b"data: [DONE]\n\n", b'data: {"type": "response.completed"}\n\n'])
    )
    raw = stream({"content": '"response.completed" [DONE]'}) + last
    cuts = sorted(data.draw(st.lists(st.integers(0, len(raw)), max_size=5)))
    pieces = [raw[a:b] for a, b in zip([0, *cuts], [*cuts, len(raw)], strict=True)]
    end = wire.StreamEnd()
    read = b""
    for piece in pieces:
        read += piece
        if end.reached(piece):
            break
    complete = len(raw) - 2  # the event is complete before its line ends
    assert len(read) >= complete
    assert len(read) - len(piece) < complete


def test_openings_and_entries_go_where_they_belong() -> None:
    opening = [{"role": "system", "content": "Be brief."}]
    ask = {"role": "user", "content": "hi"}
    assert wire.opened({"messages": [ask]}, opening) == {"messages": [*opening, ask]}
    assert wire.opened({"input": "hi"}, opening) == {"input": [*opening, ask]}
    assert wire.opened({"input": [ask]}, opening) == {"input": [*opening, ask]}
    talk = [ask, {"role": "assistant", "content": "Yes?"}, {"role": "user", "content": "Sunday?"}]
    read = wire.informed(talk, [("Open?", "Until nine.")])
    assert [m["role"] for m in read] == ["user", "assistant", "user", "user"]
    assert read[3] == talk[2]
    assert '{"question": "Open?", "answer": "Until nine."}' in read[2]["content"]


@pytest.mark.parametrize(
    ("confidence", "tokens", "known"),
    [(0, 0, True), (1, 2**31 - 1, True), (-0.01, -1, False), (1.01, 2**31, False)],
)
def test_facts_at_the_borders_of_what_can_be_stored(
    confidence: float, tokens: int, known: bool
) -> None:
    raw = completion(
        {"content": "x"},
        usage={"prompt_tokens": tokens, "completion_tokens": tokens},
        kaeshi={"confidence": confidence},
    )
    said = wire.said(raw)
    found = (said.confidence, said.prompt_tokens, said.completion_tokens)
    assert found == ((confidence, tokens, tokens) if known else (None, None, None))


def test_a_response_ends_with_its_calls_only_when_it_is_complete() -> None:
    call = {"type": "function_call", "call_id": "c1", "name": "book", "arguments": "{}"}
    for status, output, finish in (
        ("completed", [], "stop"),
        ("completed", [call], "tool_calls"),
        ("incomplete", [call], "length"),
        ("failed", [call], None),
    ):
        said = wire.said(json.dumps({"status": status, "output": output}).encode())
        assert said.finish_reason == finish
