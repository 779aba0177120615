"""Rows for other trainers, of what people said."""

import json
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update

from kaeshi.errors import InvalidInput, TooFew
from kaeshi.loop import Loop
from kaeshi.steps import preferences, review
from kaeshi.store.tables import texts
from samples import log, rate, record

TURNS = (
    "I'm Anna Bennett. What is a party of ten?",
    "About 700.",
    "Are you sure?",
    "It is 550 dollars, Anna.",
    "Thanks!",
    "You are welcome.",
)


async def exported(loop: Loop, path: Path, kind: Any, form: Any) -> list[Any]:
    await preferences.export(loop, path, kind, form)
    return [json.loads(row) for row in path.read_text().splitlines()]


async def talked(loop: Loop) -> None:
    await log(loop, record("a", *TURNS), record("b", *TURNS, consent="none"))
    for name in ("a", "b"):
        await rate(loop, f"{name}#1", vote="down", correction="550 dollars, dear Anna Bennett")
        await rate(loop, f"{name}#3", vote="up")
    for item in await review.queue(loop):
        if item.kind == "correction":
            await review.decide(loop, item.ref, "approved", by="bea")


async def test_a_disliked_answer_is_read_but_not_learned(loop: Loop, tmp_path: Path) -> None:
    await talked(loop)
    (row,) = await exported(loop, tmp_path / "x.jsonl", "sft", "openai")
    assert [m.get("weight") for m in row["messages"]] == [None, None, 0, None, 1]
    assert row["messages"][0]["role"] == "system"
    with pytest.raises(TooFew):
        await exported(loop, tmp_path / "x.jsonl", "sft", "trl")


@pytest.mark.parametrize("form", ["openai", "trl"])
async def test_a_correction_is_preferred_and_scrubbed_with_its_conversation(
    loop: Loop, tmp_path: Path, form: str
) -> None:
    await talked(loop)
    (row,) = await exported(loop, tmp_path / "x.jsonl", "dpo", form)
    better, worse = (
        ("chosen", "rejected") if form == "trl" else ("preferred_output", "non_preferred_output")
    )
    assert row[better] == [{"role": "assistant", "content": "550 dollars, dear [PERSON_1]"}]
    assert row[worse] == [{"role": "assistant", "content": "About 700."}]
    before = row["prompt"] if form == "trl" else row["input"]["messages"]
    assert [m["content"] for m in before[1:]] == ["I'm [PERSON_1]. What is a party of ten?"]


async def test_thumbs_are_labels_and_who_contradict_each_other_are_none(
    loop: Loop, tmp_path: Path
) -> None:
    await talked(loop)
    await rate(loop, "a#3", author="somebody else", vote="down")
    (row,) = await exported(loop, tmp_path / "x.jsonl", "kto", "trl")
    assert (row["label"], row["completion"][0]["content"]) == (False, "About 700.")
    with pytest.raises(InvalidInput, match="trl"):
        await exported(loop, tmp_path / "x.jsonl", "kto", "openai")


async def test_what_a_reviewer_corrected_is_a_correction_and_what_one_rejected_is_nothing(
    loop: Loop, tmp_path: Path
) -> None:
    for name in ("a", "b"):
        await log(loop, record(name))
        await rate(loop, f"{name}#1", vote="up", rating=5, helpful=True, accurate=True)
    with pytest.raises(TooFew):
        await exported(loop, tmp_path / "x.jsonl", "dpo", "trl")
    ((first, second),) = [sorted([i.ref, *i.alike]) async for i in _examples(loop)]
    await review.decide(loop, first, "corrected", by="ann", answer="It is 600 dollars.")
    await review.decide(loop, second, "rejected", by="ann")
    (row,) = await exported(loop, tmp_path / "x.jsonl", "dpo", "trl")
    assert row["chosen"][0]["content"] == "It is 600 dollars."
    assert len(await exported(loop, tmp_path / "x.jsonl", "kto", "trl")) == 1


async def _examples(loop: Loop) -> Any:
    for item in await review.queue(loop):
        if item.ref.startswith("ex_"):
            yield item


async def test_a_damaged_correction_stops_no_other(loop: Loop, tmp_path: Path) -> None:
    await talked(loop)
    await log(loop, record("c", *TURNS))
    await rate(loop, "c#1", vote="down", correction="600 dollars")
    mine = (texts.c.kind == "correction") & (texts.c.part == 0)
    async with loop.store.write() as tx:
        (first, *_) = await tx.connection.execute(select(texts).where(mine))
        broken = update(texts).where(mine, texts.c.ref == first.ref)
        await tx.connection.execute(broken.values(sealed=first.sealed[:-1] + b"x"))
    assert [item.kind for item in await review.queue(loop)].count("correction") >= 1
    await exported(loop, tmp_path / "x.jsonl", "kto", "trl")
