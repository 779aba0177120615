"""A withdrawal works at once and backwards; a grant is recorded with when, how and which text."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from kaeshi.errors import NotFound, Refused, TooFew
from kaeshi.loop import Loop
from kaeshi.nouns import Serving
from kaeshi.providers.fake import FakeClock
from kaeshi.steps import (
    asking,
    collection,
    consent,
    conversation,
    dataset,
    knowledge,
    preferences,
    review,
    training,
)
from kaeshi.steps.shelf import Shelf
from samples import different, learnable, log, rate, record


async def standing(loop: Loop, name: str) -> str:
    return str((await conversation.show(loop, name))["consent"])


async def test_a_record_that_says_none_later_withdraws_and_one_that_says_nothing_does_not(
    loop: Loop,
) -> None:
    await log(loop, record("c"))
    silent = record("c")
    del silent["consent"]
    await log(loop, silent)
    assert await standing(loop, "c") == "granted"
    done = await conversation.log(loop, [record("c", consent="none")])
    assert (done.unchanged, done.consents) == (1, 1)
    assert await standing(loop, "c") == "none"


async def test_an_import_repeated_with_consent_makes_everything_usable(loop: Loop) -> None:
    records = [record(f"c{i}", *different(i), consent=None) for i in range(12)]
    done = await conversation.log(loop, records)
    assert done.silent == 12
    for i in range(12):
        await rate(loop, f"c{i}#1")
    with pytest.raises(TooFew, match=r"12 were dropped \(no_consent\).*--consent granted"):
        await dataset.build(loop)
    again = await conversation.log(loop, records, consent="granted")
    assert (again.unchanged, again.consents, again.silent) == (12, 12, 0)
    assert len((await dataset.build(loop)).rows) == 12


async def test_a_withdrawal_takes_back_what_was_collected_before_the_next_collection(
    loop: Loop,
) -> None:
    await learnable(loop, 12)
    await collection.collect(loop)
    await knowledge.propose(loop)
    async with loop.store.read() as tx:
        proposed = await tx.knowledge.entries("main", ("proposed",))
    assert any(entry.conversation == "c0003" for entry, _ in proposed)
    await consent.agree(loop, ["c0003"], "none", by="Ann", text="mail of 3 November")
    async with loop.store.read() as tx:
        judged = {each.conversation: each for each in await tx.examples.judged("main", "", 20)}
        left = await tx.knowledge.entries("main", ("proposed", "approved"))
    assert judged["c0003"].body is None
    assert all(entry.conversation != "c0003" for entry, _ in left)
    assert len((await dataset.build(loop)).rows) == 11


async def test_what_was_made_before_is_named_and_its_dataset_is_not_trained_on(
    loop: Loop, tmp_path: Path
) -> None:
    await learnable(loop, 20)
    built = await dataset.write(loop, await dataset.build(loop), tmp_path / "set")
    file_id = await training.upload(loop, Path(built.path) / "train.jsonl")
    run = await training.wait(loop, await training.start(loop, file_id, "embedded", "x", 3))
    done = await consent.agree(loop, ["c0003", "c0004"], "none", by="Ann")
    assert done.withdrawn == ("c0003", "c0004")
    assert done.datasets == (built.id,)
    assert done.models == (run.model,)
    with pytest.raises(Refused, match="2 of its conversations was withdrawn"):
        await training.start(loop, file_id, "embedded", "another", 3)


async def test_one_customers_word_may_be_about_all_conversations(loop: Loop) -> None:
    await log(loop, record("a", customer_id="ann"), record("b", customer_id="ann"), record("z"))
    done = await consent.agree(loop, ["a"], "none", by="Ben", of_customers=True)
    assert set(done.changed) == {"a", "b"}
    assert await standing(loop, "z") == "granted"


async def test_when_how_and_to_which_text_is_shown(loop: Loop, clock: FakeClock) -> None:
    await log(loop, record("c", consent_text="terms of May"))
    await consent.agree(loop, ["c"], "none", by="Ann")
    clock.advance(hours=1)
    await consent.agree(loop, ["c"], "granted", by="Ann", text="terms of June")
    shown = (await conversation.show(loop, "c"))["consents"]
    assert [(s["consent"], s["how"], s["text"], s["by"]) for s in shown] == [
        ("granted", "record", "terms of May", ""),
        ("none", "person", "", "Ann"),
        ("granted", "person", "terms of June", "Ann"),
    ]
    assert shown[0]["said_at"] == "2025-10-31T12:00:01Z"


async def test_an_unknown_conversation_stops_all(loop: Loop) -> None:
    await log(loop, record("c"))
    with pytest.raises(NotFound, match=r"'d'.*kaeshi conversation list"):
        await consent.agree(loop, ["c", "d"], "none", by="Ann")
    assert await standing(loop, "c") == "granted"


async def test_what_a_reviewer_rejected_stays_rejected_and_a_correction_is_gone(
    loop: Loop, clock: FakeClock
) -> None:
    await learnable(loop, 12)
    await collection.collect(loop)
    refs = {item.conversation: item.ref for item in await review.queue(loop, kind="example")}
    await review.decide(loop, refs["c0001"], "rejected", by="Ann")
    await review.decide(loop, refs["c0002"], "corrected", by="Ann", answer="Another answer.")
    for consent_, hours in (("none", 1), ("granted", 2)):
        clock.advance(hours=hours)
        await consent.agree(loop, ["c0001", "c0002"], consent_, by="Ann")  # type: ignore[arg-type]
    said = str((await dataset.build(loop)).rows)
    assert different(1)[1] not in said
    assert "Another answer." not in said
    assert different(2)[1] in said


async def test_a_withdrawal_while_others_judge_is_not_overwritten(
    loop: Loop, monkeypatch: pytest.MonkeyPatch
) -> None:
    await learnable(loop, 12)
    judge = collection.judge
    withdrawn = []

    def slow(*given: Any) -> Any:
        if not withdrawn:
            withdrawn.append("c0003")
            other = asyncio.run_coroutine_threadsafe(
                consent.agree(loop, ["c0003"], "none", by="Ann"), here
            )
            other.result(timeout=30)
        return judge(*given)

    here = asyncio.get_running_loop()
    monkeypatch.setattr(collection, "judge", slow)
    await collection.collect(loop)
    async with loop.store.read() as tx:
        judged = {each.conversation: each for each in await tx.examples.judged("main", "", 20)}
    assert judged["c0003"].body is None
    assert len((await dataset.build(loop)).rows) == 11


async def test_a_withdrawn_entry_is_shown_to_no_customer_and_cannot_come_back(loop: Loop) -> None:
    await log(loop, record("c", "Do you cook vegan dishes?", "Yes, we cook tofu and vegetables."))
    await rate(loop, "c#1")
    await collection.collect(loop)
    await knowledge.propose(loop)
    (entry,) = [item.ref for item in await review.queue(loop, kind="entry")]
    await knowledge.approve(loop, [entry], by="Ann")
    await knowledge.refresh(loop)
    reader = asking.unregistered("main", "m").model_copy(update={"serving": Serving(entries=1)})
    question = [{"role": "user", "content": "Do you cook vegan dishes?"}]
    shelf = Shelf()  # as a gateway that runs on has it
    assert "tofu" in str(await shelf.informed(loop, reader, question))
    await consent.agree(loop, ["c"], "none", by="Ann")
    assert "tofu" not in str(await shelf.informed(loop, reader, question))
    await review.decide(loop, entry, "approved", by="Ben")
    assert (await knowledge.refresh(loop))["entries"] == 0
    assert "tofu" not in str(await shelf.informed(loop, reader, question))


async def test_withdrawn_text_is_neither_uploaded_nor_held_out(loop: Loop, tmp_path: Path) -> None:
    await learnable(loop, 40)
    built = await dataset.write(loop, await dataset.build(loop), tmp_path / "set")
    held = await training.upload(loop, tmp_path / "set" / "validation.jsonl")
    rows = tmp_path / "other.jsonl"
    rows.write_bytes((tmp_path / "set" / "train.jsonl").read_bytes().replace(b"salmon", b"trout"))
    other = await training.upload(loop, rows)
    await consent.agree(loop, [built.manifest["lineage"][0]["conversation"]], "none", by="Ann")
    with pytest.raises(Refused, match="was withdrawn"):
        await training.upload(loop, tmp_path / "set" / "train.jsonl")
    with pytest.raises(Refused, match="was withdrawn"):
        await training.start(loop, other, "embedded", "x", 3, validation_file_id=held)


async def test_an_export_is_named_by_a_withdrawal_and_trains_no_more(
    loop: Loop, tmp_path: Path
) -> None:
    await learnable(loop, 12)
    out = tmp_path / "rows.jsonl"
    await preferences.export(loop, out, "sft", "openai")
    done = await consent.agree(loop, ["c0003"], "none", by="Ann")
    assert [name.partition("_")[0] for name in done.datasets] == ["export"]
    with pytest.raises(Refused, match="was withdrawn"):
        await training.upload(loop, out)
