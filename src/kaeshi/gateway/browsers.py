"""What pages in a browser need: preflights, and headers that say what they may read.

https://fetch.spec.whatwg.org/#http-cors-protocol. A preflight carries no key.
"""

from collections.abc import Collection, Mapping, MutableMapping
from typing import Any

from kaeshi.gateway.requests import Scope, Send
from kaeshi.guard import origin_of

CHAT = frozenset({"/v1/chat/completions", "/v1/responses", "/v1/models"})
EXPOSED = (
    b"x-kaeshi-message, x-kaeshi-conversation, x-kaeshi-feedback-token, x-request-id, retry-after"
)
AGE_S = b"600"


async def opened(
    scope: Scope,
    headers: Mapping[bytes, bytes],
    path: str,
    origins: Collection[str],
    send: Send,
) -> Send | None:
    """The send for a page's request; None where it was a preflight, which is answered."""
    origin = _allowed(path, headers, origins)
    if origin is None:
        return send
    if is_preflight(scope, headers):
        await answer_preflight(send, headers, origin)
        return None
    return readable_by(origin, send)


def _allowed(path: str, headers: Mapping[bytes, bytes], origins: Collection[str]) -> bytes | None:
    """The origin that may read this path's answers; None for any other."""
    origin = origin_of(headers)
    is_open = path in CHAT or (path.startswith("/v1/messages/") and path.endswith("/feedback"))
    return origin.encode("latin-1") if origin in origins and is_open and origin else None


def is_preflight(scope: Scope, headers: Mapping[bytes, bytes]) -> bool:
    """Whether a browser asks for permission before the request itself."""
    return scope["method"] == "OPTIONS" and b"access-control-request-method" in headers


async def answer_preflight(send: Send, headers: Mapping[bytes, bytes], origin: bytes) -> None:
    """Permit the request that the browser asks about."""
    asked = headers.get(b"access-control-request-headers", b"content-type")
    permitted = [
        (b"access-control-allow-origin", origin),
        (b"access-control-allow-methods", b"GET, POST"),
        (b"access-control-allow-headers", asked),
        (b"access-control-max-age", AGE_S),
        (b"vary", b"origin"),
    ]
    await send({"type": "http.response.start", "status": 204, "headers": permitted})
    await send({"type": "http.response.body", "body": b""})


def readable_by(origin: bytes, send: Send) -> Send:
    """A send whose response the page may read.

    Arms are for operators: a customer who knows the arm can vote for or against it.
    """

    async def sent(message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            message["headers"] = [
                *(h for h in message.get("headers", ()) if h[0] != b"x-kaeshi-arm"),
                (b"access-control-allow-origin", origin),
                (b"access-control-expose-headers", EXPOSED),
                (b"vary", b"origin"),
            ]
        await send(message)

    return sent
