"""Claims about steps/report.py."""

from dataclasses import replace
from datetime import timedelta

import pytest

from kaeshi.errors import ProviderError, ProviderUnknown
from kaeshi.loop import Loop
from kaeshi.providers.fake import FakeClock, FakeMailer
from kaeshi.steps import (
    report,
)
from kaeshi.steps.report_mail import html, render, text
from samples import learnable, log, rate, record


async def test_a_report_is_mailed_once(loop: Loop, clock: FakeClock) -> None:
    await log(
        loop,
        *(
            record(f"c{i}", outcome={"escalated": i % 4 == 0, "booked": i % 2 == 0})
            for i in range(20)
        ),
    )
    composed = await report.compose(loop, by_log_clock=False)
    sent, again = (
        await report.send(loop, composed, render),
        await report.send(loop, composed, render),
    )
    assert (sent["sent"], again["sent"]) == (True, False)
    assert isinstance(loop.mailer, FakeMailer)
    assert len(loop.mailer.sent) == 1
    facts = {line.metric: line.now for line in composed.lines}
    assert (facts["containment"].value, facts["containment"].denominator) == (0.75, 20)
    assert facts["csat"].value is None


async def test_a_mail_that_may_have_gone_out_is_not_repeated(loop: Loop) -> None:
    await log(loop, record("c"))
    silent = replace(loop, mailer=FakeMailer(silent=True))
    composed = await report.compose(silent)
    with pytest.raises(ProviderUnknown):
        await report.send(silent, composed, render)
    assert (await report.send(silent, composed, render))["sent"] is False


async def test_a_refused_mail_is_sent_again_after_pauses_that_double(
    loop: Loop, clock: FakeClock
) -> None:
    await log(loop, record("c"))
    mailer = FakeMailer(refuses=3)
    refused = replace(loop, mailer=mailer)
    with pytest.raises(ProviderError):
        await report.send(refused, await report.compose(refused), render)
    assert await report.retry(refused, render) is None
    tries = []
    for minute in range(1, 60):
        clock.advance(minutes=1)
        left = mailer.refuses
        try:
            done = await report.retry(refused, render)
        except ProviderError:
            done = None
        if done is not None or mailer.refuses < left:
            tries.append(minute)
    assert tries == [5, 10, 20]
    assert len(mailer.sent) == 1


async def test_a_report_of_an_empty_week_shows_the_latest_that_has_conversations(
    loop: Loop, clock: FakeClock
) -> None:
    await log(loop, record("c1"))
    clock.advance(days=60)
    assert (await report.compose(loop)).conversations == 0
    found = await report.compose(loop, or_latest=True)
    assert found.conversations == 1
    assert found.until < clock.now() - timedelta(days=45)


async def test_what_waits_for_a_person_is_in_the_report_and_makes_it_no_other_report(
    loop: Loop, clock: FakeClock
) -> None:
    await learnable(loop, 8)
    clock.advance(days=3)
    first = await report.compose(loop)
    assert first.todo == ()
    await report.send(loop, first, render)
    await rate(loop, "c0003#1", correction="Ask for the terrace.")
    await log(loop, record("silent", consent="none"))
    second = await report.compose(loop, or_latest=True)
    assert [one.partition(":")[0] for one in second.todo] == [
        "corrections by customers",
        "conversations without consent, from which nothing is learned",
    ]
    for words in (text(second), html(second)):
        assert "corrections by customers: 1 (kaeshi review list --kind correction)" in words
    unchanged = second.model_copy(update={"lines": first.lines, "daily": first.daily})
    unchanged = unchanged.model_copy(
        update={"conversations": first.conversations, "customers": first.customers}
    )
    assert (await report.send(loop, unchanged, render))["why"] == "sent before"
