"""A small language model, chats to train it on, and our server on loopback with both.

Needs the `train` extra: `make test-train`.
"""

import json
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from wire.serving import trainer

collect_ignore_glob = ["test_*.py"] if find_spec("torch") is None else []

BASE = "smollm2-135m-instruct"
DISHES = ("shrimp", "steak", "chicken", "tofu", "salmon", "scallops", "lobster", "noodles")
DAYS = ("Monday", "Tuesday", "Friday", "Saturday", "Sunday")


def chat(i: int) -> dict[str, Any]:
    """A question and an answer in our house style, which no base knows."""
    dish, day = DISHES[i % len(DISHES)], DAYS[i // len(DISHES) % len(DAYS)]
    return {
        "messages": [
            {"role": "system", "content": "You take hibachi bookings."},
            {"role": "user", "content": f"Can we have {dish} on {day}?"},
            {
                "role": "assistant",
                "content": (
                    f"Konbanwa! The grill is hot: {dish} for {day}, noted. Which city, and how "
                    "many guests?"
                ),
            },
        ]
    }


def written(path: Path, rows: list[Any]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


@pytest.fixture(scope="session")
def base_folder() -> str:
    """The base as safetensors; made from the fetched file at first use."""
    from kaeshi.settings import load
    from kaeshi.trainer.engines.lora.bases import prepare

    return prepare(BASE, load().models_dir)


@pytest.fixture(scope="session")
def files(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """40 chats to train on and 10 that are held out."""
    folder = tmp_path_factory.mktemp("rows")
    return written(folder / "train.jsonl", [chat(i) for i in range(40) if i % 5]), written(
        folder / "held.jsonl", [chat(i) for i in range(0, 40, 5)]
    )


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory, base_folder: str) -> Iterator[str]:
    """Our trainer with SmolLM2 behind OpenAI's name; its base URL."""
    with trainer(
        tmp_path_factory.mktemp("trainer"), TRAINER_BASES=json.dumps({"gpt-4o-mini": BASE})
    ) as url:
        yield url
