"""Claims about store/knowledge.py."""

from typing import Any

import pytest

from kaeshi.errors import NotFound
from kaeshi.loop import Loop
from kaeshi.nouns import Entry
from kaeshi.providers.fake import FakeClock


def entry(loop: Loop, name: str, **more: Any) -> Entry:
    values = {"question": f"{name}?", "answer": f"{name}.", "state": "proposed"} | more
    return Entry(id=name, assistant=loop.assistant, at=loop.clock.now(), **values)


async def test_a_proposal_never_undoes_a_decision(loop: Loop) -> None:
    async with loop.store.write() as tx:
        assert await tx.knowledge.propose([(entry(loop, "a"), 90)]) == 1
        await tx.knowledge.decide(
            loop.assistant, "a", "rejected", "me", "wrong price", loop.clock.now()
        )
    async with loop.store.write() as tx:
        assert await tx.knowledge.propose([(entry(loop, "a"), 95)]) == 0
    async with loop.store.read() as tx:
        ((found, score),) = await tx.knowledge.entries(loop.assistant, ("rejected",))
        assert (found.by, score) == ("me", 90)
        assert await tx.knowledge.entries(loop.assistant, ("proposed",)) == []


async def test_a_reviewer_may_correct_the_answer(loop: Loop) -> None:
    async with loop.store.write() as tx:
        await tx.knowledge.propose([(entry(loop, "a"), 1)])
        await tx.knowledge.decide(
            loop.assistant, "a", "corrected", "me", "", loop.clock.now(), "It is 600 dollars."
        )
    async with loop.store.read() as tx:
        ((found, _),) = await tx.knowledge.entries(loop.assistant, ("corrected",))
    assert found.answer == "It is 600 dollars."


async def test_a_decision_on_an_unknown_entry_says_where_to_look(loop: Loop) -> None:
    with pytest.raises(NotFound, match=r"'x'.*kaeshi review list"):
        async with loop.store.write() as tx:
            await tx.knowledge.decide(loop.assistant, "x", "approved", "me", "", loop.clock.now())


async def test_entries_come_the_oldest_first_and_no_more_than_asked(
    loop: Loop, clock: FakeClock
) -> None:
    for name in ("b", "a", "c"):
        async with loop.store.write() as tx:
            await tx.knowledge.propose([(entry(loop, name), 1)])
        clock.advance(minutes=1)
    async with loop.store.read() as tx:
        found = await tx.knowledge.entries(loop.assistant, ("proposed",), limit=2)
    assert [e.id for e, _ in found] == ["b", "a"]


async def test_vectors_belong_to_the_model_that_made_them(loop: Loop) -> None:
    async with loop.store.write() as tx:
        await tx.knowledge.keep_vectors(loop.assistant, "minilm", {"aa": b"1", "bb": b"2"})
    async with loop.store.write() as tx:  # another process made the same
        await tx.knowledge.keep_vectors(loop.assistant, "minilm", {"aa": b"9"})
    async with loop.store.read() as tx:
        known = await tx.knowledge.known_vectors(loop.assistant, "minilm", ["aa", "bb", "cc"])
        other = await tx.knowledge.known_vectors(loop.assistant, "another", ["aa"])
    assert known == {"aa": b"1", "bb": b"2"}
    assert other == {}


async def test_a_build_keeps_the_order_of_its_index(loop: Loop) -> None:
    async with loop.store.write() as tx:
        await tx.knowledge.propose([(entry(loop, n), 1) for n in ("a", "b", "c")])
        for _ in range(2):  # building the same again adds nothing
            await tx.knowledge.add_index_build(
                loop.assistant, "kb1", "here", {"build": "kb1"}, ["c", "a"]
            )
        never = await tx.knowledge.builds(loop.assistant)
        await tx.knowledge.make_current(loop.assistant, "kb1", loop.clock.now())
    async with loop.store.read() as tx:
        found = await tx.knowledge.index_entries(loop.assistant, "kb1")
        made = await tx.knowledge.builds(loop.assistant)
    assert (never, made) == ([], [{"build": "kb1"}])  # a candidate's alone is none to revert to
    assert [e.id for e in found] == ["c", "a"]
