"""A backup holds whatever was acknowledged before it began, and is made while servers run."""

import asyncio
import tarfile
from pathlib import Path
from typing import Any

import pytest

from kaeshi.app import SystemClock, open_loop
from kaeshi.errors import Conflict, InvalidInput, Misconfigured
from kaeshi.gateway.worker import take
from kaeshi.loop import Loop
from kaeshi.settings import Settings
from kaeshi.steps import backup, conversation, dataset
from kaeshi.steps.backup import DATABASE
from kaeshi.store.master_key import MASTER_KEY
from samples import different, learnable, log, record


def at(folder: Path, **more: Any) -> Settings:
    return Settings(kaeshi_data_dir=folder, kaeshi_names="lists", min_examples=10, **more)


def put_key(source: Path, target: Path) -> None:
    (target / MASTER_KEY).write_bytes((source / MASTER_KEY).read_bytes())


async def names(folder: Path) -> set[str]:
    async with open_loop(settings=at(folder)) as restored:
        await take(restored)
        return {one["conversation_id"] for one in await conversation.latest(restored, 1000)}


async def test_what_is_restored_elsewhere_is_what_was_there(loop: Loop, tmp_path: Path) -> None:
    await learnable(loop, 12)
    built = await dataset.write(loop, await dataset.build(loop))
    out = tmp_path / "kaeshi.tar"
    made = backup.backup(loop.settings, out, SystemClock().now())
    assert out.stat().st_mode & 0o077 == 0
    assert not made["holds_key"]
    with tarfile.open(out) as archive:
        assert MASTER_KEY not in archive.getnames()
    folder = tmp_path / "elsewhere"
    assert backup.restore(out, folder) == made
    assert {path.name for path in folder.glob("kaeshi.db*")} == {DATABASE}
    put_key(loop.settings.data_dir, folder)
    assert await names(folder) == {f"c{i:04d}" for i in range(12)}
    rows = folder / "datasets" / "main" / built.id / "train.jsonl"
    assert rows.read_bytes() == (Path(built.path) / "train.jsonl").read_bytes()


async def test_while_others_write_everything_acknowledged_before_is_in_it(
    loop: Loop, tmp_path: Path
) -> None:
    acknowledged: list[str] = []
    over = asyncio.Event()

    async def write() -> None:
        number = 0
        while not over.is_set():
            await log(loop, record(f"w{number}", *different(number % 400)))
            acknowledged.append(f"w{number}")
            number += 1

    writer = asyncio.create_task(write())
    for number in range(4):
        while len(acknowledged) < 5 * (number + 1):
            await asyncio.sleep(0.01)
        before = set(acknowledged)
        out = tmp_path / f"{number}.tar"
        await asyncio.to_thread(backup.backup, loop.settings, out, SystemClock().now())
        folder = tmp_path / str(number)
        backup.restore(out, folder)
        put_key(loop.settings.data_dir, folder)
        assert before <= await names(folder)
    over.set()
    await writer


async def test_a_damaged_or_foreign_file_and_a_full_folder_are_refused(
    loop: Loop, tmp_path: Path
) -> None:
    await learnable(loop, 3)
    out = tmp_path / "kaeshi.tar"
    backup.backup(loop.settings, out, SystemClock().now(), with_key=True)
    whole = out.read_bytes()
    folder = tmp_path / "elsewhere"
    for wrong in (whole[: len(whole) // 2], b"words", whole.replace(b"SQLite", b"sQLite", 1)):
        out.write_bytes(wrong)
        with pytest.raises(InvalidInput):
            backup.restore(out, folder)
        assert not folder.exists()
    out.write_bytes(whole)
    with pytest.raises(Conflict, match="not empty"):
        backup.restore(out, loop.settings.data_dir)
    backup.restore(out, folder)
    assert await names(folder) == {f"c{i:04d}" for i in range(3)}
    postgres = at(tmp_path / "x", database_url="postgresql://127.0.0.1/none")
    for settings, why in ((postgres, "pg_dump"), (at(tmp_path / "y"), "there is no database")):
        with pytest.raises(InvalidInput, match=why):
            backup.backup(settings, out, loop.clock.now())


async def test_without_its_key_a_restored_database_is_not_opened_with_another(
    loop: Loop, tmp_path: Path
) -> None:
    await learnable(loop, 3)
    out = tmp_path / "kaeshi.tar"
    backup.backup(loop.settings, out, SystemClock().now())
    folder = tmp_path / "elsewhere"
    backup.restore(out, folder)
    with pytest.raises(Misconfigured, match=r"master\.key"):
        await names(folder)
    assert not (folder / MASTER_KEY).exists()
    assert (folder / DATABASE).exists()
