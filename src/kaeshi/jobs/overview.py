"""What the scheduler page and `kaeshi jobs list` show."""

from kaeshi.jobs.schedule import jobs
from kaeshi.loop import Loop
from kaeshi.nouns import Json, Slot


async def overview(loop: Loop) -> list[Json]:
    """Every job with its next due time, latest slots, durations (seconds) and errors."""
    now = loop.clock.now()
    found = []
    async with loop.store.read() as tx:
        for job in jobs(loop.settings):
            slots = await tx.jobs.slots(loop.assistant, job.name, 5)
            following = job.trigger.get_next_fire_time(None, now)
            found.append(
                {
                    "job": job.name,
                    "cron": job.cron,
                    "missed": job.missed,
                    "next": following.isoformat() if following else "",
                    "last": _slot_shown(slots[0]) if slots else None,
                    "history": [_slot_shown(s) for s in slots],
                }
            )
    return found


def _slot_shown(slot: Slot) -> Json:
    seconds = (slot.finished_at - slot.started_at).total_seconds() if slot.finished_at else None
    return {
        "slot": slot.slot.isoformat(),
        "state": slot.state,
        "detail": slot.detail,
        "attempts": slot.attempts,
        "owner": slot.owner,
        "seconds": seconds,
    }
