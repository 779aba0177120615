"""Room for large requests: so many bytes of them are in memory at once, and others wait.

An image in a prompt is several megabytes, and a request is in memory several times while it is
read, sent and logged. Small requests never wait.
"""

import asyncio
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from kaeshi.memory import give_back

LARGE = 1024 * 1024
QUIET_S = 2.0


class Room:
    """`total` bytes for large requests, given in the order in which they came."""

    def __init__(self, total: int, largest: int) -> None:
        self._total = max(total, largest)
        self._used = 0
        self._waiting: deque[tuple[int, asyncio.Future[None]]] = deque()
        self._trim: asyncio.TimerHandle | None = None

    @contextmanager
    def place(self) -> Iterator["Place"]:
        """A place for a request, whose room is given back when it has been handled."""
        mine = Place(self)
        try:
            yield mine
        finally:
            if mine.held:
                self._used -= mine.held
                self._let_in()
                self._trim_soon()

    async def take(self, wanted: int) -> None:
        """Wait for room, behind those who came before."""
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


@dataclass(slots=True)
class Place:
    """One request's part of the room, in bytes; 0 while it is small."""

    room: Room
    held: int = 0

    async def take(self, wanted: int) -> None:
        """Wait for so much room."""
        await self.room.take(wanted)
        self.held = wanted
