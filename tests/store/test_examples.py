"""Claims about store/examples.py."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from kaeshi.app import open_loop
from kaeshi.loop import Loop
from kaeshi.providers.fake import FakeClock, FakeIds
from kaeshi.settings import Settings
from kaeshi.steps import collection
from samples import learnable, rate


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


async def test_late_feedback_changes_a_verdict(loop: Loop) -> None:
    await learnable(loop, 3)
    assert (await collection.collect(loop)).total_kept == 3
    assert (await collection.collect(loop)).judged == 0
    await rate(loop, "c0001#1", author="somebody else", vote="down", rating=1)
    later = await collection.collect(loop)
    assert (later.judged, later.total_kept, dict(later.dropped)) == (1, 2, {"thumbs_down": 1})
