"""Claims about store/reports.py."""

from datetime import timedelta

from kaeshi.loop import Loop
from kaeshi.providers.fake import FakeClock
from rollouts import seen
from samples import log


async def test_a_week_begins_with_its_first_instant_and_ends_before_the_next(
    loop: Loop, clock: FakeClock
) -> None:
    start = clock.now() - timedelta(days=7)
    times = {"before": start - timedelta(seconds=1), "first": start, "next": clock.now()}
    await log(loop, *(seen(name, at, contained=True) for name, at in times.items()))
    async with loop.store.read() as tx:
        found = await tx.reports.observed_between(loop.assistant, start, clock.now())
        latest = await tx.reports.latest_start(loop.assistant)
        order = [name for _, name in await tx.reports.starts(loop.assistant)]
    assert [o.conversation for o in found] == ["first"]
    assert latest == clock.now()
    assert order == ["before", "first", "next"]


async def test_only_closed_conversations_have_figures(loop: Loop, clock: FakeClock) -> None:
    open_one = seen("open", clock.now(), contained=True) | {"closed": False}
    await log(loop, seen("closed", clock.now(), contained=False), open_one)
    async with loop.store.read() as tx:
        found = await tx.reports.observed(loop.assistant, ["open", "closed", "unknown"])
    assert set(found) == {"closed"}
    assert found["closed"]["containment"] == 0.0


async def test_an_empty_log_has_no_clock_of_its_own(loop: Loop) -> None:
    async with loop.store.read() as tx:
        assert await tx.reports.latest_start(loop.assistant) is None


async def test_a_mail_is_intended_once_and_its_fate_is_kept(loop: Loop) -> None:
    now = loop.clock.now()
    async with loop.store.write() as tx:
        first = await tx.reports.intend_mail(loop.assistant, "week 45", "smtp", now)
        again = await tx.reports.intend_mail(loop.assistant, "week 45", "smtp", now)
        await tx.reports.settle_mail(loop.assistant, "week 45", "sent", "outbox/1.eml", now)
    async with loop.store.write() as tx:
        later = await tx.reports.intend_mail(loop.assistant, "week 45", "smtp", now)
    assert first == ("intended", "", True)
    assert again == ("intended", "", False)
    assert later == ("sent", "outbox/1.eml", False)
