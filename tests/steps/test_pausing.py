"""A rollout whose customers may be false waits for a person."""

from dataclasses import replace

from kaeshi.loop import Loop
from kaeshi.nouns import Rollout
from kaeshi.providers.fake import FakeClock, FakeNotifier
from kaeshi.steps import pausing, rollout
from rollouts import arms, in_canary, in_half


async def doubted(loop: Loop, clock: FakeClock) -> Rollout:
    """A canary whose candidate is worse by no more than false customers could make it."""
    live = await in_canary(loop)
    await arms(loop, live, 0.75, 0.7, count=2500)
    clock.advance(hours=25)
    return live


async def test_harm_that_false_customers_could_make_takes_its_customers_and_tells_a_person_once(
    loop: Loop, clock: FakeClock
) -> None:
    notifier = FakeNotifier()
    loop = replace(loop, notifier=notifier)
    live = await doubted(loop, clock)
    for _ in range(3):
        ((_, why),) = await rollout.step_all(loop)
        assert "5% of false customers could do that: a person decides" in why
    ((found,),) = [(await rollout.status(loop))["rollouts"]]
    assert (found["state"], found["percent"]) == ("canary", 0)
    assert found["paused"].startswith("schedule: the candidate is worse")
    (told,) = [text for text in notifier.sent if "waits for a person" in text]
    assert f"kaeshi rollout resume {live.id} --by NAME" in told
    assert f"kaeshi rollout rollback {live.id} --by NAME" in told


async def test_a_person_who_resumes_it_gives_the_customers_back_and_is_not_asked_again(
    loop: Loop, clock: FakeClock
) -> None:
    live = await doubted(loop, clock)
    await rollout.step_all(loop)
    going = await pausing.resume(loop, live.id, by="ann")
    assert (going.percent, going.paused, going.trusted_by) == (live.percent, None, "ann")
    await rollout.step_all(loop)
    ((found,),) = [(await rollout.status(loop))["rollouts"]]
    assert (found["percent"], found["paused"]) == (live.percent, None)


async def test_harm_beyond_what_false_customers_could_do_still_rolls_back_what_a_person_trusts(
    loop: Loop, clock: FakeClock
) -> None:
    live = await doubted(loop, clock)
    await rollout.step_all(loop)
    await pausing.resume(loop, live.id, by="ann")
    await arms(loop, live, 0.95, 0.05, count=1000)
    clock.advance(hours=25)
    ((_, why),) = await rollout.step_all(loop)
    assert why.startswith("the candidate is worse")
    assert (await rollout.status(loop))["rollouts"][0]["state"] == "rolled_back"


async def test_an_ordinary_pause_is_no_trust(loop: Loop, clock: FakeClock) -> None:
    live = await in_half(loop, clock)
    await pausing.pause(loop, live.id, reason="the menu changes", by="ann")
    assert (await pausing.resume(loop, live.id, by="ann")).trusted_by is None
