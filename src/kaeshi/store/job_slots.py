"""Slots of scheduled jobs.

Claimed in the database, so that a slot runs once.
"""

from datetime import datetime, timedelta

from sqlalchemy import delete, func, select, update

from kaeshi.nouns import Slot
from kaeshi.store.tables import job_slots
from kaeshi.store.verbs import Verbs, maybe_moment, micros, moment

AHEAD = timedelta(minutes=5)  # clocks of several machines differ by less


class JobVerbs(Verbs):
    """Job slots and their leases."""

    async def claim(
        self, assistant: str, job: str, slot: datetime, owner: str, now: datetime, lease: timedelta
    ) -> bool:
        """Claim a slot that is free, or whose holder's lease ran out without an end.

        True if this process has it now.
        """
        row = {
            "assistant": assistant,
            "job": job,
            "slot": micros(slot),
            "state": "running",
            "owner": owner,
            "attempts": 1,
            "detail": "",
            "lease_until": micros(now + lease),
            "started_at": micros(now),
            "finished_at": None,
        }
        if await self._add(job_slots, [row]):
            return True
        return await self._take_over(assistant, job, slot, now, owner, lease)

    async def _take_over(
        self, assistant: str, job: str, slot: datetime, now: datetime, owner: str, lease: timedelta
    ) -> bool:
        s = job_slots.c
        expired = update(job_slots).where(
            s.assistant == assistant,
            s.job == job,
            s.slot == micros(slot),
            s.state == "running",
            s.lease_until < micros(now),
        )
        taken = await self.connection.execute(
            expired.values(
                owner=owner,
                attempts=s.attempts + 1,
                lease_until=micros(now + lease),
                started_at=micros(now),
            )
        )
        return taken.rowcount == 1

    async def extend_lease(
        self, assistant: str, job: str, slot: datetime, owner: str, now: datetime, lease: timedelta
    ) -> bool:
        """Extend the lease; False if another process has taken the slot."""
        s = job_slots.c
        mine = update(job_slots).where(
            s.assistant == assistant,
            s.job == job,
            s.slot == micros(slot),
            s.owner == owner,
            s.state == "running",
        )
        return (
            await self.connection.execute(mine.values(lease_until=micros(now + lease)))
        ).rowcount == 1

    async def finish(
        self,
        assistant: str,
        job: str,
        slot: datetime,
        owner: str,
        now: datetime,
        *,
        state: str,
        detail: str,
    ) -> bool:
        """Record the end of a slot; False if another process has taken it in the meantime."""
        s = job_slots.c
        mine = update(job_slots).where(
            s.assistant == assistant,
            s.job == job,
            s.slot == micros(slot),
            s.owner == owner,
            s.state == "running",
        )
        return (
            await self.connection.execute(
                mine.values(state=state, detail=detail[:2000], finished_at=micros(now))
            )
        ).rowcount == 1

    async def skip(
        self, assistant: str, job: str, slot: datetime, owner: str, now: datetime, why: str
    ) -> None:
        """Record that a missed slot is skipped."""
        row = {
            "assistant": assistant,
            "job": job,
            "slot": micros(slot),
            "state": "skipped",
            "owner": owner,
            "attempts": 0,
            "detail": why,
            "lease_until": micros(now),
            "started_at": micros(now),
            "finished_at": micros(now),
        }
        await self._add(job_slots, [row])

    async def last(self, assistant: str, job: str) -> datetime | None:
        """The latest due time on record."""
        latest = (
            await self.connection.execute(
                select(func.max(job_slots.c.slot)).where(
                    job_slots.c.assistant == assistant, job_slots.c.job == job
                )
            )
        ).scalar()
        return None if latest is None else moment(latest)

    async def ahead(self, assistant: str, now: datetime) -> int:
        """How many slots are beyond AHEAD from now."""
        statement = (
            select(func.count())
            .select_from(job_slots)
            .where(job_slots.c.assistant == assistant, job_slots.c.slot > micros(now + AHEAD))
        )
        return int((await self.connection.execute(statement)).scalar_one())

    async def drop_ahead(self, assistant: str, now: datetime) -> int:
        """Remove slots beyond AHEAD from now, which a clock that was ahead has left.

        While they are there nothing before them is due. Returns how many there were.
        """
        result = await self.connection.execute(
            delete(job_slots).where(
                job_slots.c.assistant == assistant, job_slots.c.slot > micros(now + AHEAD)
            )
        )
        return int(result.rowcount)

    async def abandoned(self, assistant: str, now: datetime) -> list[Slot]:
        """Slots whose lease ran out without an end, for the reaper."""
        s = job_slots.c
        return [
            _slot(r)
            for r in await self.connection.execute(
                select(job_slots)
                .where(s.assistant == assistant, s.state == "running", s.lease_until < micros(now))
                .order_by(s.slot)
            )
        ]

    async def slots(self, assistant: str, job: str | None = None, limit: int = 50) -> list[Slot]:
        """Slots on record, the latest first."""
        statement = (
            select(job_slots)
            .where(job_slots.c.assistant == assistant)
            .order_by(job_slots.c.started_at.desc())
            .limit(limit)
        )
        if job is not None:
            statement = statement.where(job_slots.c.job == job)
        return [_slot(row) for row in await self.connection.execute(statement)]


def _slot(row: object) -> Slot:
    values = dict(row._mapping)  # type: ignore[attr-defined]  # SQLAlchemy's documented way to a row as a mapping
    return Slot(
        job=values["job"],
        slot=moment(values["slot"]),
        state=values["state"],
        owner=values["owner"],
        started_at=moment(values["started_at"]),
        finished_at=maybe_moment(values["finished_at"]),
        detail=values["detail"],
        attempts=values["attempts"],
    )
