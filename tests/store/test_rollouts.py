"""Claims about store/rollouts.py."""

import asyncio
from datetime import timedelta

import pytest

from kaeshi.errors import Conflict
from kaeshi.loop import Loop
from kaeshi.providers.fake import FakeClock
from kaeshi.steps import rollout
from rollouts import arms, in_half


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
            await tx.rollouts.entered(loop.assistant, live.id),
            await tx.rollouts.assigned(loop.assistant, live.id),
        )
        delays = await tx.rollouts.conversion_delays(
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
