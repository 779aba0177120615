"""Our trainer server on loopback, and rows to train it on."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from samples import different
from wire.serving import trainer


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with trainer(tmp_path_factory.mktemp("trainer")) as url:
        yield url


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("rows") / "train.jsonl"
    pairs = [different(i) for i in range(20)]
    path.write_text(
        "".join(
            json.dumps(
                {"messages": [{"role": "user", "content": q}, {"role": "assistant", "content": a}]}
            )
            + "\n"
            for q, a in pairs
        )
    )
    return path
