"""Claims about steps/knowledge.py."""

import random
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from kaeshi.errors import InvalidInput, NotFound, Refused
from kaeshi.formats import faq as written
from kaeshi.loop import Loop
from kaeshi.nouns import Entry
from kaeshi.providers.fake import FakeClock
from kaeshi.rules import knowledge as rules
from kaeshi.steps import builds, collection, evaluation, faq, knowledge, review
from samples import different, learnable, log, rate, record


async def write_faq(loop: Loop, *pairs: tuple[str, str]) -> None:
    await faq.import_pairs(loop, (("faq", written.Written(*pair)) for pair in pairs), by="ann")


async def approved(loop: Loop, count: int) -> list[str]:
    await learnable(loop, count)
    await collection.collect(loop)
    await knowledge.propose(loop)
    refs = await proposed(loop)
    await knowledge.approve(loop, refs, by="ann")
    return refs


async def proposed(loop: Loop) -> list[str]:
    async with loop.store.read() as tx:
        return [e.id for e, _ in await tx.knowledge.entries(loop.assistant, ("proposed",))]


async def test_only_new_text_is_embedded_and_the_new_index_is_swapped_in(loop: Loop) -> None:
    await write_faq(loop, *map(different, range(3)))
    first = await knowledge.refresh(loop)
    await write_faq(loop, *map(different, range(5)))
    second = await knowledge.refresh(loop)
    assert (first["embedded"], second["entries"]) == (3, 5)
    async with loop.store.read() as tx:
        made = await tx.connection.exec_driver_sql("select count(*) from vectors")
    assert made.scalar_one() == 10  # of five questions and five answers, each once
    assert first["index"] != second["index"]
    question, expected = different(4)
    assert (await knowledge.search(loop, question, 1))[0].entry.answer == expected


async def test_nothing_is_approved_without_a_name(loop: Loop) -> None:
    await learnable(loop, 2)
    await collection.collect(loop)
    done = await knowledge.refresh(loop)
    assert (done["proposed"], done["entries"], done["index"]) == (2, 0, None)
    with pytest.raises(InvalidInput, match="name"):
        await knowledge.approve(loop, ["kb_x"], by=" ")
    with pytest.raises(NotFound):
        await knowledge.search(loop, "anything")


async def test_a_changed_index_file_is_not_searched(loop: Loop) -> None:
    await approved(loop, 2)
    await knowledge.refresh(loop)
    Path(builds.current(loop)["path"]).write_bytes(b"other")
    with pytest.raises(InvalidInput, match="refresh"):
        await knowledge.search(loop, "anything")


async def test_policy_approves_no_answer_that_an_approved_one_contradicts(loop: Loop) -> None:
    asked = "How much is a party of ten on Friday?"
    await log(loop, record("a", asked, "It is 550 dollars for ten adults."))
    await rate(loop, "a#1")
    await collection.collect(loop)
    await knowledge.propose(loop)
    assert await knowledge.approve_by_policy(loop) == 1
    await log(loop, record("b", "how much is a party of ten on friday", "It is free on Fridays."))
    await log(loop, record("c", "Do you bring your own grill along?", "Yes, we bring the grill."))
    await rate(loop, "b#1")
    await rate(loop, "c#1")
    await collection.collect(loop)
    await knowledge.propose(loop)
    assert await knowledge.approve_by_policy(loop) == 1
    waiting = [item.title for item in await review.queue(loop) if item.kind == "entry"]
    assert waiting == ["how much is a party of ten on friday"]


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (lambda folder, _: (folder / "manifest.json").write_text('{"build": "kb'), "damaged"),
        (lambda folder, _: (folder / "manifest.json").write_text("{}"), "damaged"),
        (lambda _, index: index.unlink(), "missing"),
        (lambda _, index: index.write_bytes(b""), "not the file"),
    ],
    ids=["torn", "empty", "no index", "emptied index"],
)
async def test_a_damaged_index_says_what_to_type(loop: Loop, spoil: Any, why: str) -> None:
    await approved(loop, 2)
    await knowledge.refresh(loop)
    index = Path(builds.current(loop)["path"])
    spoil(index.parent, index)
    with pytest.raises(InvalidInput, match=f"{why}.*kaeshi knowledge refresh"):
        await knowledge.search(loop, "anything")
    await knowledge.refresh(loop)
    assert await knowledge.search(loop, "anything")


async def test_an_index_of_another_embedder_is_not_searched(loop: Loop) -> None:
    await approved(loop, 2)
    await knowledge.refresh(loop)
    path = builds.manifest_path(loop)
    path.write_text(path.read_text().replace(loop.embedder.name, "another"))
    with pytest.raises(InvalidInput, match="built with 'another'"):
        await knowledge.search(loop, "anything")


async def test_old_index_files_are_removed(loop: Loop) -> None:
    for count in (2, 3, 4, 5):
        await approved(loop, count)
        await knowledge.refresh(loop)
    assert len(list(loop.folder("knowledge").glob("kb_*.faiss"))) == 2


async def test_the_build_before_comes_back_bit_for_bit(loop: Loop, clock: FakeClock) -> None:
    await approved(loop, 2)
    await knowledge.refresh(loop)
    before = builds.manifest_path(loop).read_bytes()
    question, answer = different(3)
    clock.advance(days=7)
    await approved(loop, 4)
    await knowledge.refresh(loop)
    assert (await knowledge.search(loop, question, 1))[0].entry.answer == answer
    done = await builds.revert(loop)
    assert builds.manifest_path(loop).read_bytes() == before
    assert done["build"] == builds.current(loop)["build"]
    assert (await knowledge.search(loop, question, 1))[0].entry.answer != answer
    clock.advance(days=7)
    forward = await builds.revert(loop)  # and forward again
    assert forward["build"] == done["instead_of"]


async def test_without_an_earlier_build_nothing_is_reverted(loop: Loop) -> None:
    await approved(loop, 2)
    await knowledge.refresh(loop)
    with pytest.raises(NotFound, match="no build before"):
        await builds.revert(loop)


@pytest.mark.parametrize("suffix", ["faiss", "npz"])
async def test_no_flipped_byte_is_accepted(loop: Loop, suffix: str) -> None:
    await approved(loop, 3)
    await knowledge.refresh(loop)
    (path,) = loop.folder("knowledge").glob(f"kb_*.{suffix}")
    whole = path.read_bytes()
    rng = random.Random(2)
    for _ in range(200):
        spoilt = bytearray(whole)
        spoilt[rng.randrange(len(whole))] ^= 1 << rng.randrange(8)
        path.write_bytes(spoilt)
        with pytest.raises(InvalidInput, match="kaeshi knowledge refresh"):
            await knowledge.search(loop, "anything")
    path.write_bytes(whole)
    assert await knowledge.search(loop, "anything")


async def test_what_customers_asked_and_praised_is_likelier_after_a_refresh(loop: Loop) -> None:
    """New words for a known question teach the classifier; no entry is added."""
    await approved(loop, 4)
    first = await knowledge.refresh(loop)
    question = "wegfahrsperre umsonst bitte"
    _, answer = different(2)
    before = {h.entry.answer: h.probability for h in await knowledge.search(loop, question, 9)}
    for i in range(4):
        await log(loop, record(f"new{i}", f"{question} {i}", answer))
        await rate(loop, f"new{i}#1")
    await collection.collect(loop)
    second = await knowledge.refresh(loop)
    after = {h.entry.answer: h.probability for h in await knowledge.search(loop, question, 9)}
    assert (first["entries"], second["entries"]) == (4, 4)
    assert first["index"] != second["index"]
    assert after[answer] > before[answer]


async def promise(loop: Loop, question: str, expected: str) -> None:
    case = {"id": question[:20], "question": question, "expected": expected}
    await evaluation.add(loop, [("case", case)])


VEGAN = ("Do you cook vegan?", "Yes: tofu and vegetables.")
FAR = ("How far do you drive?", "We drive 50 miles.")


async def test_a_build_that_loses_test_cases_is_refused_and_names_them(loop: Loop) -> None:
    await write_faq(loop, VEGAN, FAR)
    first = await knowledge.refresh(loop)
    asked = "Is there anything without meat on the menu?"
    for question in ("is there anything without meat", "anything on the menu without meat"):
        await promise(loop, question, VEGAN[1])
    async with loop.store.write() as tx:
        wrong = Entry(
            id="kb_wrong",
            assistant=loop.assistant,
            question=asked,
            answer="We drive 50 miles.",
            state="approved",
            at=loop.clock.now(),
        )
        await tx.knowledge.propose([(wrong, 10)])
    with pytest.raises(Refused, match=r"is there anything without meat.*--accept-worse"):
        await knowledge.refresh(loop)
    assert builds.current(loop)["build"] == first["index"]
    done = await knowledge.refresh(loop, accept_worse=True)
    assert builds.current(loop)["build"] == done["index"] != first["index"]


async def test_a_build_that_gains_as_many_as_it_loses_is_taken(loop: Loop) -> None:
    await write_faq(loop, FAR)
    await knowledge.refresh(loop)
    await promise(loop, "Do you cook vegan?", VEGAN[1])
    await write_faq(loop, VEGAN)
    done = await knowledge.refresh(loop)
    assert done["checked"] == {"questions": 1, "lost": (), "gained": ("Do you cook vegan?",)}


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        ("This month a party of ten is 450 dollars.", "it says 'This month'"),
        ("From 2024 on we drive 50 miles.", "it speaks of 2024"),
        ("Valid until March, it is free.", "it says 'Valid until March'"),
        ("We drive 50 miles.", ""),
        ("Lunch is served from 11 to 2.", ""),
    ],
)
def test_what_a_time_has_passed_by_is_asked_about(answer: str, why: str) -> None:
    entry = Entry(
        id="kb_1",
        assistant="main",
        question="?",
        answer=answer,
        state="approved",
        at=datetime(2026, 3, 2, tzinfo=UTC),
    )
    found = rules.stale(entry, datetime(2026, 5, 2, tzinfo=UTC))
    assert found.startswith(why)
    assert bool(found) == bool(why)
