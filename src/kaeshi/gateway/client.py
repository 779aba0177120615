"""An HTTP/1.1 client for JSON APIs over kept-alive connections.

The response body is handed on as bytes. A general client costs a gateway more CPU than all its
other work together (docs/decisions/011). Parsing is done by httptools (llhttp). A request is never
retried here: a broken connection raises, and the caller decides. Redirects and proxies are not
followed.
"""

import asyncio
import ssl
import time
from collections import deque
from collections.abc import AsyncIterator
from typing import cast
from urllib.parse import SplitResult, urlsplit

import httptools

from kaeshi.errors import Misconfigured, ProviderUnknown
from kaeshi.gateway.headers import Headers, comes_back

CONNECT_S = 10
KEEP_S = 15
MAX_ANSWER = 64 * 1024 * 1024
PAUSE_AT = 256 * 1024  # buffered bytes of a stream above which the sender is paused
INTERIM = 200


class Connection(asyncio.Protocol):
    """One connection, with at most one request in flight."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self.free_since = 0.0
        self._is_asked = False
        self._clear()

    def _clear(self) -> None:
        self._parser = httptools.HttpResponseParser(self)
        self.status = 0
        self.headers = dict[bytes, bytes]()
        self.is_stream = self.is_done = self._is_framed = False
        self.keeps = False
        self.parts = deque[bytes]()
        self._size = 0
        self.error: Exception | None = None
        self._waiter: asyncio.Future[None] | None = None

    def send(self, request: bytes) -> None:
        """Send a request."""
        assert self._transport is not None  # made
        self._clear()
        self._is_asked = True
        self._transport.write(request)

    async def wait(self, timeout_s: float) -> None:
        """Wait for something new: the head of a stream, a piece of it, or the end.

        Raises ProviderUnknown.
        """
        if self.error is None:
            loop = asyncio.get_running_loop()
            self._waiter = waiter = loop.create_future()
            late = loop.call_later(timeout_s, self._fail, TimeoutError())
            try:
                await waiter
            finally:
                late.cancel()
                self._waiter = None
        if isinstance(self.error, OverflowError):
            msg = f"the answer of the model's provider has more than {MAX_ANSWER} bytes"
            raise ProviderUnknown(msg) from self.error
        if self.error is not None:
            msg = (
                f"no answer from the model's provider: {type(self.error).__name__}; check "
                "OPENAI_BASE_URL and the network"
            )
            raise ProviderUnknown(msg) from self.error

    def take(self) -> bytes:
        """Return and clear the body received so far."""
        body = self.parts[0] if len(self.parts) == 1 else b"".join(self.parts)
        self.parts.clear()
        if self._size > PAUSE_AT and self.is_stream and self._transport is not None:
            self._transport.resume_reading()
        self._size = 0
        return body

    def is_usable(self, now: float) -> bool:
        """Whether it is open, and not idle for so long that the server may be closing it."""
        return (
            self._transport is not None
            and not self._transport.is_closing()
            and now - self.free_since < KEEP_S
        )

    def close(self) -> None:
        """Close it, dropping any request in flight."""
        if self._transport is not None:
            self._transport.abort()

    # asyncio's
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(
            "asyncio.Transport", transport
        )  # asyncio's interface; uvloop's classes do not inherit from asyncio's

    def data_received(self, data: bytes) -> None:
        if (
            self.is_done or not self._is_asked
        ):  # an unrequested response must not be read as the answer to the next request
            self.keeps = False
            self.close()
            return
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserCallbackError) as error:
            self._fail(error)

    def connection_lost(self, error: Exception | None) -> None:
        self._transport = None
        self.keeps = False
        if not self.is_done and self.status and not self._is_framed and error is None:
            self.on_message_complete()  # a response without a length ends with its connection
        self._fail(error or ConnectionResetError())

    # httptools'
    def on_header(self, name: bytes, value: bytes) -> None:
        name = name.lower()
        if self.is_done:
            self.keeps = False
        elif comes_back(name):
            self.headers[name] = value
        elif name in {b"content-length", b"transfer-encoding"}:
            self._is_framed = True

    def on_headers_complete(self) -> None:
        if self.is_done:  # a second response, which was not requested
            return
        self.status = self._parser.get_status_code()
        kind = self.headers.get(b"content-type", b"").lower()
        self.is_stream = kind.startswith(b"text/event-stream")
        if self.is_stream:
            self._wake()

    def on_body(self, body: bytes) -> None:
        if self.is_done:
            return
        self.parts.append(body)
        self._size += len(body)
        if self.is_stream:
            if self._size > PAUSE_AT and self._transport is not None:
                self._transport.pause_reading()
            self._wake()
        elif self._size > MAX_ANSWER:
            self._fail(OverflowError())

    def on_message_complete(self) -> None:
        if self.is_done or 0 < self.status < INTERIM:
            return
        self.is_done = True
        self.keeps = self._transport is not None and self._parser.should_keep_alive()
        self._wake()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _fail(self, error: Exception) -> None:
        if not self.is_done and self.error is None:
            self.error = error
            self._wake()
            self.close()


class Client:
    """Kept-alive connections to any number of providers, for one event loop."""

    def __init__(self, timeout_s: float) -> None:
        self._timeout_s = timeout_s
        self._free: dict[tuple[str, str, int], deque[Connection]] = {}
        self._places: dict[str, tuple[tuple[str, str, int], str, bytes]] = {}
        self._tls: ssl.SSLContext | None = None

    async def ask(
        self,
        method: str,
        base_url: str,
        path: str,
        body: bytes,
        authorization: bytes | None,
        headers: Headers = (),
    ) -> Connection:
        """Send a request and wait for the head of a stream, or for a whole response.

        Read a stream with `pieces`; return any other connection with `done`. Raises
        ProviderUnknown.
        """
        place, prefix, host = self._places.get(base_url) or self._place(base_url)
        connection = await self._connection(place)
        auth = b"authorization: " + authorization + b"\r\n" if authorization else b""
        head = (
            f"{method} {prefix}{path} HTTP/1.1\r\ncontent-type: application/json\r\n"
            f"content-length: {len(body)}\r\n"
        ).encode("latin-1", "replace")
        more = b"".join(b"%s: %s\r\n" % (name, value) for name, value in headers)
        connection.send(head + host + auth + more + b"\r\n" + body)
        try:
            while not connection.is_done and not connection.is_stream:
                await connection.wait(self._timeout_s)
        except BaseException:  # the caller has left or has the error; the rest is not read
            connection.close()
            raise
        return connection

    def done(self, base_url: str, connection: Connection) -> None:
        """Keep the connection for the next request."""
        if connection.keeps:
            connection.free_since = time.monotonic()
            self._free[self._places[base_url][0]].append(connection)
        else:
            connection.close()

    async def pieces(self, base_url: str, connection: Connection) -> AsyncIterator[bytes]:
        """A stream's pieces as they arrive. Raises ProviderUnknown when it breaks off."""
        try:
            while True:
                if connection.parts:
                    yield connection.take()
                elif connection.is_done:
                    break
                else:
                    await connection.wait(self._timeout_s)
        finally:
            if connection.is_done:
                self.done(base_url, connection)
            else:
                connection.close()

    def close(self) -> None:
        """Close all kept connections."""
        for kept in self._free.values():
            while kept:
                kept.pop().close()

    def _place(self, base_url: str) -> tuple[tuple[str, str, int], str, bytes]:
        parts = _checked_url(base_url)
        assert parts.hostname is not None  # checked
        place = (
            parts.scheme,
            parts.hostname,
            parts.port or (443 if parts.scheme == "https" else 80),
        )
        self._free.setdefault(place, deque())
        self._places[base_url] = (
            place,
            parts.path.rstrip("/"),
            b"host: " + parts.netloc.rpartition("@")[2].encode() + b"\r\n",
        )
        return self._places[base_url]

    async def _connection(self, place: tuple[str, str, int]) -> Connection:
        free = self._free[place]
        now = time.monotonic()
        while free:
            connection = free.pop()
            if connection.is_usable(now):
                return connection
            connection.close()
        scheme, host, port = place
        return await self._connected(scheme, host, port)

    async def _connected(self, scheme: str, host: str, port: int) -> Connection:
        if scheme == "https" and self._tls is None:
            self._tls = ssl.create_default_context()
        try:
            async with asyncio.timeout(CONNECT_S):
                _, made = await asyncio.get_running_loop().create_connection(
                    Connection, host, port, ssl=self._tls if scheme == "https" else None
                )
        except (OSError, TimeoutError) as error:  # TLS's errors are OSErrors
            msg = (
                f"the model's provider at {host}:{port} cannot be reached: "
                f"{type(error).__name__}; check OPENAI_BASE_URL and the network"
            )
            raise ProviderUnknown(msg) from error
        return made


def _checked_url(base_url: str) -> SplitResult:
    parts = urlsplit(base_url)
    if (
        parts.scheme not in {"http", "https"}
        or not parts.hostname
        or not base_url.isascii()
        or not base_url.isprintable()
    ):
        msg = (
            f"base URL {base_url!r} is not an http or https address, such as "
            "https://api.openai.com/v1"
        )
        raise Misconfigured(msg)
    return parts
