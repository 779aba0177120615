"""What an answer is: one reader for chat completions and responses, whole and as streams.

Providers that speak OpenAI's wire differ in spelling: parallel calls without an index, content in
parts, arguments as objects, events without a space after the colon, a final response without its
output. `tests/gateway/dialects` holds one small answer of each with its origin. What cannot be read
raises Unreadable with a name for the dialect; it is no proof that the model failed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kaeshi.nouns import Json
from kaeshi.rules.events import DONE, Event, EventReader, decoded
from kaeshi.rules.message import Calls, Content, call_of_item, calls_in, message_of
from kaeshi.rules.unread import Unreadable, dialect_of, error_of, is_error, kind_of_text

LONGEST = 200  # longest stored name of a model or id of an answer
SHORT = 40
_ENDS = {
    "response.completed": "stop",
    "response.incomplete": "length",
    "response.done": "stop",
}
_UNDER_WAY = frozenset({"queued", "in_progress"})
_NO_REASONS = frozenset({"", "null", "None"})
_STATUSES = {"completed": "stop", "incomplete": "length"}


@dataclass(kw_only=True, slots=True)  # not frozen: freezing costs 2 us a request
class Said:
    """A model's reply as one message, with the provider's facts about it."""

    message: Json
    id: str | None = None  # the answer's own, such as chatcmpl-... or resp_...
    model: str | None = None
    confidence: float | None = None  # of the responder
    finish_reason: str | None = None
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    item_ids: tuple[str, ...] = ()  # of a response's output items, or of an audio answer
    others: tuple[Json, ...] = ()  # the messages of further choices


def is_failure_of_model(raw: bytes) -> bool:
    """Whether a whole answer with a good status is no answer: an error, a page, or nothing."""
    if not is_stream(raw):
        return is_error(raw)
    reader = _reader_of(raw)
    return reader.error is not None or reader.is_empty


def read(raw: bytes) -> Said:
    """The reply in an answer, whole or a stream. Raises Unreadable.

    A stream that was cut off has no finish_reason.
    """
    if not is_stream(raw):
        return _whole(raw)
    return _reader_of(raw).said()


def _reader_of(raw: bytes) -> "Reader":
    reader = Reader()
    reader.feed(raw)
    reader.close()
    return reader


def is_stream(raw: bytes) -> bool:
    """Whether the bytes are server-sent events."""
    head = raw[:200].lstrip(b"\xef\xbb\xbf\r\n ")
    return head.startswith((b"data:", b"event:", b":", b"id:", b"retry:", b"error:"))


class Reader:
    """Reads a stream as it passes.

    `has_substance`: a word, call, refusal or image has come. `error`: the provider's message, if it
    sent an error. `is_finished`: the first choice is complete. `is_over`: nothing more comes.
    """

    def __init__(self) -> None:
        self._events = EventReader()
        self._chat = _Chat()
        self._response = _Response()
        self._dialect: str | None = None
        self.has_substance = False
        self.error: str | None = None
        self.is_over = False

    @property
    def is_finished(self) -> bool:
        """Whether the answer is complete, though usage may still come."""
        return self._chat.finish is not None or self._response.finish is not None

    @property
    def is_foreign(self) -> bool:
        """Whether all events so far are of a dialect that is not known here."""
        return self._dialect is not None and not (self._chat.has_begun or self._response.has_begun)

    @property
    def is_empty(self) -> bool:
        """Whether not even an unknown event came."""
        return self._dialect is None and not (self._chat.has_begun or self._response.has_begun)

    @property
    def has_usage(self) -> bool:
        """Whether the provider has sent the tokens."""
        return self._chat.usage is not None or self._response.usage is not None

    def feed(self, piece: bytes) -> None:
        """Read the next bytes."""
        for event in self._events.feed(piece):
            self._take(event)

    def close(self) -> None:
        """Read what is left when the stream has ended."""
        for event in self._events.close():
            self._take(event)

    def said(self) -> Said:
        """The reply as far as it has come. Raises Unreadable."""
        if self._response.has_begun:
            return self._response.said()
        if not self._chat.has_begun:
            raise Unreadable(self._dialect or "an empty stream")
        return self._chat.said()

    def _take(self, event: Event) -> None:
        body = event.data
        if body is DONE:
            self.is_over = True
            return
        if event.kind == "error":
            self.error = error_of(body) or error_of({"error": body})
            return
        if isinstance(body, list) and body:  # Gemini's errors come in a list
            body = body[0]
        if not isinstance(body, dict):
            self._dialect = self._dialect or dialect_of(body)
            return
        self._take_body(body)

    def _take_body(self, body: Json) -> None:
        try:
            known = self._chat.take(body) or self._response.take(body)
        except (KeyError, TypeError, ValueError, AttributeError):
            known = False
        self.error = self.error or error_of(body)
        if not known and self.error is None:
            self._dialect = self._dialect or dialect_of(body)
        self.has_substance = self._chat.has_substance or self._response.has_substance
        self.is_over = self.is_over or self._response.finish is not None


class _Chat:
    """A chat stream's first choice, assembled from its chunks."""

    def __init__(self) -> None:
        self.has_begun = False
        self.has_substance = False
        self.finish: str | None = None
        self.usage: object = None
        self._model: object = None
        self._id: object = None
        self._confidence: object = None
        self._content = Content()
        self._calls = Calls()

    def take(self, body: Mapping[str, Any]) -> bool:
        """Add one chunk; False if it is none."""
        choices = body.get("choices")
        if not isinstance(choices, list):
            return False
        self.has_begun = True
        self._model = body.get("model") or self._model
        self._id = body.get("id") or self._id
        self.usage = body.get("usage") or _groqs(body) or self.usage
        self._confidence = (body.get("kaeshi") or {}).get("confidence") or self._confidence
        for choice in choices:
            if (choice.get("index") or 0) == 0:
                self._take_choice(choice)
        self.has_substance = self._content.has_substance or self._calls.has_begun
        return True

    def _take_choice(self, choice: Mapping[str, Any]) -> None:
        self.finish = _finish(choice.get("finish_reason")) or self.finish
        # some servers repeat the whole message at the end
        delta = choice.get("delta") or (
            (choice.get("message") or {}) if not self.has_substance else {}
        )
        self._content.add(delta)
        if isinstance(choice.get("text"), str):  # a legacy completion
            self._content.add({"content": choice["text"]})
        for part in calls_in(delta):
            self._calls.add(part)

    def said(self) -> Said:
        message = self._content.message()
        calls = self._calls.listed()
        if calls:
            message["tool_calls"] = calls
        asked, answered = _tokens(self.usage)
        return Said(
            message=message,
            id=_short(self._id, LONGEST),
            model=_short(self._model, LONGEST),
            confidence=_confidence(self._confidence),
            finish_reason=_short(self.finish, SHORT),
            prompt_tokens=asked,
            completion_tokens=answered,
        )


class _Response:
    """A stream of the responses API, assembled from its events."""

    def __init__(self) -> None:
        self.has_begun = False
        self.has_substance = False
        self.finish: str | None = None
        self.usage: object = None
        self._head: Json = {}
        self._items: dict[int, Json] = {}

    def take(self, body: Mapping[str, Any]) -> bool:
        """Add one event; False if it is none of this API's."""
        kind = body.get("type")
        if not isinstance(kind, str) or not kind.startswith("response."):
            return False
        self.has_begun = True
        if isinstance(body.get("response"), dict):
            self._head = self._head | {k: v for k, v in body["response"].items() if v is not None}
            self.usage = self._head.get("usage")
        self._take_item(kind, body)
        self.finish = _ENDS.get(kind, self.finish)
        return True

    def _take_item(self, kind: str, body: Mapping[str, Any]) -> None:
        place = int(body.get("output_index") or 0)
        if isinstance(body.get("item"), dict):
            self._items[place] = dict(body["item"])
            self.has_substance = self.has_substance or _is_call(body["item"])
        delta = body.get("delta")
        if isinstance(delta, str) and delta:
            self._take_delta(kind, place, body, delta)

    def _take_delta(self, kind: str, place: int, body: Mapping[str, Any], delta: str) -> None:
        parts = {
            "response.output_text.delta": ("text", "output_text"),
            "response.refusal.delta": ("refusal", "refusal"),
        }
        if kind in parts:
            self.has_substance = True
            item = self._items.setdefault(place, {"type": "message", "content": []})
            _add_text(item, int(body.get("content_index") or 0), *parts[kind], delta)
        elif kind == "response.function_call_arguments.delta":
            self.has_substance = True
            item = self._items.setdefault(place, {"type": "function_call"})
            item["arguments"] = (item.get("arguments") or "") + delta

    def said(self) -> Said:
        output = self._head.get("output") or [self._items[i] for i in sorted(self._items)]
        body = self._head | {"output": output}
        body["status"] = body.get("status") if self.finish is None else _status(self.finish)
        found = _said_response(body)
        if self.finish is not None:
            return found
        return Said(message=found.message, id=found.id, model=found.model)


def _add_text(item: Json, place: int, field: str, kind: str, delta: str) -> None:
    """Add a piece of text to a message item's part."""
    parts = item.get("content")
    if not isinstance(parts, list):
        parts = item["content"] = []
    while len(parts) <= place:
        parts.append({"type": kind, field: ""})
    parts[place][field] = (parts[place].get(field) or "") + delta


def _status(finish: str) -> str:
    return "completed" if finish == "stop" else "incomplete"


def _is_call(item: Mapping[str, Any]) -> bool:
    kind = item.get("type")
    return isinstance(kind, str) and kind.endswith("_call")


def _whole(raw: bytes) -> Said:
    try:
        body = decoded(raw)
    except ValueError as error:
        raise Unreadable(kind_of_text(raw)) from error
    if isinstance(body, dict):
        try:
            if isinstance(body.get("output"), list):
                return _said_response(body)
            if isinstance(body.get("choices"), list) and body["choices"]:
                return _said_chat(body)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise Unreadable(dialect_of(body)) from error
    raise Unreadable(dialect_of(body))


def _said_chat(body: Mapping[str, Any]) -> Said:
    choices = body["choices"]
    choice = choices[0]
    if len(choices) > 1:
        choice = next((c for c in choices if (c.get("index") or 0) == 0), choice)
    message = choice.get("message") or choice.get("delta")
    if not isinstance(message, dict):
        message = {"content": choice["text"]}
    own = body.get("kaeshi") or {}
    asked, answered = _tokens(body.get("usage"))
    return Said(
        message=message_of(message),
        id=_short(body.get("id"), LONGEST),
        model=_short(body.get("model"), LONGEST),
        confidence=_confidence(own.get("confidence")),
        finish_reason=_short(_finish(choice.get("finish_reason")), SHORT),
        prompt_tokens=asked,
        completion_tokens=answered,
        item_ids=_audio_ids(message) if "audio" in message else (),
        others=_other_messages(choices, choice) if len(choices) > 1 else (),
    )


def _other_messages(choices: Sequence[Any], first: Mapping[str, Any]) -> tuple[Json, ...]:
    """The messages of further choices: the client may go on with any of them."""
    others = [c for c in choices if c is not first]
    return tuple(message_of(c["message"]) for c in others if isinstance(c.get("message"), dict))


def _audio_ids(message: Mapping[str, Any]) -> tuple[str, ...]:
    audio = message.get("audio")
    return (str(audio["id"]),) if isinstance(audio, dict) and audio.get("id") else ()


def _message_of_items(items: Sequence[Json]) -> Json:
    """A response's output as one message: its texts joined, its calls as tool calls."""
    content = Content()
    texts: list[str] = []
    calls: list[Json] = []
    for item in items:
        if item["type"] == "message":
            parts = item.get("content") or ()
            texts += [part["text"] for part in parts if isinstance(part.get("text"), str)]
            content.add({"content": [part for part in parts if "text" not in part]})
        elif item["type"] in {"function_call", "custom_tool_call"}:
            calls.append(call_of_item(item))
    message = content.message()
    message["content"] = "\n".join(text for text in texts if text) or None
    if calls:
        message["tool_calls"] = calls
    return message


def _said_response(body: Mapping[str, Any]) -> Said:
    message = _message_of_items(body["output"])
    calls = message.get("tool_calls")
    status = str(body.get("status"))
    if status in _UNDER_WAY and not body["output"]:
        raise Unreadable("a response in the background")
    finish = _STATUSES.get(status)
    why = (body.get("incomplete_details") or {}).get("reason")
    if finish == "length" and why == "content_filter":
        finish = why
    asked, answered = _tokens(body.get("usage"))
    return Said(
        message=message,
        item_ids=tuple(str(item["id"])[:LONGEST] for item in body["output"] if item.get("id")),
        id=_short(body.get("id"), LONGEST),
        model=_short(body.get("model"), LONGEST),
        finish_reason="tool_calls" if calls and finish == "stop" else finish,
        prompt_tokens=asked,
        completion_tokens=answered,
    )


def _finish(reason: object) -> str | None:
    """A finish reason; some servers spell its absence as a text."""
    return reason if isinstance(reason, str) and reason not in _NO_REASONS else None


def _groqs(body: Mapping[str, Any]) -> object:
    """Where Groq puts the usage of a stream."""
    own = body.get("x_groq")
    return own.get("usage") if isinstance(own, dict) else None


def _confidence(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) and 0 <= value <= 1 else None


def _short(value: object, longest: int) -> str | None:
    return value[:longest].replace("\0", "") if isinstance(value, str) and value else None


def _tokens(usage: object) -> tuple[int | None, int | None]:
    """(of the request, of the answer) by either API's names."""
    if not isinstance(usage, dict):
        return None, None
    asked = usage.get("prompt_tokens", usage.get("input_tokens"))
    answered = usage.get("completion_tokens", usage.get("output_tokens"))
    return _count(asked), _count(answered)


def _count(value: object) -> int | None:
    is_count = isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**31
    return value if is_count and isinstance(value, int) else None
