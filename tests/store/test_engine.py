"""Claims about store/engine.py."""

import os
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine

from kaeshi import log_conversations
from kaeshi.app import open_loop
from kaeshi.errors import Misconfigured, TimedOut
from kaeshi.loop import Loop
from kaeshi.settings import Settings
from kaeshi.steps import rollout
from kaeshi.store import engine as store_engine
from kaeshi.store.engine import HEAD
from kaeshi.store.tables import metadata
from samples import log, record


async def test_the_schema_is_what_the_migrations_make(loop: Loop) -> None:
    def differences(connection: Any) -> list[Any]:
        return compare_metadata(MigrationContext.configure(connection), metadata)

    async with loop.store.read() as tx:
        assert await tx.connection.run_sync(differences) == []
        assert (
            await tx.connection.execute(text("select version_num from alembic_version"))
        ).scalar() == HEAD


async def test_a_callers_transaction_is_the_callers_to_commit(tmp_path: Path) -> None:
    engine = create_async_engine(f"sqlite+aiosqlite:///{tmp_path}/theirs.db")
    async with AsyncSession(engine) as session:
        assert await log_conversations(session, [record("c")]) == 1
        await session.rollback()
    assert await log_conversations(engine, [record("c")]) == 1
    async with AsyncSession(engine) as session, session.begin():
        assert await log_conversations(session, [record("c"), record("d")]) == 1
    assert await log_conversations(engine, [record("c"), record("d")]) == 0
    await engine.dispose()


@pytest.mark.parametrize(
    "url", ["nonsense", "mysql://host/name", "postgresql+asyncpg://nobody@127.0.0.1:1/none"]
)
async def test_a_database_that_cannot_be_used_is_named(url: str) -> None:
    with pytest.raises(Misconfigured, match=r"DATABASE_URL|database"):
        await log_conversations(url, [record("c")])


async def test_a_read_sees_one_moment_whatever_others_commit_meanwhile(loop: Loop) -> None:
    await rollout.set_production(loop, "old")
    await rollout.register(loop, "new")
    async with loop.store.read() as tx:
        before = await tx.rollouts.production(loop.assistant)
        live = await rollout.begin(loop, "new", percent=10, hours=1)
        await rollout.promote(loop, live.id, strategy="immediate", by="ann", force=True)
        assert await tx.rollouts.history(loop.assistant) == []
        assert await tx.rollouts.production(loop.assistant) == before
    assert (await rollout.status(loop))["production"] == "new"


async def test_an_emptied_database_beside_its_key_is_refused(tmp_path: Path) -> None:
    settings = Settings(kaeshi_data_dir=tmp_path)
    async with open_loop(settings=settings) as loop:
        await log(loop, record("c"))
    for name in ("kaeshi.db-wal", "kaeshi.db-shm"):
        (tmp_path / name).unlink(missing_ok=True)
    os.utime(tmp_path / "master.key", (0, 0))
    for left in (b"", b"\0", b"SQLite"):
        (tmp_path / "kaeshi.db").write_bytes(left)
        with pytest.raises(Misconfigured, match=r"is empty.*backup"):
            async with open_loop(settings=settings):
                pass
    (tmp_path / "kaeshi.db").unlink()
    async with open_loop(settings=settings) as loop:
        await log(loop, record("c"))


async def test_a_locked_and_a_full_database_say_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store_engine, "BUSY_MS", 50)
    async with open_loop(settings=Settings(kaeshi_data_dir=tmp_path)) as loop:
        other = sqlite3.connect(tmp_path / "kaeshi.db", isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(TimedOut, match="another program"):
            await log(loop, record("c"))
        other.execute("ROLLBACK")
        other.close()
        await log(loop, record("c"))
        with pytest.raises(Misconfigured, match="full"):
            await filled(loop)


async def filled(loop: Loop) -> None:
    """Write more than the database may hold."""
    async with loop.store.write() as tx:
        await tx.connection.execute(text("PRAGMA max_page_count = 1"))
        await tx.connection.execute(text("CREATE TABLE more (x)"))
        for _ in range(100):
            await tx.connection.execute(text("INSERT INTO more VALUES (zeroblob(100000))"))


async def test_a_plain_url_means_the_driver_that_is_used(tmp_path: Path) -> None:
    plain = f"sqlite:///{tmp_path}/plain.db"
    assert await log_conversations(plain, [record("c")]) == 1
    assert await log_conversations(f"sqlite+aiosqlite:///{tmp_path}/plain.db", [record("c")]) == 0


async def test_a_plain_url_of_postgresql_does_too(postgres: Any) -> None:
    url = postgres().replace("postgresql+asyncpg://", "postgresql://")
    assert await log_conversations(url, [record("c")]) == 1
