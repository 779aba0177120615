"""Claims about formats/scores.py."""

import json
from pathlib import Path

import pytest

from kaeshi.errors import InvalidInput
from kaeshi.formats import scores


def written(folder: Path, name: str, content: str) -> Path:
    path = folder / name
    path.write_text(content)
    return path


def test_trials_of_a_case_are_kept_apart_and_true_is_one(tmp_path: Path) -> None:
    lines = ['{"case": "a", "score": 0.5, "trial": 1}', '{"id": "a", "passed": true}', ""]
    assert scores.read(written(tmp_path, "a.jsonl", "\n".join(lines))) == {"a": [0.5, 1.0]}


def test_promptfoos_results_are_read(tmp_path: Path) -> None:
    results = [
        {"promptIdx": 0, "testIdx": 0, "success": True, "score": 1},
        {"promptIdx": 0, "testIdx": 1, "success": False, "score": 0.25},
    ]
    whole = json.dumps({"evalId": "eval-1", "results": {"version": 3, "results": results}})
    assert scores.read(written(tmp_path, "a.json", whole)) == {"0": [1.0], "1": [0.25]}


def test_results_of_two_prompts_in_one_file_are_no_trials_of_one(tmp_path: Path) -> None:
    results = [{"id": f"r{n}", "promptIdx": n, "testIdx": 0, "score": n} for n in (0, 1)]
    both = written(tmp_path, "a.json", json.dumps({"results": {"results": results}}))
    with pytest.raises(InvalidInput, match="2 prompts or providers: one in a file"):
        scores.read(both)
    one = written(tmp_path, "b.json", json.dumps({"results": {"results": results[1:]}}))
    assert scores.read(one) == {"0": [1.0]}


@pytest.mark.parametrize(
    ("name", "content", "why"),
    [
        ("a.jsonl", "", "holds no results"),
        ("a.jsonl", '{"case": "a"}', "line 1: a result needs"),
        ("a.jsonl", '{"case": "a", "score": 1}\n[1]', "line 2 is not a JSON object"),
        ("a.jsonl", "{", "line 1 is not JSON"),
        ("a.json", "{}", "without results.results"),
        ("a.jsonl", '{"case": true, "score": 1}', "line 1: a result needs"),
        ("a.jsonl", '{"case": 1, "score": 1' + "0" * 400 + "}", "line 1: a result needs"),
        ("b.json", '{"results": {"results": [{"testIdx": {}}]}}', "result 0: a result needs"),
    ],
)
def test_the_first_fault_is_named_with_its_place(
    tmp_path: Path, name: str, content: str, why: str
) -> None:
    with pytest.raises(InvalidInput, match=why):
        scores.read(written(tmp_path, name, content))
