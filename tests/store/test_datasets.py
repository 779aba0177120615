"""Claims about store/datasets.py."""

from datetime import timedelta

from kaeshi.loop import Loop
from kaeshi.nouns import Json
from kaeshi.providers.fake import FakeClock


def manifest(*files: str) -> Json:
    return {"files": {f"{i}.jsonl": {"sha256": f, "rows": 1} for i, f in enumerate(files)}}


async def test_a_training_file_leads_to_the_dataset_it_came_from(loop: Loop) -> None:
    async with loop.store.write() as tx:
        await tx.datasets.add(
            loop.assistant, "ds1", "here", manifest("aa", "bb"), [("e1", "train")], loop.clock.now()
        )
    async with loop.store.read() as tx:
        assert await tx.datasets.of_file(loop.assistant, "bb") == "ds1"
        assert await tx.datasets.of_file(loop.assistant, "cc") is None
        assert await tx.datasets.of_file("another", "bb") is None


async def test_of_datasets_with_equal_files_the_latest_is_named(
    loop: Loop, clock: FakeClock
) -> None:
    for name in ("old", "new"):
        async with loop.store.write() as tx:
            await tx.datasets.add(loop.assistant, name, name, manifest("aa"), [], clock.now())
        clock.advance(hours=1)
    async with loop.store.read() as tx:
        assert await tx.datasets.of_file(loop.assistant, "aa") == "new"


async def test_registering_a_dataset_again_replaces_its_lineage(loop: Loop) -> None:
    for lineage in ([("e1", "train"), ("e2", "train")], [("e2", "validation")]):
        async with loop.store.write() as tx:
            await tx.datasets.add(
                loop.assistant,
                "ds1",
                "here",
                manifest("aa"),
                lineage,
                loop.clock.now() + timedelta(seconds=1),
            )
    async with loop.store.read() as tx:
        rows = await tx.connection.exec_driver_sql("select example, split from dataset_examples")
        assert rows.all() == [("e2", "validation")]
