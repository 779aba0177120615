"""Fixtures of tests/store."""

from collections.abc import AsyncIterator
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
