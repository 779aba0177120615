"""Scores by case, as other programs write them: JSON lines, or promptfoo's results."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from kaeshi.errors import InvalidInput
from kaeshi.formats.logs import source

CASES = ("case", "case_id", "testIdx", "id")
SCORES = ("score", "passed", "success", "correct")


def read(path: Path) -> dict[str, list[float]]:
    """The scores of every trial, by case. Raises InvalidInput with the place of the first fault.

    A line is {case, score, trial?}; true and false are 1 and 0. A file that is one object is read
    as promptfoo's: its results are in results.results.
    """
    found: dict[str, list[float]] = {}
    for where, record in _records(path):
        case = _first(record, CASES)
        score = _first(record, SCORES)
        if not _is_case(case) or not isinstance(score, int | float) or not 0 <= score <= 1:
            msg = f"{where}: a result needs a case (a text or a number) and a score (0 to 1)"
            raise InvalidInput(msg)
        found.setdefault(str(case), []).append(float(score))
    if not found:
        msg = f"{str(path)!r} holds no results"
        raise InvalidInput(msg)
    return found


def _is_case(case: object) -> bool:
    return isinstance(case, str | int) and not isinstance(case, bool)


def _first(record: dict[str, Any], names: Iterable[str]) -> Any:
    return next((record[name] for name in names if record.get(name) is not None), None)


def _records(path: Path) -> Iterable[tuple[str, dict[str, Any]]]:
    if path.suffix == ".json":
        yield from _promptfoo(path)
        return
    for number, raw in enumerate(source.lines(path), 1):
        if raw.strip():
            yield f"{path} line {number}", _object(raw, f"{path} line {number}")


def _promptfoo(path: Path) -> Iterable[tuple[str, dict[str, Any]]]:
    try:
        whole = _object(path.read_bytes(), str(path))
    except OSError as error:
        msg = f"{str(path)!r} cannot be read: {error.strerror}"
        raise InvalidInput(msg) from error
    results = whole.get("results")
    listed = results.get("results") if isinstance(results, dict) else results
    if not isinstance(listed, list) or not all(isinstance(each, dict) for each in listed):
        msg = f"{str(path)!r} is a JSON object without results.results, as promptfoo writes them"
        raise InvalidInput(msg)
    asked = {(each.get("promptIdx"), json.dumps(each.get("provider"))) for each in listed}
    if len(asked) > 1:
        msg = f"{str(path)!r} holds the results of {len(asked)} prompts or providers: one in a file"
        raise InvalidInput(msg)
    for number, each in enumerate(listed):
        yield f"{path} result {number}", each


def _object(raw: bytes, where: str) -> dict[str, Any]:
    try:
        found = json.loads(raw)
    except (ValueError, RecursionError) as error:
        msg = f"{where} is not JSON"
        raise InvalidInput(msg) from error
    if not isinstance(found, dict):
        msg = f"{where} is not a JSON object"
        raise InvalidInput(msg)
    return found
