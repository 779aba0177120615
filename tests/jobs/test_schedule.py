import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kaeshi.errors import Misconfigured, NotFound
from kaeshi.jobs.overview import overview
from kaeshi.jobs.runner import run_now, run_slot, tick
from kaeshi.jobs.schedule import Job, crontab, due, jobs
from kaeshi.loop import Loop
from kaeshi.ml.jobs import start_scheduler, stop_scheduler
from kaeshi.providers.fake import FakeClock, FakeNotifier
from kaeshi.settings import Settings
from samples import learnable

SATURDAY = datetime(2025, 11, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("0 2 * * 0", "Sun 02:00"),
        ("0 2 * * 7", "Sun 02:00"),
        ("0 9 * * 1", "Mon 09:00"),
        ("0 1 * * *", "Sat 01:00"),
        ("30 4 * * 5-6", "Sat 04:30"),
        ("0 0 * * tue", "Tue 00:00"),
    ],
)
def test_weekdays_mean_what_crontab_means(line: str, expected: str) -> None:
    following = crontab(line).get_next_fire_time(None, SATURDAY + timedelta(seconds=1))
    assert following is not None
    assert f"{following:%a %H:%M}" == expected


@given(st.integers(0, 7))
def test_every_crontab_weekday_fires_on_that_day(day: int) -> None:
    fired = crontab(f"0 0 * * {day}").get_next_fire_time(None, SATURDAY)
    assert fired is not None
    assert fired.isoweekday() % 7 == day % 7


@pytest.mark.parametrize(
    "line", ["", "* * * *", "61 * * * *", "0 0 * * 8", "0 0 * * 5-2", "a b c d e"]
)
def test_a_bad_crontab_line_is_named(line: str) -> None:
    with pytest.raises(Misconfigured, match="crontab"):
        crontab(line)


def test_due_times_are_after_the_last_and_up_to_now() -> None:
    hours = due(crontab("0 * * * *"), SATURDAY, SATURDAY + timedelta(hours=3))
    assert hours == [SATURDAY + timedelta(hours=h) for h in (1, 2, 3)]


class Counting:
    def __init__(self) -> None:
        self.runs = 0

    async def __call__(self, _: Loop) -> str:
        self.runs += 1
        await asyncio.sleep(0)
        return f"run {self.runs}"

    def job(self, **values: object) -> Job:
        return replace(Job(name="count", cron="0 1 * * *", run=self, missed="catch_up"), **values)  # type: ignore[arg-type]


async def test_over_many_processes_a_slot_runs_once(loop: Loop, clock: FakeClock) -> None:
    counting, since = Counting(), clock.now()
    clock.advance(days=1)
    await asyncio.gather(*(tick(loop, [counting.job()], f"process {i}", since) for i in range(5)))
    assert counting.runs == 1
    clock.advance(days=1)
    await tick(loop, [counting.job()], "process 0", since)
    assert counting.runs == 2


async def test_a_clock_that_was_ahead_stops_no_job_and_is_reported(
    loop: Loop, clock: FakeClock
) -> None:
    told = FakeNotifier()
    loop = replace(loop, notifier=told)
    counting, since = Counting(), clock.now()
    clock.advance(days=30)
    await tick(loop, [counting.job()], "ahead", since)
    clock.advance(days=-29)
    assert await tick(loop, [counting.job()], "right", since) == ["count"]
    assert counting.runs == 2
    assert [message for message in told.sent if "recorded in the future" in message]
    assert await tick(loop, [counting.job()], "right", since) == []


async def test_a_crash_in_mid_job_is_taken_over_after_the_lease(
    loop: Loop, clock: FakeClock
) -> None:
    counting, slot = Counting(), clock.now()
    async with loop.store.write() as tx:
        await tx.jobs.claim("main", "count", slot, "died", clock.now(), timedelta(minutes=15))
    assert await tick(loop, [counting.job()], "other", clock.now()) == []
    clock.advance(minutes=16)
    assert await tick(loop, [counting.job()], "other", clock.now()) == ["count (taken over)"]
    async with loop.store.read() as tx:
        (found,) = await tx.jobs.slots("main", "count")
    assert (found.state, found.attempts, found.owner) == ("finished", 2, "other")


async def test_a_slot_missed_while_down_is_caught_up_once_and_an_old_one_skipped(
    loop: Loop, clock: FakeClock
) -> None:
    counting, since = Counting(), clock.now()
    clock.advance(days=5)
    await tick(loop, [counting.job()], "p", since)
    assert counting.runs == 1
    skipping, before = Counting(), clock.now()
    clock.advance(days=2, hours=6)
    await tick(loop, [skipping.job(name="other", missed="skip")], "p", before)
    assert skipping.runs == 0
    async with loop.store.read() as tx:
        assert [s.state for s in await tx.jobs.slots("main", "other")] == ["skipped"]


async def test_a_failing_job_is_written_down_and_stops_nothing(
    loop: Loop, clock: FakeClock
) -> None:
    async def broken(_: Loop) -> str:
        msg = "no such table"
        raise RuntimeError(msg)

    job = Job(name="broken", cron="* * * * *", run=broken, missed="skip")
    assert await run_slot(loop, job, clock.now(), "p")
    async with loop.store.read() as tx:
        assert [(s.state, s.detail) for s in await tx.jobs.slots("main", "broken")] == [
            ("failed", "RuntimeError: no such table")
        ]


@pytest.mark.parametrize("name", [job.name for job in jobs(Settings())])
async def test_every_job_runs_on_a_fresh_loop(loop: Loop, name: str) -> None:
    await learnable(loop, 3)
    assert (await run_now(loop, jobs(loop.settings), name, "test")).startswith("finished")
    found = {job["job"]: job for job in await overview(loop)}
    assert found[name]["last"]["state"] == "finished"
    assert found[name]["next"]


async def test_an_unknown_job_is_named_with_those_there_are(loop: Loop) -> None:
    with pytest.raises(NotFound, match="kb_refresh"):
        await run_now(loop, jobs(loop.settings), "nonsense", "test")


def test_the_scheduler_starts_and_stops_as_often_as_you_like() -> None:
    start_scheduler()
    start_scheduler()
    stop_scheduler()
    stop_scheduler()
