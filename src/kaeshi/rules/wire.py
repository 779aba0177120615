"""OpenAI's chat and responses JSON as it passes the gateway: messages and speakers.

Nothing is repaired: other formats raise InvalidInput, and the bytes are forwarded unchanged.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic_core import from_json

from kaeshi.errors import InvalidInput
from kaeshi.nouns import Json, text_of

# json.dumps with options makes an encoder for every call
_json = json.JSONEncoder(ensure_ascii=False).encode
_MODEL = re.compile(rb'"model"\s*:\s*("(?:[^"\\]|\\.)*")')
LONGEST = 200  # longest stored model name
_RESPONSE_ENDS = frozenset({"response.completed", "response.incomplete", "response.failed"})
_ENDS = (b'"response.completed"', b'"response.incomplete"', b'"response.failed"')


@dataclass(frozen=True, kw_only=True, slots=True)
class Said:
    """A model's reply as one message, with the provider's facts about it."""

    message: Json
    model: str | None = None
    confidence: float | None = None  # of the responder
    finish_reason: str | None = None
    prompt_tokens: int | None = None
    completion_tokens: int | None = None


def with_model(raw: bytes, body: Mapping[str, Any], model: str) -> bytes:
    """The request for another model, every other byte unchanged.

    Only where the name's place is ambiguous is the whole body written again.

    >>> with_model(b'{"model": "concierge", "n": 1.0}', {"model": "concierge", "n": 1.0}, "ft:x")
    b'{"model": "ft:x", "n": 1.0}'
    """
    places = list(_MODEL.finditer(raw))
    if len(places) != 1:
        return _json({**body, "model": model}).encode()
    start, end = places[0].span(1)
    return raw[:start] + _json(model).encode() + raw[end:]


def messages_of(body: object) -> tuple[Json, ...]:
    """A request as chat messages. Raises InvalidInput."""
    if not isinstance(body, dict):
        raise InvalidInput("the body is a JSON object")
    found = body.get("messages") if "messages" in body else _from_input(body)
    if (
        not isinstance(found, list)
        or not found
        or not all(isinstance(m, dict) and isinstance(m.get("role"), str) for m in found)
    ):
        msg = "messages is a list of at least one message with a role"
        raise InvalidInput(msg)
    return tuple(found)


def replied(messages: Sequence[Json]) -> int:
    """How many messages there are up to and including the assistant's last reply.

    0 without one.
    """
    return next(
        (i for i in range(len(messages), 0, -1) if messages[i - 1]["role"] == "assistant"), 0
    )


def thread(messages: Sequence[Json]) -> str:
    """The conversation in one normal form.

    What clients add, drop or reorder around a message does not matter. System and developer
    messages belong to the caller and may change between turns (such as the date in them), so they
    are left out.
    """
    return _json(
        [
            [m["role"], text_of(m), [_call(call) for call in _listed(m.get("tool_calls"))]]
            for m in messages
            if m["role"] not in {"system", "developer"}
        ]
    )


def said(raw: bytes) -> Said:
    """The reply in a chat completion or a response. Raises InvalidInput for anything else."""
    body = _decoded(raw)
    if isinstance(body, dict) and isinstance(body.get("output"), list):
        return _said_response(body)
    try:
        choice = body["choices"][0]
        message = choice["message"]
        ours = body.get("kaeshi") or {}
        facts = _facts_of(
            body.get("model"),
            choice.get("finish_reason"),
            body.get("usage"),
            "prompt_tokens",
            "completion_tokens",
            ours.get("confidence"),
        )
        return Said(message={**message, "role": "assistant"}, **facts)
    except (KeyError, IndexError, TypeError, AttributeError) as error:
        raise InvalidInput("the answer is not OpenAI's chat format") from error


class StreamEnd:
    """Finds the piece of a stream in which its last event is complete.

    Before that piece leaves, the record must be on disk: the client then believes that it has the
    whole answer.
    """

    def __init__(self) -> None:
        self._held = b""

    def reached(self, piece: bytes) -> bool:
        """Whether this piece completes it."""
        *lines, self._held = (self._held + piece).split(b"\n")
        return any(map(_is_last, lines)) or _is_last(self._held)


def _is_last(line: bytes) -> bool:
    data = line[5:].strip() if line.startswith(b"data:") else b""
    if data == b"[DONE]":
        return True
    if not any(kind in data for kind in _ENDS):
        return False
    try:
        event = from_json(data)
    except ValueError:  # it is not complete yet
        return False
    return isinstance(event, dict) and f'"{event.get("type")}"'.encode() in _ENDS


def opened(body: Mapping[str, Any], opening: Sequence[Json]) -> Json:
    """The request with other messages put before its messages or its input."""
    if "messages" in body:
        return {"messages": [*opening, *body["messages"]]}
    asked = body.get("input")
    return {
        "input": [
            *opening,
            *([{"role": "user", "content": asked}] if isinstance(asked, str) else asked or []),
        ]
    }


def informed(messages: Sequence[Json], entries: Sequence[tuple[str, str]]) -> list[Json]:
    """The messages with (question, answer) entries in a message before the customer's last.

    It has the user's role and holds JSON: entries come from people's words, which must not act as
    system instructions.
    """
    listed = json.dumps(
        [{"question": question, "answer": answer} for question, answer in entries],
        ensure_ascii=False,
    )
    block = {
        "role": "user",
        "content": (
            f"Knowledge base entries that may help to answer the next message, as JSON:\n{listed}"
        ),
    }
    last = next(
        (i for i in range(len(messages) - 1, -1, -1) if messages[i].get("role") == "user"),
        len(messages),
    )
    return [*messages[:last], block, *messages[last:]]


def events(raw: bytes) -> Iterator[Any]:
    """The data of server-sent events, decoded. Raises InvalidInput for invalid JSON."""
    for line in raw.splitlines():
        if line.startswith(b"data:") and (data := line[5:].strip()) != b"[DONE]" and data:
            yield _decoded(data)


def said_in_stream(raw: bytes) -> Said:
    """The reply in a whole stream: its first choice.

    A stream that was cut off has no finish_reason. Raises InvalidInput.
    """
    spelt = _Spelt()
    try:
        for event in events(raw):
            if event.get("response") and event["type"] in _RESPONSE_ENDS:
                return _said_response(event["response"])
            spelt.take(event)
        message = spelt.message()
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InvalidInput("the stream is not OpenAI's chat format") from error
    about = _facts_of(spelt.model, spelt.finish, spelt.usage, "prompt_tokens", "completion_tokens")
    return Said(message=message, **about)


class _Spelt:
    """A chat stream's first choice, assembled from its events."""

    def __init__(self) -> None:
        self.content: list[str] = []
        self.refusal: list[str] = []
        self.calls: dict[int, Json] = {}
        self.model: object = None
        self.finish: object = None
        self.usage: object = None

    def take(self, event: Mapping[str, Any]) -> None:
        """Add one event."""
        self.model = event.get("model") or self.model
        self.usage = event.get("usage") or self.usage
        for choice in event.get("choices") or ():
            if choice.get("index", 0) == 0:
                self._take_choice(choice)

    def _take_choice(self, choice: Mapping[str, Any]) -> None:
        self.finish = choice.get("finish_reason") or self.finish
        delta = choice.get("delta") or {}
        self.content.append(delta.get("content") or "")
        self.refusal.append(delta.get("refusal") or "")
        for part in delta.get("tool_calls") or ():
            _add_call(self.calls, part)

    def message(self) -> Json:
        """The reply as one message."""
        message: Json = {"role": "assistant", "content": "".join(self.content) or None}
        if self.calls:
            message["tool_calls"] = [self.calls[i] for i in sorted(self.calls)]
        refused = "".join(self.refusal)
        if refused:
            message["refusal"] = refused
        return message


def _add_call(calls: dict[int, Json], part: Mapping[str, Any]) -> None:
    call = calls.setdefault(
        int(part.get("index", 0)),
        {"id": "", "type": "function", "function": {"name": "", "arguments": ""}},
    )
    call["id"] = part.get("id") or call["id"]
    for name in ("name", "arguments"):
        call["function"][name] += (part.get("function") or {}).get(name) or ""


def _call(call: object) -> list[object]:
    """A tool call's id, name and arguments; for anything else all of it."""
    function = call.get("function") if isinstance(call, dict) else None
    if not isinstance(call, dict) or not isinstance(function, dict):
        return [call]
    return [call.get("id"), function.get("name"), function.get("arguments")]


def _listed(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _facts_of(
    model: object,
    finish: object,
    usage: object,
    prompt: str,
    completion: str,
    confidence: object = None,
) -> dict[str, Any]:
    """A provider's facts about its answer, as far as they have the right types."""
    tokens = usage if isinstance(usage, dict) else {}
    return {
        "model": model[:LONGEST].replace("\0", "") if isinstance(model, str) else None,
        "finish_reason": finish[:40].replace("\0", "") if isinstance(finish, str) else None,
        "prompt_tokens": _count(tokens.get(prompt)),
        "completion_tokens": _count(tokens.get(completion)),
        "confidence": float(confidence)
        if isinstance(confidence, int | float) and 0 <= confidence <= 1
        else None,
    }


def _count(value: object) -> int | None:
    return (
        value
        if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**31
        else None
    )


def _said_response(body: Mapping[str, Any]) -> Said:
    """A response's output as one message: its texts joined, its function calls as tool calls."""
    try:
        texts, calls = _items_of(body)
        finish = {"completed": "stop", "incomplete": "length"}.get(body.get("status", ""))
        said = "\n".join(texts)
    except (KeyError, TypeError, AttributeError) as error:
        raise InvalidInput("the answer is not OpenAI's responses format") from error
    message: Json = {"role": "assistant", "content": said or None}
    if calls:
        message["tool_calls"] = calls
    ended = "tool_calls" if calls and finish == "stop" else finish
    return Said(
        message=message,
        **_facts_of(body.get("model"), ended, body.get("usage"), "input_tokens", "output_tokens"),
    )


def _items_of(body: Mapping[str, Any]) -> tuple[list[Any], list[Json]]:
    texts = [
        part["text"]
        for item in body["output"]
        if item["type"] == "message"
        for part in item["content"]
        if part.get("text")
    ]
    calls = [
        {
            "id": item["call_id"],
            "type": "function",
            "function": {"name": item["name"], "arguments": item["arguments"]},
        }
        for item in body["output"]
        if item["type"] == "function_call"
    ]
    return texts, calls


def _from_input(body: Mapping[str, Any]) -> object:
    """A responses request's `instructions` and `input` as chat messages.

    Items that are neither message nor call are left out.
    """
    asked = body.get("input")
    if isinstance(asked, str):
        asked = [{"role": "user", "content": asked}]
    if not isinstance(asked, list):
        return None
    found: list[Json] = (
        [{"role": "system", "content": body["instructions"]}]
        if isinstance(body.get("instructions"), str)
        else []
    )
    for item in asked:
        if not isinstance(item, dict):
            return None
        if item.get("type") == "function_call":
            call = {
                "id": item.get("call_id"),
                "type": "function",
                "function": {k: item.get(k) for k in ("name", "arguments")},
            }
            found.append({"role": "assistant", "content": None, "tool_calls": [call]})
        elif item.get("type") == "function_call_output":
            found.append(
                {"role": "tool", "tool_call_id": item.get("call_id"), "content": item.get("output")}
            )
        elif "role" in item:
            found.append({"role": item["role"], "content": _plain(item.get("content"))})
    return found


def _plain(content: object) -> object:
    """Text parts by chat's name: the responses API calls them input_text and output_text."""
    if not isinstance(content, list):
        return content
    texts = {"input_text", "output_text"}
    return [
        {"type": "text", "text": part.get("text")}
        if isinstance(part, dict) and part.get("type") in texts
        else part
        for part in content
    ]


def _decoded(raw: bytes) -> Any:
    try:
        return from_json(raw, allow_inf_nan=False)
    except ValueError as error:
        raise InvalidInput("not JSON") from error
