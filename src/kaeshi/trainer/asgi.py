"""The trainer behind HTTP: plain ASGI, a key if one is set, and a limit on what comes in."""

import hmac
import json
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from kaeshi.ports import Answerer

MAX_BODY = 513 * 1024 * 1024
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


class TrainerApp:
    """An ASGI application around an Answerer. Without a key, only loopback is served."""

    def __init__(self, server: Answerer, key: str | None) -> None:
        self._server, self._key = server, key

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        status, body = await self._respond(scope, receive)
        kind = b"application/json" if body[:1] in b"{[" else b"text/event-stream" if body[:6] == b"data: " else b"application/octet-stream"
        await send(
            {
                "type": "http.response.start",
                "status": status,
                "headers": [(b"content-type", kind), (b"content-length", str(len(body)).encode())],
            }
        )
        await send({"type": "http.response.body", "body": body})

    async def _respond(self, scope: Scope, receive: Receive) -> tuple[int, bytes]:
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
        query = scope.get("query_string", b"").decode("latin-1")
        return await self._server.call(
            scope["method"],
            scope["path"][3:] + (f"?{query}" if query else ""),
            bytes(body),
            headers.get(b"content-type", b"").decode("latin-1"),
        )

    def _allowed(self, scope: Scope, headers: dict[bytes, bytes]) -> bool:
        if self._key is None:
            return (scope.get("client") or ("",))[0] in {"127.0.0.1", "::1"}
        return hmac.compare_digest(headers.get(b"authorization", b""), f"Bearer {self._key}".encode())


def _fault(message: str) -> bytes:
    return json.dumps({"error": {"message": message, "type": "invalid_request_error", "param": None, "code": None}}).encode()
