"""Reading and answering ASGI requests of the gateway: headers, bodies, faults."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, MutableMapping, Sequence
from typing import Any

from pydantic_core import from_json

from kaeshi.errors import InvalidInput, ProviderError
from kaeshi.gateway.encoding import TooLarge
from kaeshi.gateway.encoding import decoded as decompressed
from kaeshi.gateway.room import LARGE, Place
from kaeshi.gateway.upstream import Reply
from kaeshi.nouns import Json
from kaeshi.rules import wire
from kaeshi.rules.threads import References

Scope = MutableMapping[str, Any]


Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]


Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


LONGEST_ID = 190
BODY_S = 30  # a client that sends less in this time holds a connection and memory for nothing
SPREAD_S = 0.01


TOO_MANY = 429


SERVER_ERROR = 500


JSON_KIND = (b"content-type", b"application/json")


class Fault(Exception):
    """A client error, answered in OpenAI's format."""

    def __init__(
        self, status: int, message: str, headers: Sequence[tuple[bytes, bytes]] = ()
    ) -> None:
        super().__init__(message)
        self.status = status
        self.headers = headers


def callers_ids(
    headers: Mapping[bytes, bytes], body: Any, refers: References
) -> tuple[str | None, str | None]:
    """(customer, conversation) as the caller names them. Raises Fault for bad ids."""
    customer = (
        given(headers, b"x-kaeshi-customer")
        or text_of(body, "user")
        or text_of(body, "safety_identifier")
        or given(headers, b"x-openwebui-user-id")
    )
    named = given(headers, b"x-kaeshi-conversation") or _conversation_of(headers, body)
    for what, value in (
        ("customer", customer),
        ("conversation", named),
        ("conversation", refers.conversation),
    ):
        if value and (len(value) > LONGEST_ID or not value.isprintable()):
            raise Fault(
                400,
                f"the {what} is {value[:20]!r}...: at most {LONGEST_ID} printable characters",
            )
    return customer, named


def _conversation_of(headers: Mapping[bytes, bytes], body: Any) -> str | None:
    """The conversation by the names that frameworks and UIs give it."""
    metadata = body.get("metadata")
    if metadata is not None:
        for name in ("conversation_id", "thread_id", "session_id", "chat_id"):
            found = text_of(metadata, name)
            if found:
                return found
    return given(headers, b"x-openwebui-chat-id")


def decoded(raw: bytes) -> tuple[Any, tuple[Json, ...]]:
    """The body and its messages. Raises Fault for anything but OpenAI's format."""
    try:
        body = from_json(raw, allow_inf_nan=False)
        messages = wire.messages_of(body)
    except InvalidInput as error:
        raise Fault(400, str(error)) from error
    except ValueError as error:
        raise Fault(
            400, "the body is not JSON; lone surrogates, NaN and infinities are not JSON either"
        ) from error
    return body, messages


async def send_fault(send: Send, error: ProviderError) -> None:
    """Answer with a provider error."""
    await send(
        {
            "type": "http.response.body",
            "body": b"data: " + fault_body(str(error), "upstream_error") + b"\n\n",
            "more_body": True,
        }
    )


def is_failure(reply: Reply) -> bool:
    """Whether the status says that the model failed."""
    return reply.status >= SERVER_ERROR or reply.status == TOO_MANY


def given(headers: Mapping[bytes, bytes], name: bytes) -> str | None:
    """A header's value, None where it is absent or empty."""
    value = headers.get(name)
    return value.decode("utf-8", "replace") or None if value is not None else None


def text_of(body: object, name: str) -> str | None:
    """A non-empty text field of the body, else None."""
    value = body.get(name) if isinstance(body, dict) else None
    return value if isinstance(value, str) and value else None


class Bodies:
    """Reads request bodies of at most `limit` bytes, decompressed."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._unfinished = 0

    async def read(self, receive: Receive, headers: Mapping[bytes, bytes], place: Place) -> bytes:
        """The whole body, which takes room in `place` once it is large.

        Raises Fault when it is too long, too late, ends early, or is not in its encoding.
        """
        # those that began together must not be refused together, which would stop all others
        seconds = BODY_S + SPREAD_S * self._unfinished
        self._unfinished += 1
        try:
            async with asyncio.timeout(seconds) as deadline:
                event, body = await self._whole(receive, headers, place, deadline, seconds)
        except TimeoutError as error:
            raise Fault(408, f"the body was not here within {seconds:.0f} seconds") from error
        finally:
            self._unfinished -= 1
        if len(body) > self._limit:
            raise Fault(413, f"the body is over {self._limit} bytes (GATEWAY_MAX_BODY_MB)")
        if event["type"] == "http.disconnect":
            raise Fault(400, "the body ended early")
        encoding = headers.get(b"content-encoding")
        return _decompressed(body, encoding, self._limit) if encoding else body

    async def _whole(
        self,
        receive: Receive,
        headers: Mapping[bytes, bytes],
        place: Place,
        deadline: asyncio.Timeout,
        seconds: float,
    ) -> tuple[MutableMapping[str, Any], bytes]:
        """(the last message of the body, the body as far as the limit goes)."""
        event = await receive()
        if not event.get("more_body"):
            return event, event.get("body", b"")
        parts = bytearray(event.get("body", b""))
        while event.get("more_body") and len(parts) <= self._limit:
            if len(parts) >= LARGE and not place.held:
                # the wait is ours, and not the client's
                deadline.reschedule(None)
                await place.take(_declared(headers, self._limit))
                deadline.reschedule(asyncio.get_running_loop().time() + seconds)
            event = await receive()
            parts += event.get("body", b"")
        return event, bytes(parts)


def _declared(headers: Mapping[bytes, bytes], largest: int) -> int:
    """What a body may come to: what it says, and the largest where it does not say."""
    said = headers.get(b"content-length", b"")
    return min(int(said), largest) if said.isdigit() else largest


def _decompressed(body: bytes, encoding: bytes, limit: int) -> bytes:
    try:
        return decompressed(body, encoding, limit)
    except TooLarge as error:
        raise Fault(413, f"{error} (GATEWAY_MAX_BODY_MB)") from error
    except InvalidInput as error:
        raise Fault(415, str(error)) from error


async def chained(first: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """A stream whose first piece is already read."""
    try:
        yield first
        async for piece in rest:
            yield piece
    finally:
        await close_stream(rest)


async def close_stream(pieces: AsyncIterator[bytes]) -> None:
    """Tell the source of the pieces that the client has left."""
    await pieces.aclose()  # type: ignore[attr-defined]  # every stream here is an async generator


async def send_response(
    send: Send, status: int, body: bytes, headers: list[tuple[bytes, bytes]]
) -> None:
    """Send a whole response."""
    headers.append((b"content-length", str(len(body)).encode()))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def without_body(send: Send) -> Send:
    """A send for HEAD: the same head, and no body."""

    async def sent(message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.body":
            message["body"] = b""
        await send(message)

    return sent


def fault_body(message: str, kind: str) -> bytes:
    """An error in OpenAI's format."""
    return json.dumps(
        {"error": {"message": message, "type": kind, "param": None, "code": None}}
    ).encode()
