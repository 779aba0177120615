"""Claims about steps/parking.py and steps/ingest.py."""

import asyncio
import itertools
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kaeshi.errors import Misconfigured, NotFound
from kaeshi.loop import Loop
from kaeshi.nouns import Feedback
from kaeshi.rules.feedback_bodies import Told
from kaeshi.steps import feedback, parking
from kaeshi.steps.ingest import Ingest
from samples import log, record

START = datetime(2026, 3, 2, tzinfo=UTC)
NUMBERS = itertools.count()  # an assistant of its own for each run
reports = st.lists(
    st.builds(
        Feedback,
        message_id=st.just("c#1"),
        author=st.sampled_from(["ann", "bob"]),
        rating=st.sampled_from([1, 3, 5]),
        at=st.integers(0, 4).map(lambda hours: START + timedelta(hours=hours)),
    ),
    min_size=1,
    max_size=6,
)


async def give(loop: Loop, said: Feedback) -> None:
    """As the API does."""
    try:
        await feedback.record(loop, [said])
    except NotFound:
        await parking.park(loop, Told(target="message_id", feedback=said))


async def state(loop: Loop) -> list[tuple[str, int | None]]:
    async with loop.store.read() as tx:
        found = await tx.feedback.on(loop.assistant, ["c"])
    return sorted((o.author, o.rating) for _, o in found["c"])


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(said=reports, place=st.integers(0, 6), rng=st.randoms())
async def test_when_the_message_arrives_among_its_reports_changes_nothing(
    loop: Loop, said: list[Feedback], place: int, rng: object
) -> None:
    expected = replace(loop, assistant=f"a{next(NUMBERS)}")
    await log(expected, record("c"))
    for one in sorted(said, key=lambda f: f.at or START):
        await give(expected, one)
    mixed = replace(loop, assistant=f"a{next(NUMBERS)}")
    rng.shuffle(said)  # type: ignore[attr-defined]  # hypothesis gives a random.Random
    for one in said[:place]:
        await give(mixed, one)
    await log(mixed, record("c"))
    for one in said[place:]:
        await give(mixed, one)
    found = [rating for _, rating in await state(mixed)]  # authors' pseudonyms differ
    assert sorted(found) == sorted(rating for _, rating in await state(expected))
    async with loop.store.read() as tx:
        assert await tx.parked.count(mixed.assistant) == 0


async def test_what_waits_is_encrypted_and_deleted_after_a_week(loop: Loop) -> None:
    said = Feedback(message_id="none", comment="Call Anna Bennett at 415-555-0132, please.")
    await parking.park(loop, Told(target="message_id", feedback=said))
    async with loop.store.read() as tx:
        for table in ("texts", "parked_feedback"):
            rows = await tx.connection.exec_driver_sql(f"select * from {table}")  # names above
            assert "Anna" not in str(rows.all())
    loop.clock.advance(days=8)  # type: ignore[attr-defined]  # the tests' clock
    assert await parking.settle(loop) == 0
    async with loop.store.read() as tx:
        assert await tx.parked.count(loop.assistant) == 0
        for table in ("texts", "customers"):
            rows = await tx.connection.exec_driver_sql(f"select * from {table}")  # names above
            assert rows.all() == []


async def test_one_that_is_refused_stops_no_other_of_its_transaction(loop: Loop) -> None:
    await log(loop, record("c"))
    ingest = Ingest()
    given = [Feedback(message_id="c#1", author=f"a{i}", rating=5) for i in range(30)]
    unknown = Feedback(message_id="none", rating=1)
    done = await asyncio.gather(
        *(ingest.record(loop, said) for said in (*given[:15], unknown, *given[15:])),
        return_exceptions=True,
    )
    assert [type(each) for each in done if isinstance(each, Exception)] == [NotFound]
    assert (await feedback.analytics(loop, 30))["total_feedback"] == 30


async def test_a_caller_who_leaves_loses_nothing_and_stops_nothing(loop: Loop) -> None:
    await log(loop, record("c"))
    ingest = Ingest()
    one = asyncio.ensure_future(ingest.record(loop, Feedback(message_id="c#1", rating=5)))
    other = asyncio.ensure_future(
        ingest.record(loop, Feedback(message_id="c#1", author="b", rating=5))
    )
    await asyncio.sleep(0)
    one.cancel()
    assert (await other).id
    with pytest.raises(asyncio.CancelledError):
        await one
    assert (await feedback.analytics(loop, 30))["total_feedback"] == 2


async def test_a_failure_of_the_store_deletes_nothing_that_waits(
    loop: Loop, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = Feedback(message_id="c#1", rating=5)
    await parking.park(loop, Told(target="message_id", feedback=said))

    async def broken(*_: object) -> None:
        msg = "the disk is full"
        raise Misconfigured(msg)

    with monkeypatch.context() as patch:
        patch.setattr(feedback, "record", broken)
        with pytest.raises(Misconfigured):
            await log(loop, record("c"))
    assert await parking.settle(loop) == 1
    assert (await feedback.analytics(loop, 30))["total_feedback"] == 1
