"""Rollouts as tests begin them: a history, a canary, customers in both arms."""

from datetime import datetime, timedelta
from typing import Any

from kaeshi.loop import Loop
from kaeshi.nouns import Goal, Rollout
from kaeshi.providers.fake import FakeClock
from kaeshi.steps import rollout
from samples import log, record


def moment(at: datetime) -> str:
    return at.isoformat()


def seen(name: str, at: datetime, *, contained: bool, **fields: Any) -> dict[str, Any]:
    """A closed conversation at a time."""
    told = record(name, **fields) | {
        "started_at": moment(at),
        "closed": True,
        "outcome": {"escalated": not contained},
    }
    return told | {
        "messages": [
            message | {"at": moment(at + timedelta(seconds=i))}
            for i, message in enumerate(told["messages"])
        ]
    }


async def in_canary(loop: Loop, history: int = 60, goal: Goal = "superior") -> Rollout:
    """Past its mirror, with what production did in the days before."""
    await log(
        loop,
        *(
            seen(f"past-{i}", loop.clock.now() - timedelta(days=3), contained=i % 10 < 7)
            for i in range(history)
        ),
    )
    await rollout.set_production(loop, "old")
    await rollout.register(loop, "new")
    moved, _ = await rollout.step(
        loop, await rollout.begin(loop, "new", percent=10, hours=0, goal=goal)
    )
    assert moved.state == "canary"
    return moved


async def in_half(loop: Loop, clock: FakeClock, goal: Goal = "superior") -> Rollout:
    began = await in_canary(loop, goal=goal)
    await arms(loop, began, 0.7, 0.7, count=10)
    clock.advance(hours=72)
    moved, _ = await rollout.step(loop, began)
    assert moved.state == "half"
    return moved


async def arms(
    loop: Loop, of: Rollout, production: float, candidate: float, count: int = 250
) -> None:
    """So many customers in both arms now, contained at these rates."""
    now, records = loop.clock.now(), []
    for i in range(2 * count):
        rate, arm = ((production, "production"), (candidate, "candidate"))[i % 2]
        name = f"{of.id}-{now:%d%H}-{i}"
        records.append(
            seen(
                name, now, contained=(i // 2) % 20 < rate * 20, experiment=of.id, arm=arm, share=0.5
            )
        )
    await log(loop, *records)
