"""The demo's deployment: the real gateway, its spool and its worker in one process.

Customers reach the gateway over ASGI; models answer from the embedded trainer.
"""

import json
from dataclasses import dataclass
from typing import Any, Self

from kaeshi.errors import ProviderError
from kaeshi.gateway.door import Gateway
from kaeshi.gateway.upstream import OK, upstream_of
from kaeshi.gateway.worker import Worker
from kaeshi.loop import Loop
from kaeshi.nouns import HAND_OVER, Json

CHAT = "/v1/chat/completions"


@dataclass(frozen=True, kw_only=True)
class Response:
    """A response to a customer, and the ids under which it is logged."""

    text: str
    hand_over: bool
    message: str
    conversation: str


class Reception:
    """The deployment as an async context manager; it reads the routing on entry."""

    def __init__(self, loop: Loop) -> None:
        upstream = upstream_of(loop)
        self._alias = next(iter(loop.aliases))
        self._gateway = Gateway(loop, upstream)
        self._worker = Worker(loop, [loop.assistant], upstream)

    async def __aenter__(self) -> Self:
        await self._gateway.start()
        return self

    async def __aexit__(self, *_exception: object) -> None:
        await self._gateway.stop()

    async def ask(self, customer: str, text: str) -> Response:
        """Send one customer's first message and return the response. Raises ProviderError."""
        body = {"model": self._alias, "messages": [{"role": "user", "content": text}]}
        headers = {"x-kaeshi-customer": customer, "x-kaeshi-consent": "granted"}
        status, received, raw = await self._post(json.dumps(body).encode(), headers)
        content = json.loads(raw)
        if status != OK:
            msg = f"the gateway answered {status}: {content['error']['message']}"
            raise ProviderError(msg)
        said = content["choices"][0]["message"]["content"]
        return Response(
            text=said,
            hand_over=said == HAND_OVER or bool(content.get("kaeshi", {}).get("hand_over")),
            message=received["x-kaeshi-message"],
            conversation=received["x-kaeshi-conversation"],
        )

    async def settle(self) -> None:
        """Store what was spooled, and mirror it while a candidate is in its mirror stage."""
        while await self._worker.round():
            pass

    async def _post(
        self, body: bytes, headers: dict[str, str]
    ) -> tuple[int, dict[str, str], bytes]:
        """(status, headers, body) of a POST to the gateway's chat path."""
        sent: list[Json] = []

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(event: Any) -> None:
            sent.append(event)

        await self._gateway(_scope(headers), receive, send)
        received = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
        return sent[0]["status"], received, b"".join(event["body"] for event in sent[1:])


def _scope(headers: dict[str, str]) -> dict[str, Any]:
    headers = {"host": "127.0.0.1", **headers}
    return {
        "type": "http",
        "method": "POST",
        "path": CHAT,
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
        "client": ("127.0.0.1", 1),
    }
