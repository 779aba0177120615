"""Jobs on a Ray cluster of several machines, all of them on loopback.

They run side by side, outlive a lost machine, and end when told.
"""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import pytest
from openai import OpenAI

from kaeshi.errors import InvalidInput, ProviderError
from kaeshi.settings import load
from kaeshi.trainer.engines.lora.cluster import Cluster
from train.conftest import BASE, written
from wire.serving import free_port, trainer

pytestmark = pytest.mark.slow
RAY = str(Path(sys.executable).with_name("ray"))
LOOPBACK = "127.0.0.1"
Process = subprocess.Popen[bytes]


class Machines:
    """A head that takes no jobs, and machines that take one each.

    Processes of Ray's own command.
    """

    def __init__(self, stack: ExitStack) -> None:
        self._stack, self.address = stack, f"{LOOPBACK}:{free_port()}"
        self._started(
            "--head",
            f"--port={self.address.partition(':')[2]}",
            "--num-cpus=0",
            "--include-dashboard=false",
        )
        self.running = [self.add()]

    def add(self) -> Process:
        return self._started(f"--address={self.address}", "--num-cpus=1")

    def lose(self, machine: Process) -> None:
        """As by a power cut."""
        os.killpg(machine.pid, signal.SIGKILL)
        machine.wait()

    def _started(self, *words: str) -> Process:
        command = [
            RAY,
            "start",
            f"--node-ip-address={LOOPBACK}",
            "--disable-usage-stats",
            "--block",
            *words,
        ]
        process = self._stack.enter_context(
            subprocess.Popen(
                command,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
        )
        self._stack.callback(self._end, process)
        return process

    def _end(self, process: Process) -> None:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)


@pytest.fixture(scope="module")
def machines() -> Iterator[Machines]:
    import ray

    with ExitStack() as stack:
        made = Machines(stack)
        for _ in range(60):
            with suppress(ConnectionError, RuntimeError):
                ray.init(
                    made.address, namespace="kaeshi", log_to_driver=False, ignore_reinit_error=True
                )
                if "CPU" in ray.cluster_resources():
                    break
            time.sleep(0.5)
        yield made
        ray.shutdown()


def spec(folder: Path, files: tuple[Path, Path], **other: Any) -> dict[str, Any]:
    asked = {
        "base": BASE,
        "asked_as": "x",
        "models_dir": str(load().models_dir),
        "folder": str(folder),
        "method": "supervised",
    }
    rows = {"training_file": str(files[0]), "validation_file": str(files[1])}
    return (
        asked | rows | {"epochs": 2, "batch": 8, "multiplier": 5.0, "beta": 0.1, "seed": 7} | other
    )


def test_a_job_outlives_the_machine_it_runs_on(
    tmp_path: Path, machines: Machines, files: tuple[Path, Path]
) -> None:
    heard: list[dict[str, Any]] = []

    def hear(message: dict[str, Any]) -> None:
        heard.append(message)
        if message.get("step") == 5 and len(machines.running) == 1:
            machines.running.append(machines.add())
            machines.lose(machines.running[0])

    done = Cluster(machines.address).run(
        spec(tmp_path / "job", files), tmp_path / "job", lambda _: None, hear
    )
    assert done is not None
    assert done["steps"] == 8
    assert [m["step"] for m in heard if "step" in m][-4:] == [5, 6, 7, 8]
    said = [m["event"] for m in heard if "event" in m]
    assert "a machine was lost; continuing from the last checkpoint" in said
    assert any("continuing after step 4" in event for event in said)
    assert (tmp_path / "job" / f"epoch-{done['best']}" / "adapter_model.safetensors").exists()
    assert len((tmp_path / "job" / "results.csv").read_text().splitlines()) == 9
    assert len(list((tmp_path / "job" / "checkpoints").iterdir())) == 2


def test_a_job_that_is_stopped_leaves_nothing_on_its_machine(
    tmp_path: Path, machines: Machines, files: tuple[Path, Path]
) -> None:
    before = set(Path(tempfile.gettempdir()).glob("kaeshi-job-*"))
    running: list[Any] = []

    def hear(message: dict[str, Any]) -> None:
        if message.get("step") == 2:
            running[-1].terminate()

    assert (
        Cluster(machines.address).run(
            spec(tmp_path / "job", files), tmp_path / "job", running.append, hear
        )
        is None
    )
    assert set(Path(tempfile.gettempdir()).glob("kaeshi-job-*")) <= before


def test_rows_do_not_stay_on_a_machine_whose_job_breaks_off_here(
    tmp_path: Path, machines: Machines, files: tuple[Path, Path]
) -> None:
    before = set(Path(tempfile.gettempdir()).glob("kaeshi-job-*"))

    def hear(message: dict[str, Any]) -> None:
        if message.get("step") == 2:
            msg = "the server breaks"
            raise RuntimeError(msg)

    with pytest.raises(RuntimeError, match="breaks"):
        Cluster(machines.address).run(
            spec(tmp_path / "job", files), tmp_path / "job", lambda _: None, hear
        )
    for _ in range(100):
        if set(Path(tempfile.gettempdir()).glob("kaeshi-job-*")) <= before:
            return
        time.sleep(0.1)
    raise AssertionError(set(Path(tempfile.gettempdir()).glob("kaeshi-job-*")) - before)


def test_rows_it_refuses_are_told_as_here(
    tmp_path: Path, machines: Machines, files: tuple[Path, Path]
) -> None:
    bad = written(tmp_path / "bad.jsonl", [{"nothing": 1}])
    with pytest.raises(InvalidInput, match="training_file: line 1 is not a supervised row"):
        Cluster(machines.address).run(
            spec(tmp_path / "job", (bad, files[1])),
            tmp_path / "job",
            lambda _: None,
            lambda _: None,
        )


def test_jobs_run_side_by_side_and_a_cancelled_one_makes_room(
    tmp_path: Path, machines: Machines, files: tuple[Path, Path]
) -> None:
    machines.running.append(machines.add())
    with (
        trainer(
            tmp_path, TRAINER_BASES=json.dumps({"gpt-4o-mini": BASE}), TRAINER_RAY=machines.address
        ) as url,
        OpenAI(base_url=url, api_key="none", max_retries=0) as client,
    ):
        file = client.files.create(file=files[0], purpose="fine-tune")
        method: Any = {"type": "supervised", "supervised": {"hyperparameters": {"n_epochs": 1}}}
        jobs = [
            client.fine_tuning.jobs.create(
                training_file=file.id, model="gpt-4o-mini", method=method
            ).id
            for _ in range(3)
        ]

        def steps(job: str) -> int:
            return sum(
                "Step " in e.message for e in client.fine_tuning.jobs.list_events(job, limit=100)
            )

        def until(claim: Any) -> None:
            for _ in range(1200):
                if claim():
                    return
                time.sleep(0.2)
            raise AssertionError(
                [[e.message for e in client.fine_tuning.jobs.list_events(job)] for job in jobs]
            )

        until(lambda: sum(steps(job) > 0 for job in jobs) == 2)
        waiting = next(job for job in jobs if not steps(job))
        running = [job for job in jobs if job != waiting]
        assert client.fine_tuning.jobs.cancel(running[0]).status == "cancelled"
        until(
            lambda: all(
                client.fine_tuning.jobs.retrieve(job).status == "succeeded"
                for job in (running[1], waiting)
            )
        )
        assert client.fine_tuning.jobs.retrieve(running[0]).fine_tuned_model is None


def test_a_cluster_that_is_not_there_is_told(tmp_path: Path, files: tuple[Path, Path]) -> None:
    import ray

    ray.shutdown()
    with pytest.raises(ProviderError, match="cannot be joined"):
        Cluster("127.0.0.1:1").run(spec(tmp_path, files), tmp_path, lambda _: None, lambda _: None)
