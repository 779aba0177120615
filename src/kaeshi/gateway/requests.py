"""Reading and answering ASGI requests of the gateway: headers, bodies, faults."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, MutableMapping
from typing import Any

from pydantic_core import from_json

from kaeshi.errors import InvalidInput, ProviderError
from kaeshi.gateway.upstream import Reply
from kaeshi.nouns import Json
from kaeshi.rules import wire

Scope = MutableMapping[str, Any]


Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]


Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


MAX_BODY = 16 * 1024 * 1024


LONGEST_ID = 190


TOO_MANY = 429


SERVER_ERROR = 500


JSON_KIND = (b"content-type", b"application/json")


class Fault(Exception):
    """A client error, answered in OpenAI's format."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


def callers_ids(headers: Mapping[bytes, bytes], body: Any) -> tuple[str | None, str | None]:
    """(customer, conversation) as the caller names them. Raises Fault for bad ids."""
    customer = (
        given(headers, b"x-kaeshi-customer")
        or text_of(body, "user")
        or text_of(body, "safety_identifier")
    )
    named = given(headers, b"x-kaeshi-conversation") or text_of(
        body.get("metadata"), "conversation_id"
    )
    for what, value in (("customer", customer), ("conversation", named)):
        if value and (len(value) > LONGEST_ID or not value.isprintable()):
            raise Fault(
                400,
                f"the {what} is {value[:20]!r}...: at most {LONGEST_ID} printable characters",
            )
    return customer, named


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


async def body_of(receive: Receive) -> bytes:
    """The whole request body. Raises Fault when it is too long or ends early."""
    event = await receive()
    body: bytes = event.get("body", b"")
    while event.get("more_body") and len(body) <= MAX_BODY:
        event = await receive()
        body += event.get("body", b"")
    if len(body) > MAX_BODY:
        raise Fault(413, f"more than {MAX_BODY} bytes")
    if event["type"] == "http.disconnect":
        raise Fault(400, "the body ended early")
    return body


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


def fault_body(message: str, kind: str) -> bytes:
    """An error in OpenAI's format."""
    return json.dumps(
        {"error": {"message": message, "type": kind, "param": None, "code": None}}
    ).encode()
