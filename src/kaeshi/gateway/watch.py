"""Notices that a client has left while its answer is being waited for."""

import asyncio
import time
from types import TracebackType
from typing import Any

from kaeshi.gateway.requests import Receive

AFTER_S = 0.5  # most answers are there by then, and watching costs a task


class Watches:
    """The requests that wait for an answer now: those that wait long are watched.

    One timer for all of them: a timer for each costs more than the rest of the watching.
    """

    def __init__(self) -> None:
        self._waiting: dict[Watch, float] = {}
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to look after those that wait."""
        self._task = asyncio.create_task(self._look())

    def stop(self) -> None:
        """Stop looking."""
        if self._task is not None:
            self._task.cancel()

    def add(self, watch: "Watch") -> None:
        """This request begins to wait."""
        self._waiting[watch] = time.monotonic()

    def remove(self, watch: "Watch") -> None:
        """It waits no longer."""
        self._waiting.pop(watch, None)

    async def _look(self) -> None:
        while True:
            await asyncio.sleep(AFTER_S / 2)
            before = time.monotonic() - AFTER_S / 2
            for watch, since in list(self._waiting.items()):
                if since < before:
                    watch.begin()


class Watch:
    """Whether the client of one request is still there.

    ASGI tells it by a message, so the message has to be waited for beside the answer. As a context
    manager it cancels the task that waits for an answer when the client leaves: the task sees
    CancelledError, and `has_left`. Watching begins with `begin`, which `watches` calls for those
    that wait long.
    """

    def __init__(self, receive: Receive, watches: Watches) -> None:
        self._receive = receive
        self._watches = watches
        self._waiting: asyncio.Future[Any] | None = None
        self._task: asyncio.Task[Any] | None = None

    @property
    def has_left(self) -> bool:
        """Whether the client has left."""
        waited = self._waiting
        return (
            waited is not None
            and waited.done()
            and not waited.cancelled()
            and waited.exception() is None
            and waited.result()["type"] == "http.disconnect"
        )

    def begin(self) -> None:
        """Wait for the client's leaving."""
        if self._waiting is None:
            self._waiting = asyncio.ensure_future(self._receive())
            self._waiting.add_done_callback(self._leave)

    def end(self) -> None:
        """Stop waiting."""
        self._task = None
        if self._waiting is not None:
            self._waiting.cancel()

    def _leave(self, _: object) -> None:
        if self._task is not None and self.has_left:
            self._task.cancel()

    def __enter__(self) -> None:
        self._task = asyncio.current_task()
        self._watches.add(self)

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _where: TracebackType | None,
    ) -> None:
        self._task = None
        self._watches.remove(self)
