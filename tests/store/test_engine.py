"""Claims about store/engine.py."""

from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine

from kaeshi import log_conversations
from kaeshi.errors import Misconfigured
from kaeshi.loop import Loop
from kaeshi.steps import rollout
from kaeshi.store.engine import HEAD
from kaeshi.store.tables import metadata
from samples import record


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
    "url", ["nonsense", "sqlite:///x.db", "postgresql+asyncpg://nobody@127.0.0.1:1/none"]
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
