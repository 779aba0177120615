"""The HTTP client of the hot path, against a scripted server, on both event loops."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest
import uvloop
from hypothesis import given
from hypothesis import strategies as st

import kaeshi.gateway.client
from kaeshi.errors import Misconfigured, ProviderUnknown
from kaeshi.gateway.client import Client

RUNS: list[Callable[[Coroutine[Any, Any, Any]], Any]] = [asyncio.run, uvloop.run]
WHOLE = (
    b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 11\r\n\r\n{"a": "bc"}'
)
CHUNKED = (
    b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ntransfer-encoding: "
    b'chunked\r\n\r\n5\r\n{"a":\r\n6\r\n "bc"}\r\n0\r\n\r\n'
)
UNTIL_CLOSED = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n" + b'{"a": "bc"}'
EARLY_HINT = b"HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n" + WHOLE
STREAM = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\nTransfer-Encoding: "
    b"chunked\r\n\r\n"
)


class Scripted:
    """Answers each request with the next script.

    Bytes to send, None to reset the connection, a number to wait so many seconds.
    """

    def __init__(self, *scripts: Sequence[bytes | float | None], closes: bool = False) -> None:
        self.scripts, self.closes = list(scripts), closes
        self.requests: list[bytes] = []
        self.connections = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while self.scripts:
                head = await reader.readuntil(b"\r\n\r\n")
                length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
                self.requests.append(head + await reader.readexactly(length))
                for part in self.scripts.pop(0):
                    if part is None:
                        writer.transport.abort()
                        return
                    if isinstance(part, float):
                        await asyncio.sleep(part)
                    else:
                        writer.write(part)
                        await writer.drain()
                if self.closes:
                    break
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    @asynccontextmanager
    async def at(self, timeout_s: float = 5) -> AsyncIterator[tuple[Client, str]]:
        server = await asyncio.start_server(self.serve, "127.0.0.1", 0)
        client = Client(timeout_s)
        yield client, f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
        client.close()
        server.close()
        await asyncio.sleep(0)


async def asked(client: Client, url: str, body: bytes = b"{}") -> tuple[int, bytes]:
    connection = await client.ask("POST", url, "/chat", body, b"Bearer k")
    answer = connection.status, connection.take()
    client.done(url, connection)
    return answer


@pytest.mark.parametrize("run", RUNS)
@pytest.mark.parametrize("answer", [WHOLE, CHUNKED, EARLY_HINT])
def test_answers_are_read_however_they_are_cut_and_their_connection_is_kept(
    run: Any, answer: bytes
) -> None:
    async def scene() -> None:
        server = Scripted(*[[answer[:at], 0.0, answer[at:]] for at in range(1, len(answer), 7)])
        async with server.at() as (client, url):
            for _ in range(1, len(answer), 7):
                assert await asked(client, url) == (200, b'{"a": "bc"}')
        assert server.connections == 1
        assert server.requests[0].startswith(b"POST /v1/chat HTTP/1.1\r\n")
        assert b"authorization: Bearer k\r\n" in server.requests[0]

    run(scene())


@pytest.mark.parametrize("run", RUNS)
def test_an_answer_without_a_length_ends_with_its_connection(run: Any) -> None:
    async def scene() -> None:
        server = Scripted([UNTIL_CLOSED], [UNTIL_CLOSED], closes=True)
        async with server.at() as (client, url):
            for _ in range(2):
                assert await asked(client, url) == (200, b'{"a": "bc"}')
        assert server.connections == 2

    run(scene())


@pytest.mark.parametrize("run", RUNS)
@pytest.mark.parametrize(
    "script",
    [
        [None],
        [WHOLE[:-3], None],
        [WHOLE[:20], None],
        [b"SSH-2.0-OpenSSH\r\n"],
        [2.0],
        [CHUNKED[:-7], 0.1, None],
    ],
)
def test_what_breaks_off_is_late_or_is_no_http_raises_and_is_not_sent_again(
    run: Any, script: list[Any]
) -> None:
    async def scene() -> None:
        server = Scripted(script, [WHOLE])
        async with server.at(timeout_s=0.3) as (client, url):
            with pytest.raises(ProviderUnknown):
                await asked(client, url)
            assert len(server.requests) == 1
            assert await asked(client, url) == (200, b'{"a": "bc"}')

    run(scene())


@pytest.mark.parametrize("run", RUNS)
def test_nobody_there_and_nonsense_addresses_are_told(run: Any) -> None:
    async def scene() -> None:
        client = Client(1)
        with pytest.raises(ProviderUnknown, match="cannot be reached"):
            await asked(client, "http://127.0.0.1:9/v1")
        for url in ("ftp://x/v1", "nonsense", "http://caf\u00e9/v1"):
            with pytest.raises(Misconfigured):
                await asked(client, url)

    run(scene())


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)


@pytest.mark.parametrize("run", RUNS)
def test_a_stream_is_handed_on_as_it_comes_and_its_reader_sets_the_pace(
    run: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kaeshi.gateway.client, "PAUSE_AT", 1000)
    sent = [b"data: %d %s\n\n" % (i, b"x" * 500) for i in range(200)]

    async def scene() -> None:
        server = Scripted([STREAM, *map(chunk, sent), b"0\r\n\r\n"], [WHOLE])
        async with server.at() as (client, url):
            connection = await client.ask("POST", url, "/chat", b"{}", None)
            assert (connection.status, connection.is_stream) == (200, True)
            got = b""
            async for piece in client.pieces(url, connection):
                got += piece
                await asyncio.sleep(0)
            assert got == b"".join(sent)
            assert await asked(client, url) == (200, b'{"a": "bc"}')
        assert server.connections == 1

    run(scene())


@pytest.mark.parametrize("run", RUNS)
@pytest.mark.parametrize("end", [[None], [2.0]])
def test_a_stream_that_breaks_off_or_falls_silent_raises_after_its_last_piece(
    run: Any, end: list[Any]
) -> None:
    async def scene() -> None:
        async with Scripted([STREAM, chunk(b"data: 1\n\n"), 0.1, *end]).at(timeout_s=0.3) as (
            client,
            url,
        ):
            connection = await client.ask("POST", url, "/chat", b"{}", None)
            pieces = client.pieces(url, connection)
            assert await anext(pieces) == b"data: 1\n\n"
            with pytest.raises(ProviderUnknown):
                await anext(pieces)

    run(scene())


@pytest.mark.parametrize("run", RUNS)
def test_a_reader_who_leaves_breaks_the_connection_off(run: Any) -> None:
    async def scene() -> None:
        server = Scripted([STREAM, chunk(b"a"), 5.0], [WHOLE])
        async with server.at() as (client, url):
            connection = await client.ask("POST", url, "/chat", b"{}", None)
            pieces = client.pieces(url, connection)
            assert await anext(pieces) == b"a"
            await pieces.aclose()  # type: ignore[attr-defined]
            server.scripts.insert(0, [5.0])
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(asked(client, url), 0.2)
            assert await asked(client, url) == (200, b'{"a": "bc"}')
        assert server.connections == 3

    run(scene())


@given(st.binary(max_size=400), st.lists(st.integers(1, 60), max_size=8))
def test_no_bytes_of_a_server_upset_the_client(garbage: bytes, cuts: list[int]) -> None:
    async def scene() -> None:
        parts: list[bytes | float | None] = []
        rest = garbage
        for cut in cuts:
            parts, rest = [*parts, rest[:cut]], rest[cut:]
        async with Scripted([*parts, rest, None]).at() as (client, url):
            with pytest.raises(ProviderUnknown):
                await asked(client, url)

    asyncio.run(scene())
