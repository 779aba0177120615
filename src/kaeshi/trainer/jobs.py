"""Fine-tuning jobs: created once, run one at a time on a thread, survive a crash.

The next trainer that sees a job without a living owner takes it over; a file lock marks the owner.
"""

import fcntl
import re
import shutil
import threading
import traceback
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from typing import Annotated, Any, BinaryIO, Literal

from pydantic import BaseModel, ConfigDict, Field

from kaeshi.errors import InvalidInput, KaeshiError, ProviderError
from kaeshi.nouns import Json
from kaeshi.trainer.answers import RESPONDER
from kaeshi.trainer.engines import lora
from kaeshi.trainer.files import FileFault
from kaeshi.trainer.folder import Folder
from kaeshi.trainer.pending import base_of
from kaeshi.trainer.webhooks import Webhooks

KEY = "kaeshi_key"  # metadata key of a job that is created only once, however often it is requested
EVENTS = 1000  # events kept per job
_SUFFIX = re.compile(r"[A-Za-z0-9._-]{0,64}\Z")


class _Hyperparameters(BaseModel):
    """OpenAI's hyperparameters, within OpenAI's limits.

    Other fields are shown back and change nothing.
    """

    model_config = ConfigDict(extra="allow", strict=True)
    n_epochs: Literal["auto"] | Annotated[int, Field(ge=1, le=50)] = "auto"
    batch_size: Literal["auto"] | Annotated[int, Field(ge=1, le=256)] = "auto"
    learning_rate_multiplier: Literal["auto"] | Annotated[float, Field(gt=0, le=100)] = "auto"
    beta: Literal["auto"] | Annotated[float, Field(gt=0, le=2)] = "auto"


class _Parameters(BaseModel):
    hyperparameters: _Hyperparameters = _Hyperparameters()


class _Method(BaseModel):
    type: str = "supervised"
    supervised: _Parameters = _Parameters()
    dpo: _Parameters = _Parameters()


class CreateJob(BaseModel):
    """The body of a request for a job."""

    model: str
    training_file: str
    validation_file: str | None = None
    suffix: str | None = None
    hyperparameters: _Hyperparameters = _Hyperparameters()
    method: _Method = _Method()
    seed: Annotated[int, Field(ge=0, lt=2**31)] | None = None  # OpenAI's limits
    metadata: (
        Annotated[
            dict[Annotated[str, Field(max_length=64)], Annotated[str, Field(max_length=512)]],
            Field(max_length=16),
        ]
        | None
    ) = None
    integrations: list[Any] | None = None


class Jobs:
    """The jobs of a trainer's folder.

    `run` does the work of one job and returns its result, None if the job was set aside.
    `elsewhere`: language models are trained on other machines, so their jobs do not queue here.
    """

    def __init__(
        self,
        folder: Folder,
        bases: Mapping[str, str],
        run: "Callable[[Json, Jobs], Json | None]",
        *,
        webhooks: Webhooks | None = None,
        elsewhere: bool = False,
    ) -> None:
        self._folder = folder
        self._bases = bases
        self._run = run
        self._webhooks = webhooks
        self._elsewhere = elsewhere
        self._workers: dict[str, threading.Thread] = {}
        self._processes: dict[str, lora.Stoppable] = {}
        self._guard = threading.Lock()
        self._device = threading.Lock()

    def wait(self) -> None:
        """Wait until running jobs have ended."""
        for worker in list(self._workers.values()):
            worker.join()

    def create(self, wanted: CreateJob) -> Json:
        """Create a job, or return the one with its key. Raises InvalidInput and NotFound."""
        base = self._check_job(wanted)
        for name in filter(None, (wanted.training_file, wanted.validation_file)):
            self._folder.find("file", name)
        self._folder.check_room(0)
        chosen = _chosen(wanted)
        job: Json = self._new_job(chosen, wanted, base)
        job = self._stored_job(wanted, job)
        self._work_on(job["id"])
        return shown(job)

    def look(self, name: str) -> Json:
        """A job's state; starts the work of one that has no owner. Raises NotFound."""
        job = self._folder.find("job", name)
        if job["status"] in {"queued", "running"}:
            self._work_on(name)
        return shown(job)

    def set_aside(self, name: str, status: str, among: set[str]) -> Json:
        """Cancel, pause or queue a job again.

        The result of a worker that still runs is dropped.
        """
        with self._guard:
            job = self._folder.find("job", name)
            if job["status"] not in among:
                if job["status"] == status:
                    return shown(job)
                msg = f"job {name!r} is {job['status']!r} and cannot become {status!r}"
                raise InvalidInput(msg)
            finished = self._folder.seconds() if status == "cancelled" else None
            events = self._with_event(job, f"Job {status}")
            if name in self._processes:
                self._processes[name].terminate()
            elif status == "cancelled":
                shutil.rmtree(self._folder.job(name), ignore_errors=True)
            self._notify(status, name)
            return shown(
                self._folder.state.put(
                    "job", job | {"status": status, "finished_at": finished, "events": events}
                )
            )

    def started(self, name: str, process: lora.Stoppable) -> None:
        """Remember the process, so that setting the job aside ends it.

        If it was set aside before, it ends now.
        """
        with self._guard:
            self._processes[name] = process
            if self._folder.find("job", name)["status"] != "running":
                process.terminate()

    def ended(self, name: str) -> None:
        """Forget the process of a job."""
        self._processes.pop(name, None)

    def event(self, name: str, text: str, figures: Json | None = None) -> None:
        """Append an event to the job; `figures` are its numbers."""
        with self._guard:
            job = self._folder.find("job", name)
            self._folder.state.put("job", job | {"events": self._with_event(job, text, figures)})

    def _check_job(self, wanted: CreateJob) -> str:
        base = base_of(self._bases, wanted.model)
        if base not in self._bases.values():
            msg = (
                f"model {wanted.model!r} cannot be fine-tuned here; use one of "
                f"{', '.join(sorted({*self._bases, *self._bases.values()}))}"
            )
            raise InvalidInput(msg)
        methods = ("supervised",) if base == RESPONDER else ("supervised", "dpo")
        if wanted.method.type not in methods or wanted.integrations:
            msg = (
                f"method {wanted.method.type!r} with {len(wanted.integrations or [])} "
                f"integrations: {base!r} is trained by {' or '.join(methods)}, without any"
            )
            raise InvalidInput(msg)
        if not _SUFFIX.match(wanted.suffix or ""):
            msg = f"suffix {wanted.suffix!r}: at most 64 letters, digits, '.', '_' and '-'"
            raise InvalidInput(msg)
        return base

    def _new_job(self, chosen: Json, wanted: CreateJob, base: str) -> dict[str, object]:
        return {
            "id": self._folder.new_id("ftjob"),
            "object": "fine_tuning.job",
            "created_at": self._folder.seconds(),
            "error": None,
            "fine_tuned_model": None,
            "finished_at": None,
            "hyperparameters": {name: value for name, value in chosen.items() if name != "beta"},
            "method": {"type": wanted.method.type, wanted.method.type: {"hyperparameters": chosen}},
            "model": wanted.model,
            "organization_id": "kaeshi",
            "result_files": [],
            "seed": wanted.seed or 0,
            "status": "queued",
            "trained_tokens": None,
            "training_file": wanted.training_file,
            "validation_file": wanted.validation_file,
            "user_provided_suffix": wanted.suffix,
            "metadata": wanted.metadata,
            "integrations": [],
            "estimated_finish": None,
            "events": [],
            "checkpoints": [],
            "base": base,
        }

    def _stored_job(self, wanted: CreateJob, job: Json) -> Json:
        key = (wanted.metadata or {}).get(KEY)
        return (
            self._folder.state.put("job", job)
            if key is None
            else self._folder.state.put_once("job", job, KEY, key)
        )

    def _work_on(self, name: str) -> None:
        """Start a thread for the job, unless some process works on it."""
        with self._guard:
            worker = self._workers.get(name)
            if worker is None or not worker.is_alive():
                self._workers[name] = worker = threading.Thread(
                    target=self._locked, args=(name,), name=f"train {name}", daemon=True
                )
                worker.start()

    def _locked(self, name: str) -> None:
        lock = self._folder.lock(name)
        lock.parent.mkdir(parents=True, exist_ok=True)
        with lock.open("ab") as handle:
            if _taken(handle):
                return
            elsewhere = self._elsewhere and self._folder.find("job", name)["base"] != RESPONDER
            with (
                nullcontext() if elsewhere else self._device
            ):  # one job at a time here; the others are queued
                job = self._begun(name)
                if job is not None:
                    self._train(job)

    def _begun(self, name: str) -> Json | None:
        """The job, now running; None if it was cancelled or paused before its turn."""
        with self._guard:
            job = self._folder.find("job", name)
            return (
                self._folder.state.put("job", job | {"status": "running"})
                if job["status"] in {"queued", "running"}
                else None
            )

    def _train(self, job: Json) -> None:
        """Run a job to its end.

        A worker thread has no caller, so every failure is caught here and recorded.
        """
        name = job["id"]
        try:
            result = self._run(job, self)
            if result is not None:
                self._finish(name, {"status": "succeeded", **result})
        except ProviderError as error:  # the training process failed; its rows may be fine
            self._finish(name, _failed("server_error", str(error)))
        except FileFault as error:
            self._finish(name, _failed(f"invalid_{error.param}", str(error), error.param))
        except KaeshiError as error:
            self._finish(name, _failed("invalid_training_file", str(error), "training_file"))
        except Exception as error:  # the outermost handler: see above
            where = traceback.extract_tb(error.__traceback__)[-1]
            fault = f"{type(error).__name__} in {where.name}, line {where.lineno}"
            self._finish(name, _failed("server_error", fault))

    def _finish(self, name: str, result: Json) -> None:
        with self._guard:
            job = self._folder.find("job", name)
            if job["status"] not in {"cancelled", "paused"}:
                self._folder.state.put(
                    "job", job | result | {"finished_at": self._folder.seconds()}
                )
                self._notify(result["status"], name)

    def _notify(self, status: str, name: str) -> None:
        if self._webhooks is not None and status in {"succeeded", "failed", "cancelled"}:
            self._webhooks.tell(status, name)

    def _with_event(self, job: Json, text: str, figures: Json | None = None) -> list[Json]:
        events = job["events"]
        number = int(events[-1]["id"].rpartition("-")[2]) + 1 if events else 0
        event = {
            "id": f"ftevent-{job['id']}-{number}",
            "object": "fine_tuning.job.event",
            "created_at": self._folder.seconds(),
            "level": "info",
            "message": text,
            "type": "message" if figures is None else "metrics",
            "data": figures or {},
        }
        return [*events[1 - EVENTS :], event]


def shown(item: Json) -> Json:
    """An object without our internal fields.

    OpenAI's schema has no status for a paused job: it is shown as queued, and its events say more.
    """
    shown = {
        name: value
        for name, value in item.items()
        if name not in {"events", "checkpoints", "manifest", "base"}
    }
    return shown | {"status": "queued"} if shown.get("status") == "paused" else shown


def _taken(handle: BinaryIO) -> bool:
    """Whether another process holds the lock, which is released when its holder ends."""
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    return False


def _chosen(wanted: CreateJob) -> Json:
    """The method's hyperparameters, else the deprecated top-level ones."""
    own = getattr(wanted.method, wanted.method.type).hyperparameters
    given = own if own.model_fields_set else wanted.hyperparameters
    names = (
        "n_epochs",
        "batch_size",
        "learning_rate_multiplier",
        *(("beta",) if wanted.method.type == "dpo" else ()),
    )
    return {name: getattr(given, name) for name in names}


def _failed(code: str, message: str, param: str | None = None) -> Json:
    return {"status": "failed", "error": {"code": code, "message": message, "param": param}}
