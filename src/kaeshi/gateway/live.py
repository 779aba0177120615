"""The routing and the known conversations, kept in memory for every request."""

import asyncio
import contextlib
import logging
import time
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import replace

from kaeshi.loop import Loop
from kaeshi.steps.conversation import Routing, routing

EVERY_S = 0.4
STALE_S = 5
THREADS = 200_000
ATTEMPTS = 20_000
log = logging.getLogger("kaeshi.gateway")


class Live:
    """The routing of the served assistants, read again every EVERY_S.

    A roll-back is therefore seen within a second. When the database has not answered for STALE_S,
    no customer is sent to a candidate: it may have been rolled back.
    """

    def __init__(self, loop: Loop, assistants: Iterable[str]) -> None:
        self._loops = {name: replace(loop, assistant=name) for name in assistants}
        self._routings: dict[str, Routing] = {}
        self._read_at: dict[str, float] = {}
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Read once, then periodically. Raises what the store raises the first time."""
        await self._refresh()
        self._task = asyncio.create_task(self._keep())

    async def stop(self) -> None:
        """Stop reading."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    def routing(self, assistant: str) -> Routing:
        """The assistant's routing."""
        known = self._routings[assistant]
        if known.experiment is not None and time.monotonic() - self._read_at[assistant] > STALE_S:
            return Routing(production=known.production, epoch=known.epoch)
        return known

    def loop(self, assistant: str) -> Loop:
        """The assistant's Loop."""
        return self._loops[assistant]

    async def _refresh(self) -> None:
        for name, loop in self._loops.items():
            self._routings[name] = await routing(loop)
            self._read_at[name] = time.monotonic()

    async def _keep(self) -> None:
        while True:
            await asyncio.sleep(EVERY_S)
            try:
                await self._refresh()
            except Exception:  # noqa: BLE001 RUF100  # a database outage must not end the loop
                log.exception(
                    "the routing could not be read; the last one is used for %s seconds", STALE_S
                )


class Attempts:
    """Requests whose answer did not reach the client, until they are tried again.

    A client that times out sends the same bytes again: one turn, and not two conversations.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._known: OrderedDict[bytes, tuple[str, float]] = OrderedDict()

    def put(self, request: bytes, conversation: str) -> None:
        """The request began or failed in this conversation."""
        self._known[request] = (conversation, time.monotonic() + self._seconds)
        self._known.move_to_end(request)
        if len(self._known) > ATTEMPTS:
            self._known.popitem(last=False)

    def take(self, request: bytes) -> str | None:
        """The conversation of an attempt that waits to be repeated; it is then no longer known."""
        conversation, until = self._known.pop(request, (None, 0.0))
        return conversation if time.monotonic() < until else None


class Threads:
    """Conversations by the digest of their latest state, the newest THREADS of them.

    A digest that several conversations share stands for none of them.
    """

    def __init__(self) -> None:
        self._known: OrderedDict[str, str] = OrderedDict()
        self._customers: OrderedDict[str, str] = OrderedDict()

    def belongs(self, conversation: str, customer: str) -> None:
        """Remember whose conversation it is: later requests may name neither."""
        if self._customers.get(conversation) == customer:
            return
        self._customers[conversation] = customer
        if len(self._customers) > ATTEMPTS:
            self._customers.popitem(last=False)

    def customer_of(self, conversation: str) -> str | None:
        """The customer that an earlier request of this conversation named."""
        return self._customers.get(conversation)

    def put(self, digest: str, conversation: str) -> None:
        """Store the state of a conversation."""
        there = self._known.setdefault(digest, conversation)
        if there != conversation:
            self._known[digest] = ""
        self._known.move_to_end(digest)
        if len(self._known) > THREADS:
            self._known.popitem(last=False)

    def get(self, digest: str) -> str | None:
        """The conversation; empty where several match, None where none is known here."""
        return self._known.get(digest)
