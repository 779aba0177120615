"""Claims about store/tables.py."""

from pathlib import Path

from sqlalchemy import select

from kaeshi.loop import Loop
from kaeshi.steps import collection
from kaeshi.store.tables import metadata, texts
from samples import log, rate, record


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
