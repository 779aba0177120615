"""The weekly report, composed of tallies and delivered once."""

import hashlib
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from kaeshi.errors import ProviderError, ProviderUnknown, TooFew
from kaeshi.loop import Loop
from kaeshi.nouns import Json, Mail, Report
from kaeshi.rules import autopilot
from kaeshi.rules import report as rules
from kaeshi.rules.learned import sentences
from kaeshi.settings import Settings
from kaeshi.steps.bought import bought
from kaeshi.steps.todo import todo
from kaeshi.store.reports import Observed

DAYS = 14
REFUSED_PAUSE = timedelta(minutes=5)


async def compose(loop: Loop, *, by_log_clock: bool = False, or_latest: bool = False) -> Report:
    """The last complete week and the one before.

    `by_log_clock`: of the latest conversation's time instead of today's. `or_latest`: the week of
    the latest conversation, where the last complete week has none. Raises TooFew when nothing is
    stored.
    """
    async with loop.store.read() as tx:
        latest = await tx.reports.latest_start(loop.assistant)
        if latest is None:
            msg = (
                f"assistant {loop.assistant!r} has no conversations to report on; import some "
                "with `kaeshi conversation import FILE`"
            )
            raise TooFew(msg)
        before, since, until = rules.weeks(latest if by_log_clock else loop.clock.now())
        observed = await tx.reports.observed_between(loop.assistant, before, until)
        if or_latest and not _between(observed, since, until):
            before, since, until = rules.weeks(latest + timedelta(weeks=1))
            observed = await tx.reports.observed_between(loop.assistant, before, until)
    report = _composed(loop.assistant, observed, before, since, until)
    report = report.model_copy(
        update={
            "todo": await todo(loop),
            "learned": await _learned(loop, since, until),
            "autopilot": await _by_itself(loop, since, until),
        }
    )
    async with loop.store.write() as tx:
        await tx.reports.put(report, loop.clock.now())
    return report


async def _learned(loop: Loop, since: datetime, until: datetime) -> tuple[str, ...]:
    async with loop.store.read() as tx:
        found = await tx.learned.between(loop.assistant, since, until)
    worth = await bought(loop)
    return sentences(found, None if worth is None else worth.sentence)


async def _by_itself(loop: Loop, since: datetime, until: datetime) -> tuple[str, ...]:
    async with loop.store.read() as tx:
        past = await tx.autopilot.every(loop.assistant)
    return autopilot.sentences(past, since, until)


def _composed(
    assistant: str, observed: Sequence[Observed], before: datetime, since: datetime, until: datetime
) -> Report:
    this_week = _between(observed, since, until)
    days = [_between(observed, *_day(before, number)) for number in range(DAYS)]
    tallies = [rules.tally(day) for day in days]
    daily = {m: [day.get(m, rules.Tally()) for day in tallies] for m in rules.UNITS}
    return rules.compose(
        assistant,
        since,
        until,
        rules.tally(this_week),
        rules.tally(_between(observed, before, since)),
        daily,
        conversations=len(this_week),
        customers=len({customer for customer, _ in this_week}),
    )


def _day(start: datetime, number: int) -> tuple[datetime, datetime]:
    return start + timedelta(days=number), start + timedelta(days=number + 1)


def _between(
    observed: Sequence[Observed], start: datetime, end: datetime
) -> list[tuple[str, dict[str, float]]]:
    """(customer, figures) of the conversations that began in [start, end)."""
    return [(o.customer, o.values) for o in observed if start <= o.started_at < end]


async def send(
    loop: Loop, report: Report, render: Callable[[Report], tuple[str, str, str]]
) -> Json:
    """Mail the report to the stakeholders, once per week and content.

    `render` makes (subject, text, html). A mail whose fate is unknown is looked up where the
    service allows that, and never sent again blindly. One that was refused is sent again, after
    pauses that double from REFUSED_PAUSE on.
    """
    subject, text, html = render(report)
    settings, key = _key_of(loop, report)
    async with loop.store.write() as tx:
        state, place, first = await tx.reports.intend_mail(
            loop.assistant, key, loop.mailer.name, loop.clock.now()
        )
    if state == "sent":
        return {"sent": False, "why": "sent before", "to": place}
    if state == "refused":
        return await _again(key, settings, subject, text, html, loop, place)
    if not first:
        out = await loop.mailer.delivered(key)
        if out is None:
            return {
                "sent": False,
                "why": "an earlier attempt may have been sent, so it is not repeated",
                "to": place,
            }
        if out:
            await _settle(loop, key, "sent", loop.mailer.name)
            return {"sent": False, "why": "sent before", "to": loop.mailer.name}
    return await _deliver(key, settings, subject, text, html, loop)


async def retry(loop: Loop, render: Callable[[Report], tuple[str, str, str]]) -> Json | None:
    """Send a refused report again when its pause is over; None where there is none."""
    async with loop.store.read() as tx:
        due = await tx.reports.refused_mails(loop.assistant, loop.clock.now(), REFUSED_PAUSE)
    if not due:
        return None
    report = await compose(loop)
    _, key = _key_of(loop, report)
    result = await send(loop, report, render)
    # late outcomes may have changed the report since: the older mail is not needed any more
    for older in due:
        if older != key:
            await _settle(loop, older, "replaced", key)
    return result


async def _again(
    key: str, settings: Settings, subject: str, text: str, html: str, loop: Loop, why: str
) -> Json:
    async with loop.store.write() as tx:
        due = await tx.reports.refused_mails(loop.assistant, loop.clock.now(), REFUSED_PAUSE)
        is_mine = key in due
        if is_mine:  # no other process sends it too
            await tx.reports.settle_mail(loop.assistant, key, "intended", "", loop.clock.now())
    if not is_mine:
        return {"sent": False, "why": f"refused lately, and tried again later: {why}", "to": ""}
    return await _deliver(key, settings, subject, text, html, loop)


async def _deliver(
    key: str, settings: Settings, subject: str, text: str, html: str, loop: Loop
) -> Json:
    mail = _mail_of(key, settings, subject, text, html, loop.clock.now())
    try:
        where = await loop.mailer.send(mail)
    except ProviderUnknown:
        raise
    except ProviderError as error:  # certainly not taken
        await _settle(loop, key, "refused", str(error)[:500])
        raise
    await _settle(loop, key, "sent", where)
    return {"sent": True, "to": where}


def _mail_of(
    key: str, settings: Settings, subject: str, text: str, html: str, at: datetime
) -> Mail:
    return Mail(
        key=key,
        sender=settings.report_sender,
        recipients=settings.report_recipients,
        subject=subject,
        text=text,
        html=html,
        at=at,
    )


def _key_of(loop: Loop, report: Report) -> tuple[Settings, str]:
    settings = loop.settings
    figures = report.model_dump_json(exclude={"todo", "learned", "autopilot"})
    content = f"{figures}\0{','.join(settings.report_recipients)}"
    key = "report-" + hashlib.sha256(content.encode()).hexdigest()[:32]
    return settings, key


async def _settle(loop: Loop, key: str, state: str, place: str) -> None:
    async with loop.store.write() as tx:
        await tx.reports.settle_mail(loop.assistant, key, state, place, loop.clock.now())
