"""What slow and large requests may take from everyone else."""

import asyncio
import itertools
import json
import socket
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from kaeshi.gateway.requests import Bodies, Fault
from kaeshi.gateway.room import LARGE, Room
from kaeshi.settings import load
from kaeshi.web import limits
from kaeshi.web.limits import TokenLimit
from wire.serving import free_port, running


def request(address: str = "198.51.100.7", token: str = "1.x") -> dict[str, Any]:  # no password
    return {
        "type": "http",
        "path": "/v1/messages/m/feedback",
        "method": "POST",
        "headers": [(limits.TOKEN, token.encode())] if token else [],
        "client": (address, 1),
    }


class Held:
    """An application that holds every request until it is let go."""

    def __init__(self) -> None:
        self.inside = 0
        self.go = asyncio.Event()

    async def __call__(self, _scope: Any, _receive: Any, send: Any) -> None:
        self.inside += 1
        await self.go.wait()
        await send({"type": "http.response.start", "status": 200, "headers": []})


async def asked(app: Any, scope: dict[str, Any]) -> int:
    statuses: list[int] = []

    async def send(message: Any) -> None:
        if message["type"] == "http.response.start":
            statuses.append(message["status"])

    async def receive() -> Any:
        return await asyncio.Event().wait()

    await app(scope, receive, send)
    return statuses[0]


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "WAIT_S", 0.05)
    monkeypatch.setattr(limits, "SPREAD_S", 0.001)


@pytest.mark.usefixtures("hurried")
async def test_a_networks_further_requests_wait_and_those_of_others_do_not() -> None:
    held = Held()
    app = TokenLimit(held, load())
    theirs = [asyncio.create_task(asked(app, request())) for _ in range(60)]
    await asyncio.sleep(0.02)
    assert held.inside == limits.OF_ONE_NETWORK
    other = asyncio.create_task(asked(app, request("203.0.113.9")))
    with_key = asyncio.create_task(asked(app, request(token="")))
    await asyncio.sleep(0.3)
    assert held.inside == limits.OF_ONE_NETWORK + 2
    held.go.set()
    assert await other == await with_key == 200
    statuses = await asyncio.gather(*theirs)
    assert (statuses.count(200), statuses.count(429)) == (20, 40)
    assert await asked(app, request()) == 200  # its places are free again


async def test_who_waits_gets_the_place_of_who_is_done(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "WAIT_S", 5)
    held = Held()
    app = TokenLimit(held, load())
    everyone = [asyncio.create_task(asked(app, request())) for _ in range(60)]
    await asyncio.sleep(0.02)
    held.go.set()
    assert set(await asyncio.gather(*everyone)) == {200}


async def test_bodies_that_began_together_are_not_given_up_together(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("kaeshi.gateway.requests.BODY_S", 0.05)
    monkeypatch.setattr("kaeshi.gateway.requests.SPREAD_S", 0.05)
    bodies = Bodies(1000)

    async def late() -> float:
        first = iter([{"type": "http.request", "body": b"{", "more_body": True}])

        async def receive() -> Any:
            return next(first, None) or await asyncio.Event().wait()

        with pytest.raises(Fault, match="was not here"), Room(LARGE, LARGE).place() as place:
            await bodies.read(receive, {}, place)
        return asyncio.get_running_loop().time()

    ends = sorted(await asyncio.gather(*(late() for _ in range(4))))
    assert all(after - before > 0.02 for before, after in itertools.pairwise(ends))


async def test_large_requests_wait_for_room_in_their_order_and_small_ones_never() -> None:
    room = Room(2 * LARGE, 2 * LARGE)
    order: list[str] = []
    go = {name: asyncio.Event() for name in "abc"}

    async def handled(name: str, count: int) -> None:
        with room.place() as place:
            await place.take(count)
            order.append(name)
            await go[name].wait()

    tasks = [
        asyncio.create_task(handled("a", 2 * LARGE)),
        asyncio.create_task(handled("b", 2 * LARGE)),
        asyncio.create_task(handled("c", LARGE)),
    ]
    await asyncio.sleep(0)
    with room.place():
        assert order == ["a"]
    tasks[1].cancel()  # its client left while it waited
    go["a"].set()
    await asyncio.wait_for(tasks[0], 1)
    await asyncio.sleep(0.01)
    assert order == ["a", "c"]
    go["c"].set()
    await asyncio.wait_for(tasks[2], 1)
    with room.place() as place:
        await asyncio.wait_for(place.take(2 * LARGE), 1)


def sends(*parts: bytes, more: bool = False) -> Any:
    """A receive of a body in these parts; with `more` nothing comes after them."""
    left = list(parts)

    async def receive() -> Any:
        if not left:
            return await asyncio.Event().wait()
        part = left.pop(0)
        return {"type": "http.request", "body": part, "more_body": bool(left) or more}

    return receive


async def test_heads_without_a_body_take_no_room_and_are_given_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("kaeshi.gateway.requests.BODY_S", 0.1)
    bodies = Bodies(4 * LARGE)
    room = Room(4 * LARGE, 4 * LARGE)
    huge = {b"content-length": str(4 * LARGE).encode()}

    async def read(receive: Any, headers: dict[bytes, bytes]) -> bytes:
        with room.place() as place:
            return await bodies.read(receive, headers, place)

    bare = [asyncio.create_task(read(sends(), huge)) for _ in range(20)]
    await asyncio.sleep(0)
    whole = b"x" * (2 * LARGE)
    assert await asyncio.wait_for(read(sends(whole, b"y"), huge), 1) == whole + b"y"
    given_up = await asyncio.gather(*bare, return_exceptions=True)
    assert {each.status for each in given_up if isinstance(each, Fault)} == {408}
    assert len(given_up) == 20


async def test_the_wait_for_room_is_not_the_clients(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kaeshi.gateway.requests.BODY_S", 0.1)
    bodies = Bodies(2 * LARGE)
    room = Room(2 * LARGE, 2 * LARGE)
    with room.place() as first:
        await first.take(2 * LARGE)

        async def second() -> bytes:
            with room.place() as place:
                return await bodies.read(sends(b"x" * LARGE, b"y"), {}, place)

        waiting = asyncio.create_task(second())
        await asyncio.sleep(0.3)
        assert not waiting.done()
    assert len(await asyncio.wait_for(waiting, 1)) == LARGE + 1


HALVES = (
    b"",
    b"POST /v1/chat/completions HTTP/1.1\r\nhost: 127.0.0.1\r\nx-half: ",
    b"POST /v1/chat/completions HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-length: 99\r\n\r\n{",
    b"POST /v1/conversations HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-length: 99\r\n\r\n{",
)


@pytest.fixture
def port(tmp_path: Path) -> Iterator[int]:
    chosen = free_port()
    command = [sys.executable, "-m", "kaeshi", "serve", "--port", str(chosen)]
    with running(command, f"http://127.0.0.1:{chosen}/metrics", KAESHI_DATA_DIR=str(tmp_path)):
        yield chosen


def test_more_half_sent_requests_than_a_server_usually_accepts_stop_no_one(port: int) -> None:
    with ExitStack() as held:
        for number in range(1300):
            half = held.enter_context(socket.create_connection(("127.0.0.1", port), timeout=30))
            half.sendall(HALVES[number % len(HALVES)])
        asking = held.enter_context(socket.create_connection(("127.0.0.1", port), timeout=30))
        body = json.dumps({"model": "concierge", "messages": [{"role": "user", "content": "Hi"}]})
        asking.sendall(
            b"POST /v1/chat/completions HTTP/1.1\r\nhost: 127.0.0.1\r\n"
            b"content-length: %d\r\n\r\n%b" % (len(body), body.encode())
        )
        # there is nothing in production, and the server says so
        assert asking.recv(100).startswith(b"HTTP/1.1 503")
