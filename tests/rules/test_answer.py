"""Reading answers, whole and as streams."""

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.dialects import SAMPLES, Sample, calls_of
from kaeshi.rules.answer import Reader, Said, read
from kaeshi.rules.unread import Unreadable, error_in, is_error

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


def test_a_whole_answer_is_read_with_the_providers_facts() -> None:
    raw = completion(
        {"content": "Until nine."},
        usage={"prompt_tokens": 7, "completion_tokens": True},
        kaeshi={"confidence": 0.9},
    )
    said = read(raw)
    assert said.message == {"role": "assistant", "content": "Until nine."}
    assert (said.model, said.finish_reason, said.confidence) == ("m", "stop", 0.9)
    assert (said.prompt_tokens, said.completion_tokens) == (7, None)


def test_facts_of_wrong_types_are_unknown_and_names_are_cut() -> None:
    raw = completion({"content": "x"}, model="m\0" * 300, kaeshi={"confidence": 2}, usage=[])
    said = read(raw)
    assert said.model == "m" * 100
    assert (said.confidence, said.prompt_tokens) == (None, None)
    assert read(completion({"content": "x"}, model=3)).model is None


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
    with pytest.raises(Unreadable):
        read(raw)


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
    said = read(json.dumps(body).encode())
    assert said.message == {"role": "assistant", "content": "One.\nTwo.", "tool_calls": [CALL]}
    assert (said.finish_reason, said.prompt_tokens, said.completion_tokens) == ("tool_calls", 3, 4)
    short = read(json.dumps(body | {"status": "incomplete", "output": []}).encode())
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
    said = read(other + raw + b"data: [DONE]\n\n")
    assert said.message == {
        "role": "assistant",
        "content": "Until nine.",
        "tool_calls": [CALL],
        "refusal": "no",
    }
    assert said.finish_reason == "stop"


def test_a_stream_that_was_cut_off_has_no_finish_reason() -> None:
    assert read(stream({"content": "Un"}, finish=None)).finish_reason is None
    with pytest.raises(Unreadable):
        read(b'data: {"choices": 3}\n\n')


@given(st.data())
def test_a_stream_is_read_alike_however_it_is_cut(data: st.DataObject) -> None:
    ends = data.draw(st.sampled_from(["\n", "\r\n", "\r"]))
    raw = stream({"content": "Un"}, {"content": "til [DONE]"}, {"tool_calls": [CALL]})
    raw = (raw + b"data: [DONE]\n\n").replace(b"\n", ends.encode())
    cuts = sorted(data.draw(st.lists(st.integers(0, len(raw)), max_size=6)))
    reader = Reader()
    for start, end in zip([0, *cuts], [*cuts, len(raw)], strict=True):
        reader.feed(raw[start:end])
    reader.close()
    assert reader.is_over
    assert reader.said() == read(raw)
    assert reader.said().message["content"] == "Until [DONE]"


@given(st.binary(max_size=300) | st.from_regex(rb"(data: ?[\[{\"0-9a-z:}\]\n ]{0,40}\n){1,6}"))
def test_no_bytes_upset_the_reader(raw: bytes) -> None:
    with suppress(Unreadable):
        assert isinstance(read(raw), Said)
    assert is_error(raw) in {True, False}


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
    said = read(raw)
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
        said = read(json.dumps({"status": status, "output": output}).encode())
        assert said.finish_reason == finish


def check(sample: Sample, said: Said) -> None:
    expected = sample.said
    assert said.message["content"] == expected["content"]
    assert calls_of(said.message) == expected["calls"]
    assert said.message.get("refusal") == expected.get("refusal")
    assert said.finish_reason == expected["finish"]
    if "tokens" in expected:
        assert [said.prompt_tokens, said.completion_tokens] == expected["tokens"]


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.name)
def test_every_known_dialect_is_read(sample: Sample) -> None:
    if "error" in sample.said:
        if not sample.is_stream:
            assert error_in(sample.raw) == sample.said["error"]
            return
        reader = Reader()
        reader.feed(sample.raw)
        reader.close()
        assert reader.error == sample.said["error"]
    elif "unread" in sample.said:
        with pytest.raises(Unreadable) as caught:
            read(sample.raw)
        assert caught.value.dialect == sample.said["unread"]
        assert not is_error(sample.raw)
    else:
        check(sample, read(sample.raw))


@pytest.mark.parametrize(
    "sample", [s for s in SAMPLES if s.is_stream and "finish" in s.said], ids=lambda s: s.name
)
def test_a_dialect_is_read_alike_a_byte_at_a_time(sample: Sample) -> None:
    reader = Reader()
    for place in range(len(sample.raw)):
        reader.feed(sample.raw[place : place + 1])
    reader.close()
    check(sample, reader.said())
    assert reader.has_substance
    assert reader.is_finished
