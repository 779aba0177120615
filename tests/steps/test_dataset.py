"""Claims about steps/dataset.py."""

from dataclasses import replace
from pathlib import Path

import pytest

from kaeshi.errors import TooFew
from kaeshi.files import sha256_of
from kaeshi.formats.faq import Written
from kaeshi.loop import Loop
from kaeshi.nouns import Filters
from kaeshi.steps import (
    collection,
    dataset,
    evaluation,
    faq,
)
from samples import different, learnable, log, record


async def test_the_same_inputs_make_the_same_bytes(loop: Loop, tmp_path: Path) -> None:
    await learnable(loop, 30)
    first = await dataset.write(loop, await dataset.build(loop), tmp_path / "one")
    second = await dataset.write(loop, await dataset.build(loop), tmp_path / "two")
    assert first.id == second.id
    for name in ("train.jsonl", "validation.jsonl", "manifest.json"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()
    assert {e["conversation"] for e in first.manifest["lineage"]} == {
        f"c{i:04d}" for i in range(30)
    }
    assert first.manifest["operator"] == "placeholders"


async def test_a_stricter_dataset_is_judged_anew_and_a_laxer_one_finds_what_collection_dropped(
    loop: Loop,
) -> None:
    await learnable(loop, 12)
    await log(loop, *(record(f"d{i}", *different(100 + i)) for i in range(5)))
    await collection.collect(loop)
    unrated = Filters(min_quality_tenths=None, missing_quality="keep")
    assert len((await dataset.build(loop, unrated)).rows) == 17
    assert len((await dataset.build(loop)).rows) == 12
    with pytest.raises(TooFew):
        await dataset.build(loop, Filters(min_confidence=0.99))


async def test_a_test_case_is_never_trained_on(loop: Loop) -> None:
    await learnable(loop, 12)
    question, expected = different(3)
    stored, refused = await evaluation.add(
        loop, [("case", {"question": question, "expected": expected})]
    )
    assert (len(stored), refused) == (1, [])
    built = await dataset.build(loop)
    assert len(built.rows) == 11
    assert built.manifest["dropped"]["test_case"] == 1


async def test_what_the_team_knows_is_trained_on_beside_what_customers_taught(loop: Loop) -> None:
    await learnable(loop, 12)
    asked, case = different(3), different(50)
    await evaluation.add(loop, [("case", {"question": case[0], "expected": case[1]})])
    known = [("Do you bring the grill?", "Yes, and the propane."), (asked[0], "Another."), case]
    await faq.import_pairs(loop, (("faq", Written(*pair)) for pair in known), by="ann")
    built = await dataset.build(loop)
    said = [row["messages"][-1]["content"] for row in built.rows]
    # a person's word takes the place of a customer's example, and a test case is not learned
    assert len(said) == 13, (said, built.manifest["dropped"])
    assert {"Yes, and the propane.", "Another."} < set(said)
    assert not {asked[1], case[1]} & set(said)
    assert built.manifest["dropped"]["overtaken"] == 1
    assert built.manifest["lineage"][-1].keys() == {"row", "entry", "split"}
    assert built.splits[-1] == "train"
    settings = loop.settings.model_copy(update={"dataset_entries": False})
    assert len((await dataset.build(replace(loop, settings=settings))).rows) == 12


async def test_the_files_of_a_dataset_that_was_built_here_are_valid(
    loop: Loop, tmp_path: Path
) -> None:
    await learnable(loop, 30)
    await dataset.write(loop, await dataset.build(loop), tmp_path / "set")
    for name in ("train.jsonl", "validation.jsonl"):
        assert dataset.check(tmp_path / "set" / name, least=30) == []
        assert dataset.check(tmp_path / "set" / name, least=31)[0].endswith("31 needed")
    train = tmp_path / "set" / "train.jsonl"
    train.write_bytes(train.read_bytes().split(b"\n", 1)[1])
    assert dataset.check(train, least=30)[0].endswith("30 needed")


def test_another_programs_manifest_is_passed_over(tmp_path: Path) -> None:
    train = tmp_path / "train.jsonl"
    train.write_text("")
    digest = sha256_of(train)
    for rows in ("1e999", '"many"', "null"):
        files = f'{{"train.jsonl": {{"sha256": "{digest}"}}, "all.jsonl": {{"rows": {rows}}}}}'
        (tmp_path / "manifest.json").write_text(f'{{"files": {files}}}')
        assert dataset.check(train, least=1) == ["file: 0 examples, 1 needed"]
    (tmp_path / "manifest.json").write_text("[" * 200_000)
    assert dataset.check(train, least=1) == ["file: 0 examples, 1 needed"]
