"""Who may call the trainer's server."""

from typing import Any

import pytest

from kaeshi.trainer.asgi import TrainerApp


class Server:
    """Answers everything, and counts."""

    asked = 0

    async def stream(self, *_: object) -> tuple[int, bytes]:
        self.asked += 1
        return 200, b"{}"


async def status_of(
    server: Server, key: str | None, headers: dict[str, str], client: str = "127.0.0.1"
) -> int:
    found = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b""}

    async def send(message: Any) -> None:
        found.append(message.get("status"))

    given = {"host": "127.0.0.1:8100"} | headers
    scope = {
        "type": "http",
        "method": "DELETE",
        "path": "/v1/models/ft:x",
        "headers": [(name.encode(), value.encode()) for name, value in given.items()],
        "client": (client, 1),
    }
    await TrainerApp(server, key)(scope, receive, send)  # type: ignore[arg-type]
    return int(found[0])


@pytest.mark.parametrize(
    "headers",
    [
        {"host": "evil.example"},
        {"origin": "https://evil.example"},
        {"x-forwarded-for": "203.0.113.7"},
    ],
)
async def test_without_a_key_no_page_and_no_stranger_behind_a_proxy_is_served(
    headers: dict[str, str],
) -> None:
    server = Server()
    assert await status_of(server, None, headers) == 401
    assert await status_of(server, None, {}, client="203.0.113.7") == 401
    assert server.asked == 0
    assert await status_of(server, None, {}) == 200


async def test_the_key_is_taken_from_anywhere_but_from_pages() -> None:
    server = Server()
    key = {"authorization": "bearer k"}
    assert await status_of(server, "k", key, client="203.0.113.7") == 200
    assert await status_of(server, "k", key | {"origin": "https://evil.example"}) == 401
    assert await status_of(server, "k", {"authorization": "Bearer x"}) == 401
