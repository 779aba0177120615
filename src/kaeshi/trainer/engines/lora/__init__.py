"""Low-rank adapters on a language model: the engine of the `train` extra.

Nothing here imports torch; the job's process does.
"""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from subprocess import Popen
from typing import Protocol

from kaeshi.errors import InvalidInput, ProviderError
from kaeshi.files import sha256_of, write_whole
from kaeshi.nouns import Json
from kaeshi.trainer import manifests

PACKAGES = ("torch", "transformers", "peft", "safetensors", "llguidance", "gguf")
ADAPTER = ("adapter_config.json", "adapter_model.safetensors")
BETA = 0.1  # OpenAI's default for preferences


class Stoppable(Protocol):
    """A running job; ended at once, it can be continued later."""

    def terminate(self) -> None: ...


def missing() -> list[str]:
    """Packages of the `train` extra that are not installed."""
    return [package for package in PACKAGES if find_spec(package) is None]


def auto_epochs(rows: int) -> int:
    """`n_epochs: auto`: enough to show about 600 rows, from 2 to 10."""
    return min(10, max(2, round(600 / max(rows, 1))))


def auto_batch(rows: int) -> int:
    """`batch_size: auto`: 8 rows a step, 4 below 80 rows."""
    return 8 if rows >= 80 else 4


def run(
    spec: Json, folder: Path, started: Callable[[Stoppable], None], heard: Callable[[Json], None]
) -> Json | None:
    """Run a job in a process of its own, from its last checkpoint.

    Returns its result, None if it was stopped. Raises InvalidInput for rows it refuses, and
    ProviderError when it broke or died; its output is in folder/log.txt.
    """
    done: Json | None = None
    for message in messages(spec, folder, started):
        if "done" in message:
            done = message["done"]
        else:
            heard(message)
    return done


def messages(spec: Json, folder: Path, started: Callable[[Stoppable], None]) -> Iterator[Json]:
    """The job's messages, one by one; without a `done` message when it was stopped."""
    folder.mkdir(parents=True, exist_ok=True)
    write_whole(folder / "spec.json", json.dumps(spec).encode())
    done = False
    with (folder / "log.txt").open("ab") as log:
        command = [
            sys.executable,
            "-m",
            "kaeshi.trainer.engines.lora.child",
            str(folder / "spec.json"),
        ]
        with subprocess.Popen(  # noqa: S603  # our own command
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log
        ) as process:
            started(process)
            assert process.stdout is not None  # asked for above
            for line in process.stdout:
                message = json.loads(line)
                if "refused" in message:
                    raise InvalidInput(message["refused"])
                if "broken" in message:
                    raise ProviderError(message["broken"])
                done = done or "done" in message
                yield message
    _check_end(done, process, folder)


def _check_end(done: bool, process: Popen[bytes], folder: Path) -> None:
    if not done and process.returncode >= 0:
        msg = (
            f"the training process ended with {process.returncode} and no message; see "
            f"{folder / 'log.txt'}"
        )
        raise ProviderError(msg)
    if not done and process.returncode not in {-15, -9}:
        msg = (
            f"the training process was killed by signal {-process.returncode}; see "
            f"{folder / 'log.txt'}"
        )
        raise ProviderError(msg)


def publish(source: Path, target: Path, details: Json) -> Json:
    """Copy an adapter to the folder that models are served from; returns its manifest.

    Its files first, then the manifest that names them.
    """
    target.mkdir(parents=True, exist_ok=True)
    files = {}
    for name in ADAPTER:
        fresh = target / f"{name}.unfinished"
        shutil.copyfile(source / name, fresh)
        fresh.replace(target / name)
        files[name] = sha256_of(target / name)
    return manifests.write(target, {"engine": "lora", **details, "files": files})
