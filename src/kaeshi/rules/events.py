"""Server-sent events, in the spelling of the standard and of servers that bend it.

https://html.spec.whatwg.org/multipage/server-sent-events.html: lines end with LF, CR LF or CR, a
space after the colon is optional, comments begin with a colon, several `data` lines make one event.
Beyond the standard: some servers leave out the blank line between events, and some write an error
on a line of its own (`error: {...}`).
"""

import json
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from pydantic_core import from_json

DONE = object()  # the data of the event that ends a chat stream
_LINES = re.compile(rb"\r\n|\n|\r")
_SURROGATE = re.compile("[\ud800-\udfff]")


class Event(NamedTuple):
    """One event: its `event` field (empty without one), and its data, decoded from JSON.

    The data is DONE for the end of a chat stream, and the text itself where it is not JSON.
    """

    kind: str
    data: Any


class EventReader:
    """Cuts a stream of bytes into events, wherever the pieces were cut."""

    def __init__(self) -> None:
        self._held = b""
        self._kind = ""
        self._pending: list[bytes] = []
        self._plain: list[bytes] = []

    def feed(self, piece: bytes) -> Iterator[Event]:
        """The events that this piece completes."""
        whole = self._held + piece
        # a CR at the end may be the first half of CR LF
        end = len(whole) - 1 if whole.endswith(b"\r") else len(whole)
        *lines, rest = _LINES.split(whole[:end])
        self._held = rest + whole[end:]
        for line in lines:
            yield from self._line(line)
        if self._held.startswith(b"data:"):
            yield from self._unterminated()

    def close(self) -> Iterator[Event]:
        """The last event, where the stream ended without a blank line."""
        held = self._held.rstrip(b"\r")
        self._held = b""
        yield from self._line(held)
        yield from self._flushed()
        self._plain.clear()

    def _line(self, line: bytes) -> Iterator[Event]:
        if self._plain or line.startswith(b"{"):
            yield from self._plain_line(line)
            return
        if not line:
            yield from self._flushed()
            return
        name, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if name.removeprefix(b"\xef\xbb\xbf") == b"data":
            yield from self._data(value)
        elif name == b"event":
            self._kind = value.decode("utf-8", "replace")
        elif name == b"error" and value:
            yield Event("error", _decoded(value))

    def _plain_line(self, line: bytes) -> Iterator[Event]:
        """A line of JSON that is no event: an error as a plain body under this content type."""
        self._plain.append(line)
        body = _whole(b"\n".join(self._plain))
        if body is not None:
            self._plain.clear()
            yield Event("", body)

    def _data(self, value: bytes) -> Iterator[Event]:
        """An event whose JSON is whole on one line does not wait for the blank line."""
        if not value and not self._pending:
            return
        self._pending.append(value)
        event = _whole(b"\n".join(self._pending))
        if event is not None:
            self._pending.clear()
            yield Event(self._kind, event)

    def _flushed(self) -> Iterator[Event]:
        if self._pending:
            yield Event(self._kind, _decoded(b"\n".join(self._pending)))
        self._pending.clear()
        self._kind = ""

    def _unterminated(self) -> Iterator[Event]:
        """The end marker, which some servers send without a line end."""
        if self._held[5:].strip() == b"[DONE]":
            self._held = b""
            yield Event(self._kind, DONE)


def _whole(data: bytes) -> Any:
    """The decoded data; None while it is not whole."""
    if data.strip() == b"[DONE]":
        return DONE
    if not data.rstrip().endswith((b"}", b"]")):
        return None
    try:
        return decoded(data)
    except ValueError:
        return None


def _decoded(data: bytes) -> Any:
    try:
        return decoded(data)
    except ValueError:
        return data.decode("utf-8", "replace")


def decoded(raw: bytes) -> Any:
    """JSON as providers send it: a lone surrogate becomes U+FFFD. Raises ValueError."""
    try:
        return from_json(raw, allow_inf_nan=False)
    except ValueError:
        return _mended(json.loads(raw, parse_constant=_refused))


def _refused(name: str) -> None:
    msg = f"{name} is not JSON"
    raise ValueError(msg)


def _mended(value: Any) -> Any:
    """The value without surrogates that have lost their other half."""
    if isinstance(value, str):
        return _SURROGATE.sub("\ufffd", value)
    if isinstance(value, list):
        return [_mended(item) for item in value]
    if isinstance(value, dict):
        return {_mended(name): _mended(item) for name, item in value.items()}
    return value
