"""The trainer over HTTP: plain ASGI, with an optional key and a limit on bodies."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from typing import Any, Protocol

from kaeshi.guard import may_call

MAX_BODY = 513 * 1024 * 1024
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


class StreamAnswerer(Protocol):
    """Answers whole, or piece by piece where the client asked for that."""

    async def stream(
        self, method: str, path: str, body: bytes, content_type: str
    ) -> tuple[int, bytes | AsyncIterator[bytes]]: ...


class TrainerApp:
    """An ASGI application around a server. Without a key, it serves loopback only."""

    def __init__(self, server: StreamAnswerer, key: str | None) -> None:
        self._server = server
        self._key = key

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        status, body = await self._respond(scope, receive)
        if not isinstance(body, bytes):
            await _send_stream(status, body, receive, send)
            return
        kind = (
            b"application/json"
            if body[:1] in b"{["
            else b"text/event-stream"
            if body[:6] == b"data: "
            else b"application/octet-stream"
        )
        await send(
            {
                "type": "http.response.start",
                "status": status,
                "headers": [(b"content-type", kind), (b"content-length", str(len(body)).encode())],
            }
        )
        await send({"type": "http.response.body", "body": body})

    async def _respond(
        self, scope: Scope, receive: Receive
    ) -> tuple[int, bytes | AsyncIterator[bytes]]:
        headers = dict(scope["headers"])
        if not self._allowed(scope, headers):
            return 401, _fault("send the key as Authorization: Bearer KEY")
        if not scope["path"].startswith("/v1/"):
            return 404, _fault("everything is under /v1")
        body = bytearray()
        while True:
            event = await receive()
            body += event.get("body", b"")
            if len(body) > MAX_BODY:
                return 413, _fault(f"more than {MAX_BODY} bytes")
            if event["type"] == "http.disconnect" or not event.get("more_body"):
                break
        return await self._ask_server(scope, body, headers)

    async def _ask_server(
        self, scope: Scope, body: bytearray, headers: dict[Any, Any]
    ) -> tuple[int, bytes | AsyncIterator[bytes]]:
        query = scope.get("query_string", b"").decode("latin-1")
        return await self._server.stream(
            scope["method"],
            scope["path"][3:] + (f"?{query}" if query else ""),
            bytes(body),
            headers.get(b"content-type", b"").decode("latin-1"),
        )

    def _allowed(self, scope: Scope, headers: dict[bytes, bytes]) -> bool:
        return may_call(scope, headers, None if self._key is None else self._key.encode())


async def _send_stream(
    status: int, pieces: AsyncIterator[bytes], receive: Receive, send: Send
) -> None:
    """Send pieces as they come.

    When the client leaves, the iteration is closed.
    """
    await send(
        {
            "type": "http.response.start",
            "status": status,
            "headers": [(b"content-type", b"text/event-stream")],
        }
    )
    gone = asyncio.ensure_future(receive())
    try:
        async for piece in pieces:
            if gone.done():
                break
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body", "body": b""})
    finally:
        gone.cancel()
        await pieces.aclose()  # type: ignore[attr-defined]  # an async generator


def _fault(message: str) -> bytes:
    return json.dumps(
        {
            "error": {
                "message": message,
                "type": "invalid_request_error",
                "param": None,
                "code": None,
            }
        }
    ).encode()
