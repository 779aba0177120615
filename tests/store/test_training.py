"""Claims about store/training.py: the ledger of uploads and jobs."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from kaeshi.errors import NotFound
from kaeshi.loop import Loop
from kaeshi.nouns import TrainingEvent, TrainingRun
from kaeshi.providers.fake import FakeClock

LONG_AGO = timedelta(days=29)


def run(loop: Loop, key: str, **more: Any) -> TrainingRun:
    now = loop.clock.now()
    values = {"id": f"run-{key}", "state": "intent", "reserved_usd": Decimal(10)} | more
    return TrainingRun(
        assistant=loop.assistant,
        key=key,
        base_model="gpt",
        suffix="x",
        epochs=1,
        provider="openai",
        file_sha256="aa",
        created_at=now,
        updated_at=now,
        **values,
    )


async def test_an_upload_is_intended_once_and_found_when_it_is_settled(
    loop: Loop, clock: FakeClock
) -> None:
    before = clock.now() - LONG_AGO
    async with loop.store.write() as tx:
        first = await tx.training.intend_upload(
            loop.assistant, "openai", "aa", 90, clock.now(), before
        )
        again = await tx.training.intend_upload(
            loop.assistant, "openai", "aa", 90, clock.now(), before
        )
        await tx.training.settle_upload(loop.assistant, "openai", "aa", "file-1", clock.now())
        known = await tx.training.intend_upload(
            loop.assistant, "openai", "aa", 90, clock.now(), before
        )
    assert (first, again, known) == ((None, True), (None, False), ("file-1", False))
    async with loop.store.read() as tx:
        assert await tx.training.uploaded(loop.assistant, "openai", "file-1") == ("aa", 90)
        assert await tx.training.uploaded(loop.assistant, "another", "file-1") is None


async def test_a_file_that_has_expired_at_the_provider_is_uploaded_again(
    loop: Loop, clock: FakeClock
) -> None:
    async with loop.store.write() as tx:
        await tx.training.intend_upload(
            loop.assistant, "openai", "aa", 90, clock.now(), clock.now() - LONG_AGO
        )
        await tx.training.settle_upload(loop.assistant, "openai", "aa", "file-1", clock.now())
    clock.advance(hours=24 * 30)
    async with loop.store.write() as tx:
        found = await tx.training.intend_upload(
            loop.assistant, "openai", "aa", 90, clock.now(), clock.now() - LONG_AGO
        )
    assert found == (None, True)


async def test_the_same_work_is_one_run(loop: Loop) -> None:
    async with loop.store.write() as tx:
        first, is_new = await tx.training.intend_run(run(loop, "k"))
        second, again = await tx.training.intend_run(run(loop, "k", id="another"))
    assert (is_new, again) == (True, False)
    assert second == first


async def test_a_months_money_is_what_was_booked_and_what_is_reserved(
    loop: Loop, clock: FakeClock
) -> None:
    async with loop.store.write() as tx:
        paid, _ = await tx.training.intend_run(run(loop, "paid"))
        await tx.training.settle_run(
            paid, clock.now(), state="succeeded", booked_usd=Decimal("3.25")
        )
        await tx.training.intend_run(run(loop, "open"))
    async with loop.store.write() as tx:
        month = await tx.training.committed_usd(loop.assistant, clock.now() - timedelta(days=3))
        next_month = await tx.training.committed_usd(
            loop.assistant, clock.now() + timedelta(days=1)
        )
    assert (month, next_month) == (Decimal("13.25"), Decimal(0))


async def test_one_of_two_processes_asks_for_a_job(loop: Loop) -> None:
    async with loop.store.write() as tx:
        stored, _ = await tx.training.intend_run(run(loop, "k"))
    claims = []
    for _ in range(2):
        async with loop.store.write() as tx:
            claims.append(await tx.training.claim_ask(stored, loop.clock.now()))
    assert claims == [True, False]
    async with loop.store.read() as tx:
        assert (await tx.training.run(loop.assistant, stored.id)).asks == 1


async def test_events_are_kept_once_and_in_their_order(loop: Loop) -> None:
    async with loop.store.write() as tx:
        stored, _ = await tx.training.intend_run(run(loop, "k"))
    events = [
        TrainingEvent(
            id=f"ev{i}",
            at=loop.clock.now() + timedelta(seconds=i),
            message=f"step {i}",
            figures={"train_loss": 1.0 - i / 10},
        )
        for i in range(3)
    ]
    for part in (events[:2], events):
        async with loop.store.write() as tx:
            await tx.training.add_events(stored, part)
    async with loop.store.read() as tx:
        assert await tx.training.events(stored) == events


async def test_runs_are_found_by_id_by_key_and_by_state(loop: Loop) -> None:
    async with loop.store.write() as tx:
        done, _ = await tx.training.intend_run(run(loop, "done"))
        done = await tx.training.settle_run(
            done, loop.clock.now(), state="succeeded", model="ft:x", job_id="job-1"
        )
        waiting, _ = await tx.training.intend_run(run(loop, "waiting"))
    async with loop.store.read() as tx:
        assert await tx.training.run_of(loop.assistant, "done") == done
        assert await tx.training.run_of(loop.assistant, "unknown") is None
        for name in (done.id, "job-1"):
            assert await tx.training.run(loop.assistant, name) == done
        assert await tx.training.runs(loop.assistant, ("intent",)) == [waiting]
        with pytest.raises(NotFound, match="kaeshi training list"):
            await tx.training.run(loop.assistant, "nothing")
