"""The job table: which jobs there are, when they are due, and what a missed slot means."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from apscheduler.triggers.cron import CronTrigger

from kaeshi.errors import Misconfigured
from kaeshi.loop import Loop
from kaeshi.nouns import Json
from kaeshi.settings import Settings
from kaeshi.steps import (
    autopilot,
    collection,
    conversation,
    knowledge,
    renewal,
    report,
    rollout,
    spending,
    training,
)
from kaeshi.steps.report_mail import render

Missed = Literal["catch_up", "skip"]
_NAMES = ("sun", "mon", "tue", "wed", "thu", "fri", "sat", "sun")


@dataclass(frozen=True, kw_only=True)
class Job:
    """A job: when it is due (crontab, UTC) and what it does.

    And whether a slot that was missed while nothing ran is run late.
    """

    name: str
    cron: str
    run: Callable[[Loop], Awaitable[str]]
    missed: Missed

    @property
    def trigger(self) -> CronTrigger:
        """Due times as crontab defines them. Raises Misconfigured."""
        return crontab(self.cron)


def jobs(settings: Settings) -> tuple[Job, ...]:
    """The seed's three jobs and kaeshi's own."""
    s = settings
    return (
        _caught_up("training_collector", s.training_collector_cron, _collect),
        _caught_up("kb_refresh", s.kb_refresh_cron, _refresh),
        _caught_up("examples_refresh", s.examples_refresh_cron, _renew),
        _caught_up("performance_reporter", s.performance_reporter_cron, _report),
        Job(name="report_retry", cron="*/5 * * * *", run=_retry_report, missed="skip"),
        Job(name="conversation_closer", cron="*/5 * * * *", run=_close, missed="skip"),
        Job(name="training_poller", cron="* * * * *", run=_poll, missed="skip"),
        _caught_up("retirement_guard", "30 3 * * *", _guard),
        Job(name="rollout_stepper", cron="*/10 * * * *", run=_step, missed="skip"),
        _caught_up("autopilot", s.autopilot_cron, autopilot.run),
        Job(name="autopilot_stepper", cron="*/10 * * * *", run=autopilot.carry_on, missed="skip"),
    )


def _caught_up(name: str, cron: str, run: Callable[[Loop], Awaitable[str]]) -> Job:
    """A job whose missed slot is run late."""
    return Job(name=name, cron=cron, run=run, missed="catch_up")


def crontab(line: str) -> CronTrigger:
    """A crontab line in UTC, where weekdays 0 and 7 are Sunday.

    APScheduler's own parser counts from Monday.
    """
    fields = line.split()
    if len(fields) != 5:  # minute, hour, day, month, weekday
        msg = (
            f"crontab line {line!r} has {len(fields)} fields, 5 are needed: minute hour day "
            "month weekday"
        )
        raise Misconfigured(msg)
    minute, hour, day, month, weekday = fields
    try:
        return CronTrigger(
            minute=minute,
            hour=hour,
            day=day,
            month=month,
            day_of_week=_weekdays(weekday),
            timezone=UTC,
        )
    except ValueError as error:
        msg = f"crontab line {line!r}: {error}"
        raise Misconfigured(msg) from error


def due(trigger: CronTrigger, after: datetime, until: datetime, most: int = 1000) -> list[datetime]:
    """Due times in (after, until], at most the latest `most`."""
    found: list[datetime] = []
    last: datetime | None = after
    while True:
        last = trigger.get_next_fire_time(last, last) if last is not None else None
        if last is None or last > until:
            return found[-most:]
        if last > after:
            found.append(last)


def _weekdays(field: str) -> str:
    """Weekdays 0-7 as names, with ranges and lists; a step over the whole week is expanded."""
    if field == "*":
        return "*"
    days: list[str] = []
    for part in field.lower().split(","):
        span, _, step = part.partition("/")
        if span == "*":
            span = "0-6"
        first, _, last = span.partition("-")
        if not first.isdigit():
            days.append(part)  # names mean the same in both formats
            continue
        days = _span_of(last, first, step, part, days)
    return ",".join(dict.fromkeys(days))


def _span_of(last: str, first: str, step: str, part: str, days: list[str]) -> list[str]:
    end = int(last or (6 if step else first)) if (last or first).isdigit() else -1
    if not (
        0 <= int(first) <= end <= 7 and (not step or (step.isdigit() and int(step) > 0))
    ):  # crontab's weekdays
        msg = f"weekday {part!r} is not within 0-7"
        raise ValueError(msg)
    days += [_NAMES[d] for d in range(int(first), end + 1, int(step or 1))]
    return days


async def _collect(loop: Loop) -> str:
    done = await collection.collect(loop)
    ready = ", ready to retrain" if done.ready_to_retrain else ""
    dropped = (
        ", ".join(f"{reason} {count}" for reason, count in sorted(done.dropped.items())) or "none"
    )
    return f"kept {done.kept}; dropped: {dropped}; {done.total_kept} in all{ready}"


async def _refresh(loop: Loop) -> str:
    done = await knowledge.refresh(loop)
    return (
        f"{done['proposed']} proposed, {done['entries']} entries in the index, "
        f"{done['embedded']} embedded"
    )


async def _renew(loop: Loop) -> str:
    if not await renewal.is_read(loop):
        return "nothing in production reads examples that are renewed"
    done = await renewal.renew(loop)
    return f"{done.examples} examples{'' if done.is_new else ', as before'}"


async def _report(loop: Loop) -> str:
    return _sent(await report.send(loop, await report.compose(loop), render))


async def _retry_report(loop: Loop) -> str:
    again = await report.retry(loop, render)
    return "no report was refused" if again is None else _sent(again)


def _sent(done: Json) -> str:
    return f"sent to {done['to']}" if done["sent"] else str(done["why"])


async def _close(loop: Loop) -> str:
    return f"closed {await conversation.close_idle(loop)}"


async def _poll(loop: Loop) -> str:
    return (
        ", ".join(f"{run.id} {run.state}" for run in await training.resume(loop))
        or "nothing under way"
    )


async def _guard(loop: Loop) -> str:
    return "; ".join(map(str, await spending.retiring(loop))) or "no model in use retires soon"


async def _step(loop: Loop) -> str:
    return (
        "; ".join(f"{name}: {why}" for name, why in await rollout.step_all(loop))
        or "no rollout under way"
    )
