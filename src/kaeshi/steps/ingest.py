"""Feedback of many requests in few transactions: each is acknowledged once it is on disk.

A transaction that is flushed to disk takes milliseconds, a row in it a fraction of one. While one
transaction is written, what arrives waits for the next.
"""

import asyncio
from collections import defaultdict
from collections.abc import Sequence

from kaeshi.loop import Loop
from kaeshi.nouns import Feedback
from kaeshi.steps.feedback import Recorded, record

AT_ONCE = 200
Waiting = tuple[Feedback, "asyncio.Future[Recorded]"]


class Ingest:
    """Records feedback for concurrent callers of one event loop."""

    def __init__(self) -> None:
        self._waiting: dict[str, list[Waiting]] = defaultdict(list)
        self._writers: dict[str, asyncio.Task[None]] = {}

    async def record(self, loop: Loop, said: Feedback) -> Recorded:
        """As `feedback.record`, for one piece; raises what it raises for this one alone."""
        done: asyncio.Future[Recorded] = asyncio.get_running_loop().create_future()
        self._waiting[loop.assistant].append((said, done))
        writer = self._writers.get(loop.assistant)
        if writer is None or writer.done():
            self._writers[loop.assistant] = asyncio.ensure_future(self._write(loop))
        return await done

    async def _write(self, loop: Loop) -> None:
        waiting = self._waiting[loop.assistant]
        while waiting:
            batch = waiting[:AT_ONCE]
            del waiting[:AT_ONCE]
            await _store(loop, batch)


async def _store(loop: Loop, batch: Sequence[Waiting]) -> None:
    """All at once; where one of them is refused, one by one."""
    try:
        recorded = await record(loop, [said for said, _ in batch])
    except Exception as error:  # whatever it is, each caller must hear of it
        if len(batch) == 1:
            _fail(batch[0][1], error)
            return
        for each in batch:
            await _store(loop, [each])
        return
    for (_, done), found in zip(batch, recorded, strict=True):
        if not done.done():  # its caller may have gone
            done.set_result(found)


def _fail(done: "asyncio.Future[Recorded]", error: Exception) -> None:
    if not done.done():
        done.set_exception(error)
