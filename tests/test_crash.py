"""A child is killed at a hundred places of a small loop.

Run again, nothing is lost, doubled or half-written.
"""

import asyncio
import json
import os
import signal
import sqlite3
import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType
from typing import Any

import alembic.command  # noqa: F401  # what the loop imports on its way is imported once, before a hundred children are forked
import openai
import pytest

from kaeshi.app import open_loop
from kaeshi.files import sha256_of
from kaeshi.loop import Loop
from kaeshi.pii.finders.word_lists import ListedNames
from kaeshi.providers.fake import FakeChat, FakeClock, FakeEmbedder, FakeIndex, FakeTokens
from kaeshi.providers.openai import OpenAITrainer
from kaeshi.rules.feedback import parse
from kaeshi.settings import Settings
from kaeshi.steps import (
    collection,
    conversation,
    dataset,
    feedback,
    knowledge,
    report,
    rollout,
    training,
)
from kaeshi.steps.report_mail import render
from kaeshi.trainer.routes import TrainerServer
from samples import GOOD, different, record

CONVERSATIONS, KILLS, PARTS = 20, 100, 2
# what is read or imported at first sight, so that kills fall on lines that do something
openai.AsyncOpenAI.files, openai.AsyncOpenAI.fine_tuning  # noqa: B018
ListedNames().find(["my name is Ann"])


class SteadyIds:
    """Ids that no other process makes."""

    def new(self, prefix: str) -> str:
        return f"{prefix}_{os.urandom(12).hex()}"


async def small_loop(folder: Path) -> None:
    settings = Settings(
        kaeshi_data_dir=folder, min_examples=10, idle_minutes=1, kaeshi_names="lists"
    )
    clock, embedder = FakeClock(datetime(2025, 11, 3, 12, tzinfo=UTC)), FakeEmbedder()
    server = TrainerServer(folder / "trainer", embedder, FakeTokens(), clock, SteadyIds())
    trainer = OpenAITrainer(api_key="none", answerer=server)
    async with open_loop(settings=settings, clock=clock, ids=SteadyIds()) as opened:
        loop = replace(
            opened,
            trainer=trainer,
            chat=FakeChat(),
            embedder=embedder,
            index=FakeIndex(),
            tokens=FakeTokens(),
        )
        await work(loop, folder)
    await trainer.close()
    server.wait()


async def work(loop: Loop, folder: Path) -> None:
    acknowledged = folder / "acknowledged"
    await conversation.log(
        loop,
        [
            record(f"c{i:02d}", *different(i), outcome={"booked": True})
            for i in range(CONVERSATIONS)
        ],
    )
    for start in range(0, CONVERSATIONS, 5):
        said = [parse(f"c{i:02d}#1", GOOD, author="ann") for i in range(start, start + 5)]
        await feedback.record(loop, said)
        with acknowledged.open("a") as log:
            log.writelines(f"{f.message_id}\n" for f in said)
            log.flush()
            os.fsync(log.fileno())
    await collection.collect(loop)
    built = await dataset.write(loop, await dataset.build(loop))
    run = await training.start(
        loop, await training.upload(loop, Path(built.path) / "train.jsonl"), "gpt-4o-mini", "x", 1
    )
    run = await training.wait(loop, run)
    assert run.state == "succeeded"
    await knowledge.propose(loop)
    async with loop.store.read() as tx:
        proposed = [e.id for e, _ in await tx.knowledge.entries("main", ("proposed",))]
    if proposed:
        await knowledge.approve(loop, proposed, by="ann")
    await knowledge.refresh(loop)
    if (await rollout.status(loop))["production"] is None:
        await rollout.set_production(loop, run.model or "")
    await report.send(loop, await report.compose(loop), render)


def child(folder: Path, die_at: int, reached: int) -> int:
    """Run the small loop in a forked child that kills itself at its `die_at`-th line of ours.

    Returns the exit status.
    """
    pid = os.fork()
    if pid:
        return os.waitpid(pid, 0)[1]
    lines = 0

    def trace(frame: FrameType, event: str, _: Any) -> Any:
        nonlocal lines
        if "/kaeshi/" not in frame.f_code.co_filename or "/rules/" in frame.f_code.co_filename:
            return None
        if event == "line":
            lines += 1
            if lines == die_at:
                os.kill(os.getpid(), signal.SIGKILL)
        return trace

    import threading

    threading.settrace(trace)
    sys.settrace(trace)
    status = 1
    try:
        asyncio.run(small_loop(folder))
        status = 0
    finally:
        os.write(reached, f"{lines}\n".encode())
        os._exit(status)


@pytest.mark.parametrize("part", range(PARTS))
def test_nothing_is_lost_doubled_or_half_written(tmp_path: Path, part: int) -> None:
    read, write = os.pipe()
    assert child(tmp_path / "whole", -1, write) == 0
    total = int(os.read(read, 100).split()[0])
    kills = [1 + k * total // KILLS for k in range(KILLS)][part::PARTS]
    folder, survived = tmp_path / "struck", 0
    for number, line in enumerate(kills):
        if number % 10 == 0:
            folder = (
                tmp_path / f"struck{number}"
            )  # ten kills in a row on the same files, then fresh ones
        survived += child(folder, line, write) == 0
        if number % 10 == 9:
            assert child(folder, -1, write) == 0, (
                f"did not recover after kills up to line {line} of {total}"
            )
            check(folder)
    assert survived < len(kills)


def check(folder: Path) -> None:
    with sqlite3.connect(folder / "kaeshi.db") as database:

        def one(statement: str) -> Any:
            return database.execute(statement).fetchone()[0]

        acknowledged = set((folder / "acknowledged").read_text().split())
        assert acknowledged == {
            row[0] for row in database.execute("select distinct message from feedback_current")
        }
        assert one("select count(*) from feedback_history") == CONVERSATIONS * 4
        assert (
            one("select count(*) from conversations")
            == one("select count(*) from examples")
            == CONVERSATIONS
        )
        assert one("select count(*) from messages") == 2 * CONVERSATIONS
        assert (
            one("select count(*) from training_runs")
            == one("select count(*) from candidates")
            == one("select count(*) from mails where state = 'sent'")
            == 1
        )
        assert one("select count(*) from entries") == CONVERSATIONS
    database.close()
    with sqlite3.connect(folder / "trainer" / "trainer.db") as provider:
        kinds = dict(
            provider.execute("select kind, count(*) from objects group by kind").fetchall()
        )
    provider.close()
    assert kinds == {"file": 1, "job": 1, "model": 1}
    assert len(list((folder / "outbox").glob("*.eml"))) == 1
    for manifest in folder.rglob("manifest.json"):
        content = json.loads(manifest.read_text())
        for name, expected in content.get("files", {}).items():
            digest = expected["sha256"] if isinstance(expected, dict) else expected
            if name != "all.jsonl":
                assert sha256_of(manifest.parent / name) == digest


pytestmark = pytest.mark.slow
