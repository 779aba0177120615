"""Room for large requests: so many bytes of them are in memory at once, and others wait.

An image in a prompt is several megabytes, and a request is in memory several times while it is
read, sent and logged. Small requests never wait.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from kaeshi.memory import give_back

LARGE = 1024 * 1024
QUIET_S = 2.0


class Room:
    """`total` bytes for large requests, given in the order in which they came."""

    def __init__(self, total: int, largest: int) -> None:
        self._total = max(total, largest)
        self._largest = largest
        self._used = 0
        self._waiting: deque[tuple[int, asyncio.Future[None]]] = deque()
        self._trim: asyncio.TimerHandle | None = None

    @asynccontextmanager
    async def of(self, headers: Mapping[bytes, bytes]) -> AsyncIterator[None]:
        """Hold room for a request's body as long as it is handled."""
        wanted = self._wanted(headers)
        if wanted < LARGE:
            yield
            return
        await self._take(wanted)
        try:
            yield
        finally:
            self._used -= wanted
            self._let_in()
            self._trim_soon()

    def _wanted(self, headers: Mapping[bytes, bytes]) -> int:
        """What the body may come to: what it says, and the largest where it does not say."""
        declared = headers.get(b"content-length")
        if declared is None:
            return self._largest if b"transfer-encoding" in headers else 0
        size = int(declared) if declared.isdigit() else self._largest
        return min(size, self._largest)

    async def _take(self, wanted: int) -> None:
        if not self._waiting and self._used + wanted <= self._total:
            self._used += wanted
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((wanted, turn))
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():  # it was let in as its client left
                self._used -= wanted
            self._let_in()
            raise

    def _let_in(self) -> None:
        while self._waiting:
            wanted, turn = self._waiting[0]
            if not turn.done() and self._used + wanted > self._total:
                return
            self._waiting.popleft()
            if not turn.done():
                self._used += wanted
                turn.set_result(None)

    def _trim_soon(self) -> None:
        """Give memory back once large requests have stopped coming."""
        if self._trim is not None:
            self._trim.cancel()
        self._trim = asyncio.get_running_loop().call_later(QUIET_S, give_back)
