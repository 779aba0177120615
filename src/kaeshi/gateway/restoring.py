"""Restores placeholders in a model's answers with the conversation's own values.

An answer with a placeholder that cannot be restored is never served.
"""

import json
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from typing import Any

from kaeshi import pii
from kaeshi.errors import ProviderError
from kaeshi.gateway.upstream import Reply
from kaeshi.nouns import HAND_OVER, Json
from kaeshi.rules.events import DONE, Event, EventReader, decoded

Found = Mapping[str, Sequence[str]]


def completion(text: str, model: str, identifier: str, created: int, *, streamed: bool) -> Reply:
    """A chat completion of our own in OpenAI's format."""
    about = {"id": identifier, "created": created, "model": model}
    if not streamed:
        return _whole_completion(text, about)
    parts = [({"role": "assistant", "content": text}, None), ({}, "stop")]
    chunks = [
        {
            **about,
            "object": "chat.completion.chunk",
            "choices": [{"index": 0, "delta": delta, "finish_reason": finish}],
        }
        for delta, finish in parts
    ]
    return Reply(
        200,
        {b"content-type": b"text/event-stream"},
        b"".join(map(_event, chunks)) + b"data: [DONE]\n\n",
    )


def _whole_completion(text: str, about: dict[str, object]) -> Reply:
    message = {"role": "assistant", "content": text, "refusal": None}
    choice = {"index": 0, "finish_reason": "stop", "logprobs": None, "message": message}
    body = json.dumps(
        {
            **about,
            "object": "chat.completion",
            "choices": [choice],
            "kaeshi": {"hand_over": True},
        }
    ).encode()
    return Reply(200, {b"content-type": b"application/json"}, body)


def restored(raw: bytes, found: Found) -> bytes:
    """A whole completion, restored.

    A choice that still holds a placeholder becomes a hand-over. Raises ProviderError for anything
    but a completion.
    """
    try:
        body = decoded(raw)
        choices = [(choice, choice["message"]) for choice in body["choices"]]
    except (ValueError, KeyError, TypeError) as error:
        raise ProviderError("the answer is not OpenAI's chat format") from error
    for choice, message in choices:
        choice["message"] = _restored(message, found)
        choice["logprobs"] = None
        if pii.holds_placeholder(json.dumps(choice["message"], ensure_ascii=False)):
            choice["message"] = {"role": "assistant", "content": HAND_OVER, "refusal": None}
            choice["finish_reason"] = "stop"
    return json.dumps(body, ensure_ascii=False).encode()


async def restored_pieces(pieces: AsyncIterator[bytes], found: Found) -> AsyncIterator[bytes]:
    """A stream, restored event by event.

    Where a placeholder remains, the choice ends with a hand-over.
    """
    reader = EventReader()
    choices: dict[int, _Choice] = {}
    try:
        async for piece in pieces:
            for event in reader.feed(piece):
                for passed in _restored_event(event, choices, found):
                    yield passed
        for event in reader.close():
            for passed in _restored_event(event, choices, found):
                yield passed
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ProviderError("the stream is not OpenAI's chat format") from error
    finally:
        await pieces.aclose()  # type: ignore[attr-defined]  # every stream here is an async generator


def _restored_event(event: Event, choices: "dict[int, _Choice]", found: Found) -> Iterator[bytes]:
    body = event.data
    if body is DONE:
        yield b"data: [DONE]\n\n"
        return
    if event.kind == "error" or body.get("error"):
        raise ProviderError("the model's provider broke off the stream")
    body["choices"] = [
        part
        for choice in body.get("choices") or []
        for part in choices.setdefault(choice.get("index") or 0, _Choice(found)).passed(choice)
    ]
    if body["choices"] or body.get("usage"):
        yield _event(body)


class _Choice:
    """One choice of a stream.

    Its text and the arguments of each tool call are restored separately.
    """

    def __init__(self, found: Found) -> None:
        self._found = found
        self._texts = dict[str, pii.Restorer]()
        self._calls = dict[int, pii.Restorer]()
        self._over = False

    def passed(self, choice: Json) -> Iterator[Json]:
        """The next restored part; empty once the choice has ended."""
        if self._over:
            return
        delta = dict(choice.get("delta") or {})
        ends = choice.get("finish_reason") is not None
        self._restore_texts(delta, ends=ends)
        if isinstance(
            old := delta.get("function_call"), dict
        ):  # the name of tool_calls in the older format; a piece of its arguments looks the same
            delta["tool_calls"] = [{"index": 0, "type": "function", "function": old}]
            del delta["function_call"]
        self._restore_calls(delta, ends=ends)
        if pii.holds_placeholder(json.dumps(delta, ensure_ascii=False)):
            self._over = True
            yield {**choice, "delta": {"content": HAND_OVER}, "finish_reason": None}
            yield {**choice, "delta": {}, "finish_reason": "stop"}
            return
        yield {name: value for name, value in choice.items() if name != "logprobs"} | {
            "delta": delta,
            "logprobs": None,
        }

    def _restore_texts(self, delta: Json, *, ends: bool) -> None:
        for name, value in list(delta.items()):
            text = _text_of_parts(value)
            if text is not None and name != "role":
                delta[name] = self._texts.setdefault(name, pii.Restorer(self._found)).feed(text)
        if ends:
            for name, restorer in self._texts.items():
                delta[name] = (delta.get(name) or "") + restorer.close()

    def _restore_calls(self, delta: Json, *, ends: bool) -> None:
        calls = [self._call(part) for part in delta.get("tool_calls") or ()]
        if ends:
            left = ((i, r.close()) for i, r in self._calls.items())
            calls += [{"index": i, "function": {"arguments": rest}} for i, rest in left if rest]
        if calls:
            delta["tool_calls"] = calls

    def _call(self, part: Json) -> Json:
        function = part.get("function") or {}
        if "arguments" not in function:
            return part
        written = function["arguments"] or ""
        index = part.get("index")
        if not isinstance(written, str):
            arguments = _restored(written, self._found)
        elif isinstance(index, int):
            restorer = self._calls.setdefault(index, pii.Restorer(self._found, as_json=True))
            arguments = restorer.feed(written)
        else:  # where parallel calls have no index, each part is a whole call
            arguments = pii.restore(written, self._found, as_json=True)
        return {**part, "function": {**function, "arguments": arguments}}


def _text_of_parts(value: object) -> str | None:
    """A piece of text; that of a list of text parts, as some providers send it."""
    if isinstance(value, str):
        return value
    if isinstance(value, list) and value and all(_is_text(part) for part in value):
        return "".join(part["text"] for part in value)
    return None


def _is_text(part: object) -> bool:
    return (
        isinstance(part, dict) and part.get("type") == "text" and isinstance(part.get("text"), str)
    )


def _restored(value: Any, found: Found, key: str = "") -> Any:
    if isinstance(value, str):
        return pii.restore(value, found, as_json=True if key == "arguments" else None)
    if isinstance(value, dict):
        return {name: _restored(item, found, name) for name, item in value.items()}
    return [_restored(item, found, key) for item in value] if isinstance(value, list) else value


def _event(content: Json) -> bytes:
    return b"data: " + json.dumps(content, ensure_ascii=False).encode() + b"\n\n"
