"""Claims about steps/training.py: the same work is paid once."""

from dataclasses import replace
from pathlib import Path

import pytest

from kaeshi.errors import ProviderUnknown
from kaeshi.loop import Loop
from kaeshi.providers.fake import FakeTrainer
from kaeshi.steps import (
    dataset,
    training,
)
from samples import learnable


async def file_of(loop: Loop, tmp_path: Path) -> Path:
    await learnable(loop, 30)
    return Path((await dataset.write(loop, await dataset.build(loop))).path) / "train.jsonl"


async def test_a_run_knows_the_dataset_it_came_from_and_becomes_a_candidate(
    loop: Loop, tmp_path: Path
) -> None:
    path = await file_of(loop, tmp_path)
    run = await training.wait(
        loop, await training.start(loop, await training.upload(loop, path), "gpt-4o-mini", "x", 3)
    )
    assert run.state == "succeeded"
    assert run.dataset == path.parent.name
    async with loop.store.read() as tx:
        assert (await tx.candidates.named("main", run.model or "")).run == run.id


async def test_asking_twice_pays_once(loop: Loop, tmp_path: Path) -> None:
    path, provider = await file_of(loop, tmp_path), loop.trainer
    assert isinstance(provider, FakeTrainer)
    for _ in range(3):
        await training.start(loop, await training.upload(loop, path), "gpt-4o-mini", "x", 3)
    assert (provider.calls.count("upload"), provider.calls.count("create")) == (1, 1)


@pytest.mark.parametrize("call", ["upload", "create"])
async def test_a_lost_answer_is_looked_up_and_not_paid_again(
    loop: Loop, tmp_path: Path, call: str
) -> None:
    path, provider = await file_of(loop, tmp_path), FakeTrainer(lose_answer_of=call)
    unlucky = replace(loop, trainer=provider)
    with pytest.raises(ProviderUnknown):
        await training.start(unlucky, await training.upload(unlucky, path), "gpt-4o-mini", "x", 3)
    run = await training.wait(
        unlucky,
        await training.start(unlucky, await training.upload(unlucky, path), "gpt-4o-mini", "x", 3),
    )
    assert run.state == "succeeded"
    assert provider.calls.count(call) == 1


async def test_the_poller_resumes_a_run_whose_start_was_lost(loop: Loop, tmp_path: Path) -> None:
    path, provider = await file_of(loop, tmp_path), FakeTrainer(lose_answer_of="create")
    unlucky = replace(loop, trainer=provider)
    with pytest.raises(ProviderUnknown):
        await training.start(unlucky, await training.upload(unlucky, path), "gpt-4o-mini", "x", 3)
    assert [r.state for r in await training.resume(unlucky)] == ["created"]
    assert [r.state for r in await training.resume(unlucky)] == ["succeeded"]
