"""A client that can leave: httpx's in-process transport reads answers to their end."""

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from kaeshi.gateway.door import Gateway


@dataclass
class Caller:
    """One request, whose client leaves when told to."""

    gateway: Gateway
    path: str = "/v1/chat/completions"
    pieces: list[bytes] = field(default_factory=list)
    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    came: asyncio.Event = field(default_factory=asyncio.Event)
    _left: asyncio.Event = field(default_factory=asyncio.Event)

    async def send(
        self, body: dict[str, Any], headers: Sequence[tuple[bytes, bytes]] = ()
    ) -> "Caller":
        raw = json.dumps(body).encode()
        read = False

        async def receive() -> dict[str, Any]:
            nonlocal read
            if not read:
                read = True
                return {"type": "http.request", "body": raw, "more_body": False}
            await self._left.wait()
            return {"type": "http.disconnect"}

        async def took(message: Any) -> None:
            if message["type"] == "http.response.start":
                self.status = message["status"]
                self.headers = {k.decode(): v.decode() for k, v in message["headers"]}
            elif message.get("body"):
                self.pieces.append(message["body"])
                self.came.set()

        scope = {
            "type": "http",
            "path": self.path,
            "method": "POST",
            "headers": [(b"host", b"127.0.0.1"), *headers],
            "client": ("127.0.0.1", 1),
            "query_string": b"",
        }
        await self.gateway(scope, receive, took)
        return self

    def leave(self) -> None:
        self._left.set()
