"""Claims about store/job_slots.py."""

import asyncio
from datetime import timedelta

from kaeshi.loop import Loop
from kaeshi.providers.fake import FakeClock


async def test_a_slot_is_claimed_once_and_taken_over_after_its_lease(
    loop: Loop, clock: FakeClock
) -> None:
    async def claim(owner: str) -> bool:
        async with loop.store.write() as tx:
            return await tx.jobs.claim(
                "main", "job", slot, owner, clock.now(), timedelta(minutes=5)
            )

    slot = clock.now()
    assert sum(await asyncio.gather(*(claim(f"p{i}") for i in range(5)))) == 1
    clock.advance(minutes=6)
    assert await claim("reaper")
    async with loop.store.write() as tx:
        assert await tx.jobs.finish(
            "main", "job", slot, "reaper", clock.now(), state="finished", detail=""
        )
    clock.advance(minutes=60)
    assert not await claim("late")
