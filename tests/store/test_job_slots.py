"""Claims about store/job_slots.py."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from kaeshi.app import open_loop
from kaeshi.loop import Loop
from kaeshi.providers.fake import FakeClock, FakeIds
from kaeshi.settings import Settings


@pytest.fixture(params=["sqlite", "postgres"])
async def loop(
    request: pytest.FixtureRequest, tmp_path: Path, clock: FakeClock
) -> AsyncIterator[Loop]:
    url = (
        request.getfixturevalue("postgres")()
        if request.param == "postgres"
        else f"sqlite+aiosqlite:///{tmp_path}/kaeshi.db"
    )
    async with open_loop(
        settings=Settings(
            database_url=url, kaeshi_data_dir=tmp_path, min_examples=10, kaeshi_names="lists"
        ),
        clock=clock,
        ids=FakeIds(),
    ) as opened:
        yield opened


async def test_a_slot_is_claimed_once_and_taken_over_after_its_lease(
    loop: Loop, clock: FakeClock
) -> None:
    async def claim(owner: str) -> bool:
        async with loop.store.write() as tx:
            return await tx.claim_slot(
                "main", "job", slot, owner, clock.now(), timedelta(minutes=5)
            )

    slot = clock.now()
    assert sum(await asyncio.gather(*(claim(f"p{i}") for i in range(5)))) == 1
    clock.advance(minutes=6)
    assert await claim("reaper")
    async with loop.store.write() as tx:
        assert await tx.finish_slot(
            "main", "job", slot, "reaper", clock.now(), state="finished", detail=""
        )
    clock.advance(minutes=60)
    assert not await claim("late")
