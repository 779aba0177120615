"""Jobs on a Ray cluster: the same process as here, on any machine with room.

No disk is shared, and Ray schedules. An actor on that machine runs the job and returns the
process's messages together with the files that it wrote, so that everything a job needs to continue
is in the trainer's own folder: a lost machine costs the steps since the last checkpoint.
"""

import os
import queue
import shutil
import socket
import tempfile
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from kaeshi.errors import InvalidInput, KaeshiError, MissingExtra, ProviderError
from kaeshi.files import write_whole
from kaeshi.nouns import Json
from kaeshi.trainer.engines import lora

MACHINES = 6  # machines that may be lost under a job
PATIENCE = 5.0  # seconds, for calls that answer at once
PREFIX = "kaeshi-job-"
_OURS = {"spec.json", "train.jsonl", "held.jsonl"}  # files of a job that are not copied back


class Cluster:
    """A cluster at an address, as `ray.init` takes it; joined at the first job."""

    def __init__(self, address: str) -> None:
        self._address = address
        self._guard = threading.Lock()

    def run(
        self,
        spec: Json,
        folder: Path,
        started: Callable[[lora.Stoppable], None],
        heard: Callable[[Json], None],
    ) -> Json | None:
        """`lora.run` on the cluster.

        A GPU for each job where there are any, otherwise a machine's processors. Raises
        ProviderError also when the cluster cannot be reached, or lost MACHINES of its machines
        under this job.
        """
        ray = self._joined()
        for left in reversed(range(MACHINES)):
            job = _Job(ray, spec, folder)
            started(job)
            try:
                return job.followed(heard)
            except ray.exceptions.RayActorError as error:
                if job.stopped.is_set():
                    return None
                if not left:
                    msg = (
                        f"the Ray cluster at {self._address!r} lost {MACHINES} machines under "
                        f"the job, at last so: {error}"
                    )
                    raise ProviderError(msg) from error
                heard({"event": "a machine was lost; continuing from the last checkpoint"})
                if job.stopped.wait(
                    PATIENCE
                    # a cluster notices a lost machine late, and would schedule the job there again
                ):
                    return None
            finally:
                job.end()
        raise AssertionError  # the last one lost raises

    def _joined(self) -> Any:
        try:
            import ray
        except ImportError as error:
            msg = (
                "TRAINER_RAY is set, and ray is not installed; type: pip install "
                "'kaeshi[train,ray]'"
            )
            raise MissingExtra(msg) from error
        with self._guard:
            if not ray.is_initialized():
                try:
                    _knock(self._address)
                    ray.init(
                        address=self._address,
                        namespace="kaeshi",
                        log_to_driver=False,
                        logging_level="ERROR",
                    )
                except (OSError, RuntimeError, ValueError) as error:
                    msg = (
                        f"the Ray cluster at {self._address!r} cannot be joined: "
                        f"{str(error).splitlines()[0]}"
                    )
                    raise ProviderError(msg) from error
        return ray


class _Job:
    """A job on one machine."""

    def __init__(self, ray: Any, spec: Json, folder: Path) -> None:
        self._ray = ray
        self._folder = folder
        self._begun = False
        self.stopped = threading.Event()
        here, rows, kept = _rows_and_kept(spec, folder)
        needs = _needs(ray)
        threads = 0 if "num_gpus" in needs else int(needs["num_cpus"])
        spec = {
            **spec,
            **{kind: name for kind, name in here.items() if spec[kind] is not None},
            "threads": threads,
        }
        self._actor = (
            ray.remote(Machine).options(max_concurrency=2, **needs).remote(spec, rows | kept)
        )

    def terminate(self) -> None:
        """End its process; a process that has not started is not waited for."""
        self.stopped.set()
        if self._begun:
            self._actor.stop.remote()
        else:
            self.end()

    def end(self) -> None:
        """Release the machine and delete the job's rows on it."""
        if self._begun:
            with suppress(
                self._ray.exceptions.RayError
            ):  # lost, or too slow: the next job there deletes its files
                self._ray.get(self._actor.clear.remote(), timeout=PATIENCE)
        self._ray.kill(self._actor)

    def followed(self, heard: Callable[[Json], None]) -> Json | None:
        """Copy the job's files and messages until its last message; None if it was stopped."""
        last: Json = {}
        over = False
        while not over:
            found: Json = self._ray.get(self._actor.news.remote())
            self._begun = True
            over = found["over"]
            _take(self._folder, found["files"], found["gone"])
            for message in found["messages"]:
                if message.keys() & {"refused", "broken", "done"}:
                    last = message
                else:
                    heard(message)
        if "refused" in last:
            raise InvalidInput(last["refused"])
        if "broken" in last:
            raise ProviderError(last["broken"])
        return last.get("done")


def _rows_and_kept(
    spec: Json, folder: Path
) -> tuple[dict[str, str], dict[str, bytes], dict[str, bytes]]:
    here = {"training_file": "train.jsonl", "validation_file": "held.jsonl"}
    rows = {
        name: Path(spec[kind]).read_bytes() for kind, name in here.items() if spec[kind] is not None
    }
    kept = {name: (folder / name).read_bytes() for name in written(folder)}
    return here, rows, kept


class Machine:
    """The part of a job that runs on the machine: a Ray actor."""

    def __init__(self, spec: Json, files: Mapping[str, bytes]) -> None:
        _sweep()
        self._folder = Path(tempfile.mkdtemp(prefix=f"{PREFIX}{os.getpid()}-"))
        _take(self._folder, files, ())
        rows = {
            kind: str(self._folder / spec[kind])
            for kind in ("training_file", "validation_file")
            if spec[kind] is not None
        }
        self._spec = {**spec, **rows, "folder": str(self._folder)}
        self._known = _seen(self._folder)
        self._said: queue.Queue[Json] = queue.Queue()
        self._said.put({"event": f"on {socket.gethostname()}"})
        self._process: lora.Stoppable | None = None
        self._stopped = False
        self._worker = threading.Thread(target=self._work, daemon=True)
        self._worker.start()

    def stop(self) -> None:
        """Stop the process; `news` then reports that it is over."""
        self._stopped = True
        if self._process is not None:
            self._process.terminate()

    def clear(self) -> None:
        """Delete everything on this machine."""
        self.stop()
        self._worker.join(PATIENCE)
        shutil.rmtree(self._folder, ignore_errors=True)

    def news(self) -> Json:
        """News since the last call.

        `messages`, `files` (name and content) that are new or changed, names that are `gone`, and
        `over`.
        """
        messages = self._messages_so_far()
        # list first, then read: a listed checkpoint is complete, and so are the files that it needs
        files, gone = self._changed_files()
        over = any("over" in message for message in messages)
        if over:
            shutil.rmtree(self._folder, ignore_errors=True)
        return {
            "messages": [m for m in messages if "over" not in m],
            "files": files,
            "gone": gone,
            "over": over,
        }

    def _messages_so_far(self) -> list[Json]:
        messages = []
        try:
            messages.append(self._said.get(timeout=PATIENCE))
            while True:
                messages.append(self._said.get_nowait())
        except queue.Empty:
            pass
        return messages

    def _changed_files(self) -> tuple[dict[str, bytes], list[str]]:
        seen = _seen(self._folder)
        fresh = {
            name: self._folder / name
            for name, stamp in seen.items()
            if self._known.get(name) != stamp
        }
        files = {}
        for name, path in fresh.items():
            with suppress(FileNotFoundError):  # an older checkpoint, removed meanwhile
                files[name] = path.read_bytes()
        gone = sorted(self._known.keys() - seen.keys(), key=_order, reverse=True)
        self._known = seen
        return files, gone

    def _work(self) -> None:
        try:
            for message in lora.messages(self._spec, self._folder, self._started):
                self._said.put(message)
        except InvalidInput as error:
            self._said.put({"refused": str(error)})
        except (
            Exception
            # the outermost handler: a thread without a last message would be waited for for ever
        ) as error:
            self._said.put(
                {
                    "broken": str(error)
                    if isinstance(error, KaeshiError)
                    else f"{type(error).__name__}: {error}"
                }
            )
        finally:
            self._said.put({"over": True})

    def _started(self, process: lora.Stoppable) -> None:
        self._process = process
        if self._stopped:
            process.terminate()


def _knock(address: str) -> None:
    """Raise OSError when nothing listens: Ray itself would retry for minutes."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if host and port.isdigit():
        socket.create_connection((host, int(port)), timeout=PATIENCE).close()


def written(folder: Path) -> list[str]:
    """Names of a job's complete files, a checkpoint's state last.

    The state is what makes a checkpoint count.
    """
    found = (
        (Path(place) / name).relative_to(folder)
        for place, _, names in os.walk(
            folder
        )  # (unlike copytree) ignores a checkpoint that is removed meanwhile
        for name in names
    )
    whole = (path for path in found if path.suffix != ".part" and "unfinished" not in path.parts)
    return sorted((path.as_posix() for path in whole if path.as_posix() not in _OURS), key=_order)


def _order(name: str) -> tuple[bool, str]:
    return name.endswith("state.json"), name


def _sweep() -> None:
    """Delete what dead actors left here.

    Each folder's name says whose it was.
    """
    for left in Path(tempfile.gettempdir()).glob(f"{PREFIX}*-*"):
        owner = left.name.removeprefix(PREFIX).partition("-")[0]
        if owner.isdigit() and not _is_alive(int(owner)):
            shutil.rmtree(left, ignore_errors=True)


def _is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except PermissionError:  # another user's
        return True
    except ProcessLookupError:
        return False
    return True


def _seen(folder: Path) -> dict[str, tuple[int, int]]:
    """Modification time and size of each file."""
    found = {}
    for name in written(folder):
        with suppress(FileNotFoundError):
            stat = (folder / name).stat()
            found[name] = (stat.st_mtime_ns, stat.st_size)
    return found


def _take(folder: Path, files: Mapping[str, bytes], gone: Sequence[str]) -> None:
    for name, content in files.items():
        write_whole(folder / name, content)
    for name in gone:
        (folder / name).unlink(missing_ok=True)
        with suppress(OSError):  # not empty, or never created
            (folder / name).parent.rmdir()


def _needs(ray: Any) -> dict[str, float]:
    """What a job reserves: a GPU, or as many processors as the smallest machine has.

    One processor while there is no machine: a cluster may grow on demand.
    """
    machines = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    if any(machine.get("GPU") for machine in machines):
        return {"num_gpus": 1}
    return {
        "num_cpus": min((machine["CPU"] for machine in machines if machine.get("CPU")), default=1)
    }
