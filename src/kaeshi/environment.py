"""Variables for processes that are about to be started, which read their own environment."""

import os
from pathlib import Path

from kaeshi.settings import load


def set_database_url(url: str) -> None:
    """Set DATABASE_URL for the server processes, which read the environment themselves."""
    os.environ["DATABASE_URL"] = url


def set_trainer(*, serve_with: str | None, ray: str | None) -> None:
    """Set TRAINER_SERVE_WITH and TRAINER_RAY for the server processes, where given.

    Raises Misconfigured for invalid values.
    """
    given = {"TRAINER_SERVE_WITH": serve_with, "TRAINER_RAY": ray}
    os.environ.update({name: value for name, value in given.items() if value is not None})
    load()


def set_rank_folder(folder: Path) -> None:
    """Set the folder of tiktoken's rank files; tiktoken reads it from the environment only."""
    os.environ["TIKTOKEN_CACHE_DIR"] = str(folder)
