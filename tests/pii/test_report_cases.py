"""Claims about small inputs of the kinds that users of other scrubbers report."""

import json
from typing import Any

import pytest

from conftest import DATA
from kaeshi import scrub

# "Summer Field", "Sky": words that are names nowhere but there
DEBATABLE = frozenset({"F2", "Q60"})
DEBATED = pytest.mark.xfail(strict=True, reason="debatable: docs/decisions/021 says why")
FILE = DATA / "pii_report_cases.jsonl"


def _cases() -> list[Any]:
    if not FILE.exists():
        return []
    rows = [json.loads(line) for line in FILE.read_text(encoding="utf-8").splitlines()]
    return [
        pytest.param(row, id=row["id"], marks=[DEBATED] if row["id"] in DEBATABLE else [])
        for row in rows
        if "gone" in row
    ]


@pytest.mark.data
@pytest.mark.parametrize("case", _cases())
def test_what_must_go_goes_and_what_must_stay_stays(case: Any) -> None:
    made = "\n".join(scrub(case["turns"]).texts)
    assert [value for value in case["gone"] if value in made] == []
    assert [value for value in case["stays"] if value not in made] == []
