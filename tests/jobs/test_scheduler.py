"""The scheduler's log."""

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from kaeshi.jobs import scheduler


@pytest.fixture
def handler(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[logging.Handler]:
    if getattr(request, "param", False):
        (tmp_path / "logs").write_text("a file where the folder should be")
    made = scheduler._log_to_file()
    yield made
    scheduler.log.removeHandler(made)
    made.close()


def test_jobs_log_to_the_seeds_file(handler: logging.Handler, tmp_path: Path) -> None:
    scheduler.log.info("a job ended")
    assert "a job ended" in (tmp_path / "logs" / "ml_jobs.log").read_text()


@pytest.mark.parametrize("handler", [True], indirect=True)
def test_where_the_file_cannot_be_written_jobs_log_to_stderr(
    handler: logging.Handler, caplog: pytest.LogCaptureFixture
) -> None:
    (said,) = caplog.get_records("setup")
    assert "logs/ml_jobs.log cannot be written" in said.getMessage()
    assert type(handler) is logging.StreamHandler
