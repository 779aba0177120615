"""Claims about store/candidates.py."""

import pytest

from kaeshi.errors import NotFound
from kaeshi.loop import Loop
from kaeshi.nouns import Candidate, Json, Serving


def candidate(loop: Loop, name: str, evidence: Json, serving: Serving | None = None) -> Candidate:
    return Candidate(
        id=loop.ids.new("cand"),
        assistant=loop.assistant,
        kind="prompt",
        model=name,
        serving=serving or Serving(),
        evidence=evidence,
        created_at=loop.clock.now(),
    )


async def test_a_model_is_registered_once_and_its_evidence_grows(loop: Loop) -> None:
    async with loop.store.write() as tx:
        first = await tx.candidates.add(candidate(loop, "m", {"gate": 1}))
    async with loop.store.write() as tx:
        second = await tx.candidates.add(candidate(loop, "m", {"offline": 2}))
    assert (second.id, second.evidence) == (first.id, {"gate": 1, "offline": 2})
    async with loop.store.read() as tx:
        assert await tx.candidates.named(loop.assistant, first.id) == second
        assert await tx.candidates.named(loop.assistant, "m") == second


async def test_how_it_is_served_comes_back_as_it_was_given(loop: Loop) -> None:
    serving = Serving(
        model="gpt",
        base_url="http://127.0.0.1:1/v1",
        entries=3,
        placeholders=True,
        opening=({"role": "system", "content": "Be warm."},),
    )
    async with loop.store.write() as tx:
        await tx.candidates.add(candidate(loop, "m", {}, serving))
    async with loop.store.read() as tx:
        assert (await tx.candidates.named(loop.assistant, "m")).serving == serving


async def test_an_unknown_candidate_is_named_in_the_error(loop: Loop) -> None:
    async with loop.store.read() as tx:
        with pytest.raises(NotFound, match="'nothing'"):
            await tx.candidates.named(loop.assistant, "nothing")


async def test_a_new_production_replaces_the_former(loop: Loop) -> None:
    async with loop.store.write() as tx:
        one = await tx.candidates.add(candidate(loop, "one", {}))
        two = await tx.candidates.add(candidate(loop, "two", {}))
        assert await tx.rollouts.production(loop.assistant) is None
        for each in (one, two):
            await tx.rollouts.set_production(loop.assistant, each.id, loop.clock.now())
    async with loop.store.read() as tx:
        assert await tx.rollouts.production(loop.assistant) == two
