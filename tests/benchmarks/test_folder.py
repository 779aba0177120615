"""Benchmarks read what a folder holds by its format, whatever the files are called."""

import argparse
import gzip
import json
from pathlib import Path

import pytest
import zstandard

from benchmarks import folder, pii
from samples import record

GOLD = {"pii_gold": [{"message_id": "g#0", "start": 5, "end": 9, "type": "PERSON"}]}


def asked(where: Path, *only: str) -> argparse.Namespace:
    return argparse.Namespace(data=where, only=list(only) or None)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    plain = json.dumps(record("c")).encode() + b"\n"
    labelled = {**record("g", "I am Anna", "Hi!"), **GOLD, "pii_complete_types": ["PERSON"]}
    (tmp_path / "first.jsonl").write_bytes(plain + b"broken\n")
    (tmp_path / "any-name.jsonl.gz").write_bytes(gzip.compress(plain))
    (tmp_path / "gold.v2.jsonl.zst").write_bytes(
        zstandard.compress(plain + json.dumps(labelled).encode())
    )
    (tmp_path / "README.md").write_text("words")
    (tmp_path / "questions.jsonl").write_text('{"query": "When?"}\n')
    return tmp_path


def test_every_file_of_the_format_is_read_and_the_others_are_named(
    data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = folder.files(asked(data), folder.is_conversation, "conversations")
    assert {*found} == {"first", "any-name", "gold"}
    assert "README.md, questions.jsonl" in capsys.readouterr().err
    assert [r["conversation_id"] for r in folder.by_time(found["gold"])] == ["c", "g"]


def test_one_file_may_be_chosen_and_a_folder_without_any_is_refused(data: Path) -> None:
    assert {*folder.files(asked(data, "first"), folder.is_conversation, "conversations")} == {
        "first"
    }
    with pytest.raises(SystemExit, match="has no file with kittens"):
        folder.files(asked(data), lambda _: False, "kittens")


def test_labelled_data_is_found_wherever_its_first_label_stands(data: Path) -> None:
    sets = pii.read_all(asked(data))
    assert {*sets} == {"gold"}
    assert sets["gold"][1].gold == [[(5, 9, "PERSON")], []]
