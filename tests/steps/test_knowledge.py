"""Claims about steps/knowledge.py."""

import random
from pathlib import Path
from typing import Any

import pytest

from kaeshi.errors import InvalidInput, NotFound
from kaeshi.loop import Loop
from kaeshi.providers.fake import FakeClock
from kaeshi.steps import (
    collection,
    faq,
    knowledge,
    review,
)
from samples import different, learnable, log, rate, record


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
    await faq.import_pairs(loop, ((f"{i}", different(i)) for i in range(3)), by="ann")
    first = await knowledge.refresh(loop)
    await faq.import_pairs(loop, ((f"{i}", different(i)) for i in range(5)), by="ann")
    second = await knowledge.refresh(loop)
    assert (first["embedded"], second["embedded"], second["entries"]) == (3, 2, 5)
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
    Path(knowledge.current(loop)["path"]).write_bytes(b"other")
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
    index = Path(knowledge.current(loop)["path"])
    spoil(index.parent, index)
    with pytest.raises(InvalidInput, match=f"{why}.*kaeshi knowledge refresh"):
        await knowledge.search(loop, "anything")
    await knowledge.refresh(loop)
    assert await knowledge.search(loop, "anything")


async def test_an_index_of_another_embedder_is_not_searched(loop: Loop) -> None:
    await approved(loop, 2)
    await knowledge.refresh(loop)
    path = knowledge.manifest_path(loop)
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
    before = knowledge.manifest_path(loop).read_bytes()
    question, answer = different(3)
    clock.advance(days=7)
    await approved(loop, 4)
    await knowledge.refresh(loop)
    assert (await knowledge.search(loop, question, 1))[0].entry.answer == answer
    done = await knowledge.revert(loop)
    assert knowledge.manifest_path(loop).read_bytes() == before
    assert done["build"] == knowledge.current(loop)["build"]
    assert (await knowledge.search(loop, question, 1))[0].entry.answer != answer
    clock.advance(days=7)
    forward = await knowledge.revert(loop)  # and forward again
    assert forward["build"] == done["instead_of"]


async def test_without_an_earlier_build_nothing_is_reverted(loop: Loop) -> None:
    await approved(loop, 2)
    await knowledge.refresh(loop)
    with pytest.raises(NotFound, match="no build before"):
        await knowledge.revert(loop)


@pytest.mark.parametrize("suffix", ["faiss", "npz"])
async def test_no_flipped_byte_is_accepted(loop: Loop, suffix: str) -> None:
    await approved(loop, 3)
    await knowledge.refresh(loop)
    (path,) = loop.folder("knowledge").glob(f"kb_*.{suffix}")
    whole = path.read_bytes()
    rng = random.Random(2)
    for _ in range(40):
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
