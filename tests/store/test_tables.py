"""Claims about store/tables.py."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import select

from kaeshi.app import open_loop
from kaeshi.loop import Loop
from kaeshi.providers.fake import FakeClock, FakeIds
from kaeshi.settings import Settings
from kaeshi.steps import collection
from kaeshi.store.tables import metadata, texts
from samples import log, rate, record


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


async def test_raw_text_lies_sealed_in_one_table_only(loop: Loop, tmp_path: Path) -> None:
    await log(
        loop,
        record(
            "c",
            "My name is Katarina Miller, PIN 4321",
            "Hello Katarina.",
            customer_id="katarina@example.com",
        ),
    )
    await rate(
        loop,
        "c#1",
        author="katarina@example.com",
        rating=5,
        vote="up",
        helpful=True,
        comment="Katarina says thanks a lot!",
    )
    await collection.collect(loop)
    async with loop.store.read() as tx:
        for table in metadata.sorted_tables:
            for row in await tx.connection.execute(select(table)):
                assert "katarina" not in repr(tuple(row)).lower(), table.name
        assert (await tx.connection.execute(select(texts))).all()
