"""One suite, on real SQLite and real PostgreSQL."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine

from kaeshi import log_conversations
from kaeshi.app import open_loop
from kaeshi.errors import Conflict, KaeshiError, Misconfigured, NotFound
from kaeshi.loop import Loop
from kaeshi.providers.fake import FakeClock, FakeIds
from kaeshi.settings import Settings
from kaeshi.steps import collection, conversation, feedback, rollout
from kaeshi.store import Keyring
from kaeshi.store.engine import HEAD
from kaeshi.store.tables import metadata, texts
from rollouts import arms, in_half
from samples import learnable, log, rate, record


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


async def test_logging_twice_changes_nothing(loop: Loop) -> None:
    raw = record("c", "How much?", "550 dollars.", outcome={"escalated": False, "booked": True})
    first, again = await conversation.log(loop, [raw]), await conversation.log(loop, [raw, raw])
    assert (first.new, first.messages) == (1, 2)
    assert (again.new, again.grown, again.unchanged, again.refused) == (0, 0, 2, [])


async def test_a_conversation_grows_and_opens_again(loop: Loop) -> None:
    await log(loop, record("c", "How much?", "550 dollars."))
    assert (await conversation.show(loop, "c"))["closed_at"]
    done = await conversation.log(
        loop, [record("c", "How much?", "550 dollars.", "And for kids?", "30 dollars each.")]
    )
    shown = await conversation.show(loop, "c")
    assert done.grown == 1
    assert [m["content"] for m in shown["messages"]] == [
        "How much?",
        "550 dollars.",
        "And for kids?",
        "30 dollars each.",
    ]


async def test_a_message_is_never_rewritten_and_belongs_to_one_conversation(loop: Loop) -> None:
    await log(loop, record("c", "How much?", "550 dollars."))
    rewritten = await conversation.log(loop, [record("c", "How much?", "1 dollar.")])
    assert "another text" in rewritten.refused[0]
    stolen = record("d", "How much?", "550 dollars.")
    stolen["messages"][0]["message_id"] = "c#0"
    assert "belongs to conversation 'c'" in (await conversation.log(loop, [stolen])).refused[0]
    assert (await conversation.show(loop, "c"))["messages"][1]["content"] == "550 dollars."


async def test_late_and_repeated_outcomes_are_welcome_and_the_latest_counts(
    loop: Loop, clock: FakeClock
) -> None:
    await log(loop, record("c", outcome={"escalated": False}))
    assert (await conversation.show(loop, "c"))["contained"] is True
    late = clock.now()
    assert await conversation.report_outcome(loop, "c", {"escalated": True}, at=late) == 1
    assert await conversation.report_outcome(loop, "c", {"escalated": True}, at=late) == 0
    assert (
        await conversation.report_outcome(
            loop, "c", {"escalated": False}, at=late - timedelta(days=400)
        )
        == 1
    )
    shown = await conversation.show(loop, "c")
    assert shown["outcome"]["escalated"] is True
    assert shown["contained"] is False
    with pytest.raises(NotFound, match="nobody"):
        await conversation.report_outcome(loop, "nobody", {"booked": True})


async def test_feedback_has_one_current_value_per_author_and_keeps_its_history(loop: Loop) -> None:
    await log(loop, record("c"))
    await rate(loop, "c#1", author="ann", vote="up", rating=5)
    await rate(loop, "c#1", author="ann", vote="down")
    await rate(loop, "c#1", author="bob", vote="up")
    found = await feedback.analytics(loop, 30)
    assert (
        found["total_feedback"],
        found["positive_votes"],
        found["negative_votes"],
        found["avg_rating"],
    ) == (2, 1, 1, 5.0)
    async with loop.store.read() as tx:
        history = (
            await tx.connection.execute(
                text("select metric, value from feedback_history order by submission, metric")
            )
        ).all()
    assert sorted(map(tuple, history)) == [
        ("rating", "5"),
        ("vote", "down"),
        ("vote", "up"),
        ("vote", "up"),
    ]


async def test_saying_the_same_again_is_the_same_feedback(loop: Loop) -> None:
    from kaeshi.rules.feedback import parse as said

    await log(loop, record("c"))
    first = await feedback.record(
        loop, [said("c#1", {"vote": "up", "comment": "very good indeed, thank you"})]
    )
    again = await feedback.record(
        loop, [said("c#1", {"vote": "up", "comment": "very good indeed, thank you"})]
    )
    assert first[0].id == again[0].id
    assert (await feedback.analytics(loop, 30))["total_feedback"] == 1


async def test_unknown_messages_store_nothing(loop: Loop) -> None:
    from kaeshi.rules.feedback import parse as said

    await log(loop, record("c"))
    with pytest.raises(NotFound, match="no_such"):
        await feedback.record(loop, [said("c#1", {"vote": "up"}), said("no_such", {"vote": "up"})])
    assert (await feedback.analytics(loop, 30))["total_feedback"] == 0


async def test_late_feedback_changes_a_verdict(loop: Loop) -> None:
    await learnable(loop, 3)
    assert (await collection.collect(loop)).total_kept == 3
    assert (await collection.collect(loop)).judged == 0
    await rate(loop, "c0001#1", author="somebody else", vote="down", rating=1)
    later = await collection.collect(loop)
    assert (later.judged, later.total_kept, dict(later.dropped)) == (1, 2, {"thumbs_down": 1})


async def test_assistants_do_not_see_each_other(loop: Loop) -> None:
    await log(loop, record("c"), record("c", "Other?", "Other answer.", assistant="second"))
    async with loop.store.read() as tx:
        assert await tx.count_conversations("main") == await tx.count_conversations("second") == 1


async def test_one_candidate_at_a_time_whoever_asks(loop: Loop) -> None:
    for model in ("a", "b"):
        await rollout.register(loop, model)
    await rollout.set_production(loop, "first")
    began = await rollout.begin(loop, "a", percent=10, hours=1)
    with pytest.raises(Conflict, match=began.id):
        await rollout.begin(loop, "b", percent=10, hours=1)
    await rollout.roll_back(loop, began.id, reason="x")
    assert (await rollout.begin(loop, "b", percent=10, hours=1)).state == "mirror"


async def test_two_steps_at_once_are_one_step(loop: Loop) -> None:
    await rollout.register(loop, "a")
    began = await rollout.begin(loop, "a", percent=10, hours=0)
    outcomes = await asyncio.gather(
        *(rollout.step(loop, began) for _ in range(4)), return_exceptions=True
    )
    assert sum(not isinstance(o, BaseException) for o in outcomes) == 1
    assert all(isinstance(o, Conflict) for o in outcomes if isinstance(o, BaseException))
    status = await rollout.status(loop)
    assert [a["after"] for a in status["rollouts"][0]["audit"]] == ["gate", "mirror", "canary"]


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


async def test_the_same_conversation_from_many_at_once_is_stored_once(loop: Loop) -> None:
    results = await asyncio.gather(
        *(conversation.log(loop, [record("c")]) for _ in range(8)), return_exceptions=True
    )
    assert not [r for r in results if isinstance(r, BaseException)]
    assert sum(r.new for r in results if not isinstance(r, BaseException)) == 1


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


async def test_dropping_a_key_erases_what_was_said(loop: Loop) -> None:
    await log(loop, record("c"))
    async with loop.store.write() as tx:
        await tx.connection.execute(text("update customers set wrapped_key = null"))
    with pytest.raises(NotFound):
        await conversation.show(loop, "c")


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


async def test_the_wrong_master_key_opens_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"sqlite+aiosqlite:///{tmp_path}/kaeshi.db"
    await log_conversations(url, [record("c")])
    (tmp_path / "master.key").unlink()
    async with open_loop(url) as other:
        with pytest.raises(KaeshiError, match="master"):
            await conversation.show(other, "c")


@pytest.mark.parametrize(
    "url", ["nonsense", "sqlite:///x.db", "postgresql+asyncpg://nobody@127.0.0.1:1/none"]
)
async def test_a_database_that_cannot_be_used_is_named(url: str) -> None:
    with pytest.raises(Misconfigured, match=r"DATABASE_URL|database"):
        await log_conversations(url, [record("c")])


def test_a_seal_opens_in_its_place_only() -> None:
    ring = Keyring(b"m" * 32)
    key = ring.new_data_key()
    sealed = ring.seal(key, b"hello", "here")
    assert ring.open(key, sealed, "here") == b"hello"
    with pytest.raises(Misconfigured):
        ring.open(key, sealed, "there")


def test_a_pseudonym_needs_the_master_key() -> None:
    a, b = Keyring(b"a" * 32), Keyring(b"b" * 32)
    assert (
        a.pseudonym("main", "ann", "c")
        == a.pseudonym("main", "ann", "c")
        != b.pseudonym("main", "ann", "c")
    )


async def test_a_read_sees_one_moment_whatever_others_commit_meanwhile(loop: Loop) -> None:
    await rollout.set_production(loop, "old")
    await rollout.register(loop, "new")
    async with loop.store.read() as tx:
        before = await tx.production(loop.assistant)
        live = await rollout.begin(loop, "new", percent=10, hours=1)
        await rollout.promote(loop, live.id, strategy="immediate", by="ann", force=True)
        assert await tx.rollouts(loop.assistant) == []
        assert await tx.production(loop.assistant) == before
    assert (await rollout.status(loop))["production"] == "new"


async def test_two_processes_that_look_at_once_count_each_customer_of_a_rollout_once(
    loop: Loop, clock: FakeClock
) -> None:
    live = await in_half(loop, clock)
    await arms(loop, live, 0.5, 0.9, count=60)
    clock.advance(hours=25)
    await asyncio.gather(*(rollout.step(loop, live) for _ in range(4)))
    await rollout.step(loop, live)
    async with loop.store.read() as tx:
        counted, assigned = (
            await tx.entered(loop.assistant, live.id),
            await tx.assigned(loop.assistant, live.id),
        )
        delays = await tx.conversion_delays(
            loop.assistant, clock.now() - timedelta(days=9), clock.now()
        )
    assert {row.customer for row in counted} == {row.customer for row in assigned}
    assert len(counted) == 140
    assert delays == []


async def test_the_evidence_of_a_rollout_moves_it_to_full_on_either_database(
    loop: Loop, clock: FakeClock
) -> None:
    live = await in_half(loop, clock)
    await arms(loop, live, 0.5, 0.9)
    clock.advance(hours=168)
    ((_, why),) = await rollout.step_all(loop)
    assert "better" in why
    assert (await rollout.status(loop))["production"] == "new"
