"""Running due slots: claim in the database, run, record the end.

A slot runs once, over any number of processes.
"""

import asyncio
import logging
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from kaeshi.errors import KaeshiError, NotFound
from kaeshi.jobs.schedule import Job, due
from kaeshi.loop import Loop
from kaeshi.nouns import Slot
from kaeshi.steps.notice import notify

log = logging.getLogger("kaeshi.jobs")


async def tick(loop: Loop, jobs: Sequence[Job], owner: str, since: datetime) -> list[str]:
    """Run everything that is due; returns what ran.

    `since`: the first start of this deployment, before which nothing was due.
    """
    now = loop.clock.now()
    ran: list[Any] = []
    await _mend_clock(loop, now)
    async with loop.store.read() as tx:
        abandoned = await tx.jobs.abandoned(loop.assistant, now)
        last = {job.name: await tx.jobs.last(loop.assistant, job.name) for job in jobs}
    await _take_over(abandoned, jobs, loop, owner, ran)
    for job in jobs:
        for moment in await _wanted(loop, job, last[job.name] or since, now, owner):
            if await run_slot(loop, job, moment, owner):
                ran.append(job.name)
    return ran


async def _mend_clock(loop: Loop, now: datetime) -> None:
    """A clock that was once ahead must not stop the jobs until that date."""
    async with loop.store.read() as tx:
        if not await tx.jobs.ahead(loop.assistant, now):
            return
    async with loop.store.write() as tx:
        ahead = await tx.jobs.drop_ahead(loop.assistant, now)
    msg = (
        f"{ahead} job slots of {loop.assistant} were recorded in the future: a clock was ahead. "
        "They are removed, and the jobs run by the present time"
    )
    log.warning(msg)
    await notify(loop, msg)


async def _take_over(
    abandoned: list[Slot], jobs: Sequence[Job], loop: Loop, owner: str, ran: list[Any]
) -> None:
    for slot in abandoned:
        job = next((j for j in jobs if j.name == slot.job), None)
        if job is not None and await run_slot(loop, job, slot.slot, owner):
            ran.append(f"{job.name} (taken over)")


async def run_slot(loop: Loop, job: Job, slot: datetime, owner: str) -> bool:
    """Run one slot unless another process has it; True if it ran here.

    Every failure of a job is caught here and recorded.
    """
    lease = timedelta(minutes=loop.settings.job_lease_minutes)
    async with loop.store.write() as tx:
        if not await tx.jobs.claim(loop.assistant, job.name, slot, owner, loop.clock.now(), lease):
            return False
    keeper = asyncio.create_task(_keep(loop, job, slot, owner, lease))
    try:
        detail = await job.run(loop)
        state = "finished"
    except (
        Exception
    ) as error:  # the outermost handler: the slot's end is recorded and the scheduler goes on
        detail = f"{type(error).__name__}: {error}"
        state = "failed"
        # what is refused says why; anything else is a fault, and its place in the code tells
        is_fault = not isinstance(error, KaeshiError)
        log.log(
            logging.ERROR,
            "job failed job=%s slot=%s: %s",
            job.name,
            slot.isoformat(),
            error,
            exc_info=is_fault,
        )
    finally:
        keeper.cancel()
    await _finish_slot(loop, job, slot, owner, state, detail)
    log.info("job %s job=%s slot=%s detail=%s", state, job.name, slot.isoformat(), detail)
    return True


async def _finish_slot(
    loop: Loop, job: Job, slot: datetime, owner: str, state: str, detail: str
) -> None:
    async with loop.store.write() as tx:
        await tx.jobs.finish(
            loop.assistant, job.name, slot, owner, loop.clock.now(), state=state, detail=detail
        )


async def run_now(loop: Loop, jobs: Sequence[Job], name: str, owner: str) -> str:
    """Run a job at once, as a slot of its own; returns its result. Raises NotFound."""
    job = next((j for j in jobs if j.name == name), None)
    if job is None:
        msg = f"job {name!r} is not known; the jobs are {', '.join(j.name for j in jobs)}"
        raise NotFound(msg)
    moment = loop.clock.now()
    await run_slot(loop, job, moment, owner)
    async with loop.store.read() as tx:
        return next(
            f"{s.state}: {s.detail}"
            for s in await tx.jobs.slots(loop.assistant, name)
            if s.slot == moment
        )


async def _wanted(
    loop: Loop, job: Job, after: datetime, now: datetime, owner: str
) -> list[datetime]:
    """The slots to run: the latest due one, unless its policy says it is too old.

    Older ones are recorded as skipped.
    """
    moments = due(job.trigger, after, now)
    if not moments:
        return []
    latest = moments[-1]
    age = now - latest
    patience = (
        timedelta(hours=loop.settings.job_catch_up_hours)
        if job.missed == "catch_up"
        else timedelta(minutes=5)
    )
    missed = moments if age > patience else moments[:-1]
    if missed and missed[-1] is latest:
        async with loop.store.write() as tx:
            await tx.jobs.skip(
                loop.assistant,
                job.name,
                latest,
                owner,
                now,
                f"missed while down; {len(missed)} slots skipped",
            )
        return []
    return [latest]


async def _keep(loop: Loop, job: Job, slot: datetime, owner: str, lease: timedelta) -> None:
    """Extend the lease while the job runs."""
    while True:
        await asyncio.sleep(lease.total_seconds() / 3)
        async with loop.store.write() as tx:
            await tx.jobs.extend_lease(
                loop.assistant, job.name, slot, owner, loop.clock.now(), lease
            )
