"""A cluster's machine without a cluster.

What it hands over, and that it always comes to an end. tests/train/test_ray.py has the cluster.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest

from kaeshi.trainer.engines.lora.cluster import Machine, _take, written

SPEC = {"training_file": "train.jsonl", "validation_file": None}


def test_a_process_that_cannot_even_start_is_told_and_leaves_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    machine = Machine(SPEC, {"train.jsonl": b"{}\n"})
    heard: list[dict[str, Any]] = []
    over = False
    while not over:
        told = machine.news()
        heard, over = heard + told["messages"], told["over"]
    assert "FileNotFoundError" in heard[-1]["broken"]
    assert not machine._folder.exists()


def test_what_an_actor_left_that_was_killed_is_cleared_away_by_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as ended:
        ended.wait()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    left, ours = tmp_path / f"kaeshi-job-{ended.pid}-x", tmp_path / f"kaeshi-job-{os.getpid()}-x"
    for folder in (left, ours):
        folder.mkdir()
        (folder / "train.jsonl").write_text("{}")
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    machine = Machine(SPEC, {"train.jsonl": b"{}"})
    assert (left.exists(), ours.exists()) == (False, True)
    machine.clear()
    assert not machine._folder.exists()


def test_files_come_over_and_go_again_and_what_never_came_is_no_fault(tmp_path: Path) -> None:
    _take(
        tmp_path,
        {
            "checkpoints/step-1/adapter.safetensors": b"a",
            "checkpoints/step-1/state.json": b"{}",
            "results.csv": b"s",
        },
        [],
    )
    (tmp_path / "checkpoints" / "unfinished").mkdir()
    (tmp_path / "checkpoints" / "unfinished" / "state.json").write_bytes(b"{}")
    assert written(tmp_path) == [
        "checkpoints/step-1/adapter.safetensors",
        "results.csv",
        "checkpoints/step-1/state.json",
    ]
    _take(
        tmp_path,
        {},
        [
            "checkpoints/step-1/state.json",
            "checkpoints/step-1/adapter.safetensors",
            "checkpoints/step-2/state.json",
        ],
    )
    assert written(tmp_path) == ["results.csv"]
    assert not (tmp_path / "checkpoints" / "step-1").exists()
