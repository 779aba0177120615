"""Claims about store/autopilot.py, on SQLite and PostgreSQL."""

from datetime import timedelta

import pytest

from kaeshi.errors import Conflict, NotFound
from kaeshi.loop import Loop
from kaeshi.nouns import AutopilotRun, Option, Plan


def begun(loop: Loop, name: str, fingerprint: str) -> AutopilotRun:
    option = Option(means="examples", fingerprint=fingerprint, material=40, known=0)
    return AutopilotRun(
        id=name,
        assistant=loop.assistant,
        state="proposed",
        plan=Plan(option=option, chance=0.5, gain=2.0, why="because"),
        began_at=loop.clock.now(),
        changed_at=loop.clock.now(),
    )


async def begin(loop: Loop, run: AutopilotRun) -> bool:
    async with loop.store.write() as tx:
        return await tx.autopilot.begin(run)


async def test_one_is_open_at_a_time_and_the_same_is_tried_once(loop: Loop) -> None:
    first = begun(loop, "a", "f1")
    assert await begin(loop, first)
    assert not await begin(loop, begun(loop, "b", "f2"))
    async with loop.store.write() as tx:
        assert await tx.autopilot.open_run(loop.assistant) == first
        await tx.autopilot.save(first, loop.clock.now(), state="refused", found={"gain": -1.5})
    assert not await begin(loop, begun(loop, "c", "f1"))
    assert await begin(loop, begun(loop, "d", "f2"))
    async with loop.store.read() as tx:
        every = await tx.autopilot.every(loop.assistant)
    assert [(run.id, run.state, run.found) for run in every] == [
        ("a", "refused", {"gain": -1.5}),
        ("d", "proposed", {}),
    ]


async def test_what_has_changed_since_it_was_read_is_not_overwritten(loop: Loop) -> None:
    run = begun(loop, "a", "f1")
    await begin(loop, run)
    later = loop.clock.now() + timedelta(hours=1)
    async with loop.store.write() as tx:
        held = await tx.autopilot.save(run, later, held_by="ann")
    with pytest.raises(Conflict, match="changed meanwhile"):
        async with loop.store.write() as tx:
            await tx.autopilot.save(run, later, state="building")
    async with loop.store.read() as tx:
        assert await tx.autopilot.get(loop.assistant, "a") == held
        with pytest.raises(NotFound, match="autopilot status"):
            await tx.autopilot.get(loop.assistant, "z")
