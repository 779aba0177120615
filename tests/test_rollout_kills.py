"""A sample of the benchmark that kills processes which move rollouts, on both databases."""

from collections.abc import Callable
from pathlib import Path

import pytest

from benchmarks import rollout_kills

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_however_often_we_are_killed_there_is_one_production_and_the_audit_is_the_state(
    database: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    fresh: Callable[[], str] = (
        request.getfixturevalue("postgres")
        if database == "postgresql"
        else lambda: f"sqlite+aiosqlite:///{tmp_path}/k.db"
    )
    found = rollout_kills.run(fresh(), tmp_path, 12, seed=3)
    assert found["violations"] == []
    assert found["transitions"]
