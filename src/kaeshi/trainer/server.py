"""The trainer's routes: OpenAI's files, fine-tuning jobs and models; answers in answers.py.

One object with `call` and `stream`; asgi.py serves it over HTTP. Jobs run on a thread, those of the
lora engine in a child process. A job survives a crash: the next trainer that sees a job without a
living owner takes it over, and a file lock marks the owner.
"""

import asyncio
import fcntl
import hashlib
import json
import re
import shutil
import threading
import traceback
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import aclosing, nullcontext
from pathlib import Path
from typing import Annotated, Any, BinaryIO, Literal
from urllib.parse import parse_qsl

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from kaeshi.errors import InvalidInput, KaeshiError, NotFound, ProviderError
from kaeshi.files import write_whole
from kaeshi.nouns import Json
from kaeshi.ports import Clock, Embedder, Ids, TokenCounter
from kaeshi.trainer.answers import RESPONDER, Answers, Pending, Reply, fault, model_folder
from kaeshi.trainer.engines import lora, responder
from kaeshi.trainer.engines.lora.cluster import Cluster
from kaeshi.trainer.multipart import parse_form
from kaeshi.trainer.state import TrainerState
from kaeshi.trainer.vllm import Handed, Vllm
from kaeshi.trainer.webhooks import Webhooks

BASES: Mapping[str, str] = {"gpt-4o-mini": RESPONDER}
MAX_FILE = 512 * 1024 * 1024
MIN_ROWS = 10
DEFAULT_EPOCHS = 3
KEY = "kaeshi_key"  # a job that has it in its metadata is made once, however often it is asked for
EVENTS = 1000  # that a job keeps
MODELS = 3  # checkpoints of a job that can be asked, as at OpenAI
_METADATA = re.compile(r"metadata\[([^\]]{1,64})\]\Z")
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


class _CreateJob(BaseModel):
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


class TrainerServer:
    """Files in, models out, answers served.

    Everything is under `folder`. `features`: the responder's features, the embedder itself if there
    is nothing better. `bases`: the base behind each OpenAI model name that clients ask for; the
    responder, or a causal language model by folder or hub name, which needs the `train` extra.
    `models_dir`: where `kaeshi models fetch` puts files. `webhooks`: who is notified of ended jobs.
    `vllm`: a server that answers for language models. `cluster`: where jobs of language models run.
    `disk`: new files and jobs are refused when `folder` holds so many bytes.
    """

    def __init__(
        self,
        folder: Path,
        embedder: Embedder,
        tokens: TokenCounter,
        clock: Clock,
        ids: Ids,
        *,
        features: Embedder | None = None,
        bases: Mapping[str, str] = BASES,
        models_dir: Path = Path(),
        webhooks: Webhooks | None = None,
        vllm: Vllm | None = None,
        cluster: Cluster | None = None,
        disk: int | None = None,
    ) -> None:
        self._folder = folder
        self._embedder = embedder
        self._clock = clock
        self._ids = ids
        self._bases = bases
        self._models_dir = models_dir
        self._webhooks = webhooks
        self._cluster = cluster
        self._disk = disk
        self._state = TrainerState(folder)
        self._features = features or embedder
        self._answers = Answers(
            folder,
            self._state,
            embedder,
            self._features,
            tokens,
            clock,
            ids,
            bases,
            models_dir,
            vllm,
        )
        self._workers: dict[str, threading.Thread] = {}
        self._processes: dict[str, lora.Stoppable] = {}
        self._guard = threading.Lock()
        self._device = threading.Lock()

    async def call(
        self, method: str, path: str, body: bytes, content_type: str
    ) -> tuple[int, bytes]:
        """Answer one request; `path` starts behind /v1 and may carry a query."""
        status, content = await asyncio.to_thread(self._answer, method, path, body, content_type)
        return await _whole(content) if isinstance(content, Pending | Handed) else (status, content)

    async def stream(
        self, method: str, path: str, body: bytes, content_type: str
    ) -> tuple[int, bytes | AsyncIterator[bytes]]:
        """`call`, with a requested stream as an iterator of pieces."""
        status, content = await asyncio.to_thread(self._answer, method, path, body, content_type)
        if isinstance(content, Pending | Handed):
            return (status, _pieces(content)) if content.streamed else await _whole(content)
        return status, content

    def wait(self) -> None:
        """Let running jobs finish."""
        for worker in list(self._workers.values()):
            worker.join()

    def _answer(
        self, method: str, path: str, body: bytes, content_type: str
    ) -> tuple[int, bytes | Pending | Handed]:
        try:
            status, content = self._route(method, path, body, content_type)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            status = 400
            content = fault(f"{'.'.join(map(str, first['loc'])) or 'body'}: {first['msg']}")
        except KaeshiError as error:
            status = (
                404
                if isinstance(error, NotFound)
                else error.status
                if isinstance(error, ProviderError)
                else 400
            )
            content = fault(
                str(error),
                "server_error" if isinstance(error, ProviderError) else "invalid_request_error",
            )
        return status, content if isinstance(content, bytes | Pending | Handed) else json.dumps(
            content
        ).encode()

    def _route(self, method: str, path: str, body: bytes, content_type: str) -> Reply:
        plain, _, query = path.partition("?")
        parts = plain.strip("/").split("/")
        wanted = dict(parse_qsl(query, keep_blank_values=True))
        match method, parts:
            case "POST", ["files"]:
                return 200, self._upload(body, content_type)
            case _, ["files", *rest]:
                return self._route_file(method, rest, wanted)
            case _, ["fine_tuning", "jobs", *rest]:
                return self._route_job(method, rest, wanted, body)
            case "GET", ["models"]:
                return self._models()
            case "GET", ["models", *name]:  # hub names hold a slash
                return 200, self._model_shown(name)
            case "DELETE", ["models", name]:
                self._find("model", name)
                return 200, {"id": name, "object": "model", "deleted": self._answers.drop(name)}
            case "POST", ["embeddings"]:
                return 200, self._answers.embed(body)
            case "POST", ["chat", "completions"]:
                return 200, self._answers.chat(body)
            case _:
                return _unserved(method, plain)

    def _model_shown(self, name: list[str]) -> Json:
        return next((m for m in self._given() if m["id"] == "/".join(name)), None) or _shown(
            self._find("model", "/".join(name))
        )

    def _delete_file(self, name: str) -> Reply:
        self._file_path(self._find("file", name)["id"]).unlink(missing_ok=True)
        return 200, {
            "id": name,
            "object": "file",
            "deleted": self._state.drop("file", name),
        }

    def _models(self) -> Reply:
        tuned = self._state.every("model", limit=10_000)
        return 200, {
            "object": "list",
            "data": [_shown(model) for model in (*tuned, *self._given())],
        }

    def _route_file(self, method: str, rest: list[str], wanted: dict[str, str]) -> Reply:
        match method, rest:
            case "GET", []:
                self._drop_expired()
                return 200, self._list("file", wanted)
            case "GET", [name]:
                return 200, self._find("file", name)
            case "GET", [name, "content"]:
                return 200, self._file_path(self._find("file", name)["id"]).read_bytes()
            case "DELETE", [name]:
                return self._delete_file(name)
            case _:
                return _unserved(method, "/".join(["files", *rest]))

    def _route_job(
        self, method: str, rest: list[str], wanted: dict[str, str], body: bytes
    ) -> Reply:
        match method, rest:
            case "POST", []:
                return 200, self._create(_CreateJob.model_validate_json(body))
            case "GET", []:
                return 200, self._list("job", wanted)
            case "GET", [name]:
                return 200, self._look(name)
            case "POST", [name, "cancel"]:
                return 200, self._set_aside(name, "cancelled", {"queued", "running", "paused"})
            case "POST", [name, "pause"]:
                return 200, self._set_aside(name, "paused", {"queued", "running"})
            case "POST", [name, "resume"]:
                self._set_aside(name, "queued", {"paused"})
                return 200, self._look(name)
            case "GET", [name, "events"]:
                return 200, _page(self._find("job", name).get("events", [])[::-1], wanted, 20)
            case "GET", [name, "checkpoints"]:
                return 200, _page(self._find("job", name).get("checkpoints", [])[::-1], wanted, 10)
            case _:
                return _unserved(method, "/".join(["fine_tuning", "jobs", *rest]))

    # files

    def _upload(self, body: bytes, content_type: str) -> Json:
        fields, files = parse_form(body, content_type)
        purpose, name, content = _check_form(fields, files)
        life = _life_of(fields)
        self._check_room(len(content))
        return self._put_file(content, name, purpose, None if life is None else int(life))

    def _put_file(self, content: bytes, name: str, purpose: str, life: int | None = None) -> Json:
        identifier = self._ids.new("file").replace("_", "-", 1)
        write_whole(self._file_path(identifier), content)
        made: Json = {
            "id": identifier,
            "object": "file",
            "bytes": len(content),
            "created_at": self._seconds(),
            "filename": name,
            "purpose": purpose,
            "status": "processed",
        }
        return self._state.put(
            "file", made if life is None else made | {"expires_at": made["created_at"] + life}
        )

    def _check_room(self, more: int) -> None:
        """Raise InvalidInput when so many more bytes exceed the disk budget."""
        if self._disk is None:
            return
        held = sum(path.stat().st_size for path in self._folder.rglob("*") if path.is_file())
        if held + more > self._disk:
            msg = (
                f"{held + more:,} bytes would lie in the trainer's folder, and TRAINER_DISK_GB "
                f"allows {self._disk:,}; delete files or models"
            )
            raise InvalidInput(msg)

    def _drop_expired(self) -> None:
        """Delete files whose expiry time has passed."""
        for file in self._state.every("file", limit=10_000):
            if file.get("expires_at", self._seconds() + 1) <= self._seconds():
                self._file_path(file["id"]).unlink(missing_ok=True)
                self._state.drop("file", file["id"])

    def _file_path(self, identifier: str) -> Path:
        return self._folder / "files" / hashlib.sha256(identifier.encode()).hexdigest()[:32]

    # jobs

    def _create(self, wanted: _CreateJob) -> Json:
        base = self._check_job(wanted)
        for name in filter(None, (wanted.training_file, wanted.validation_file)):
            self._find("file", name)
        self._check_room(0)
        chosen = _chosen(wanted)
        job: Json = self._new_job(chosen, wanted, base)
        job = self._stored_job(wanted, job)
        self._work_on(job["id"])
        return _shown(job)

    def _check_job(self, wanted: _CreateJob) -> str:
        base = self._bases.get(wanted.model, wanted.model)
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

    def _new_job(self, chosen: Json, wanted: _CreateJob, base: str) -> dict[str, object]:
        return {
            "id": self._ids.new("ftjob").replace("_", "-", 1),
            "object": "fine_tuning.job",
            "created_at": self._seconds(),
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

    def _stored_job(self, wanted: _CreateJob, job: Json) -> Json:
        key = (wanted.metadata or {}).get(KEY)
        return (
            self._state.put("job", job)
            if key is None
            else self._state.put_once("job", job, KEY, key)
        )

    def _look(self, name: str) -> Json:
        job = self._find("job", name)
        if job["status"] in {"queued", "running"}:
            self._work_on(name)
        return _shown(job)

    def _set_aside(self, name: str, status: str, among: set[str]) -> Json:
        """Cancel, pause or queue a job again.

        The result of a worker that still runs is dropped.
        """
        with self._guard:
            job = self._find("job", name)
            if job["status"] not in among:
                if job["status"] == status:
                    return _shown(job)
                msg = f"job {name!r} is {job['status']!r} and cannot become {status!r}"
                raise InvalidInput(msg)
            finished = self._seconds() if status == "cancelled" else None
            events = self._with_event(job, f"Job {status}")
            if name in self._processes:
                self._processes[name].terminate()
            elif status == "cancelled":
                shutil.rmtree(self._job_folder(name), ignore_errors=True)
            self._tell(status, name)
            return _shown(
                self._state.put(
                    "job", job | {"status": status, "finished_at": finished, "events": events}
                )
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
        lock = self._folder / "locks" / name
        lock.parent.mkdir(parents=True, exist_ok=True)
        with lock.open("ab") as handle:
            if _taken(handle):
                return
            elsewhere = self._cluster is not None and self._find("job", name)["base"] != RESPONDER
            with (
                nullcontext() if elsewhere else self._device
            ):  # one job at a time here; the others are queued
                job = self._begun(name)
                if job is not None:
                    self._train(job)

    def _begun(self, name: str) -> Json | None:
        """The job, now running; None if it was cancelled or paused before its turn."""
        with self._guard:
            job = self._find("job", name)
            return (
                self._state.put("job", job | {"status": "running"})
                if job["status"] in {"queued", "running"}
                else None
            )

    def _train(self, job: Json) -> None:
        """Run a job to its end.

        A worker thread has no caller, so every failure is caught here and recorded.
        """
        name = job["id"]
        try:
            result = (
                self._trained_responder(job)
                if job["base"] == RESPONDER
                else self._trained_lora(job)
            )
            if result is not None:
                self._finish(name, {"status": "succeeded", **result})
        except ProviderError as error:  # the training process broke; its rows may be as good as any
            self._finish(
                name,
                {
                    "status": "failed",
                    "error": {"code": "server_error", "message": str(error), "param": None},
                },
            )
        except KaeshiError as error:
            self._finish(
                name,
                {
                    "status": "failed",
                    "error": {
                        "code": "invalid_training_file",
                        "message": str(error),
                        "param": "training_file",
                    },
                },
            )
        except Exception as error:  # a door: see above
            where = traceback.extract_tb(error.__traceback__)[-1]
            self._finish(
                name,
                {
                    "status": "failed",
                    "error": {
                        "code": "server_error",
                        "message": f"{type(error).__name__} in {where.name}, line {where.lineno}",
                        "param": None,
                    },
                },
            )

    def _trained_responder(self, job: Json) -> Json:
        rows = self._rows(job["training_file"])
        validation = self._rows(job["validation_file"], least=0) if job["validation_file"] else []
        trained = responder.train(
            rows, validation, self._features, lambda text: self._event(job["id"], text)
        )
        model = _named(job)
        details = {
            "id": model,
            "job": job["id"],
            "embedder": self._features.name,
            "answers": len(trained.answers),
        }
        self._put_model(model, responder.save(trained, model_folder(self._folder, model), details))
        chosen = job["hyperparameters"]["n_epochs"]
        epochs = DEFAULT_EPOCHS if chosen == "auto" else chosen
        told = job["hyperparameters"] | {"n_epochs": epochs}
        return {
            "fine_tuned_model": model,
            "trained_tokens": self._answers.count(rows) * epochs,
            "hyperparameters": told,
            "method": {"type": "supervised", "supervised": {"hyperparameters": told}},
        }

    def _trained_lora(self, job: Json) -> Json | None:
        """Train in a child process, from the last checkpoint.

        None if the job was set aside meanwhile.
        """
        name = job["id"]
        kind = job["method"]["type"]
        folder = self._job_folder(name)
        rows = self._rows(job["training_file"], kind=kind)
        if job["validation_file"]:
            self._rows(job["validation_file"], least=1, kind=kind)
        chosen, told = _chosen_figures(job, kind, rows)
        beta = chosen.get("beta", "auto")
        spec = self._spec_of(job, folder, kind, told, beta)
        done = self._run_lora(spec, folder, name)
        if done is None:
            if self._find("job", name)["status"] == "cancelled":
                shutil.rmtree(folder, ignore_errors=True)
            return None
        model, checkpoints, results = self._published(job, done, folder, name)
        shutil.rmtree(folder)
        shown = told | ({"beta": spec["beta"]} if kind == "dpo" else {})
        return {
            "fine_tuned_model": model,
            "trained_tokens": done["trained_tokens"],
            "hyperparameters": told,
            "method": {"type": kind, kind: {"hyperparameters": shown}},
            "checkpoints": checkpoints,
            "result_files": [results["id"]],
        }

    def _spec_of(
        self, job: Json, folder: Path, kind: Any, told: dict[str, float | Any], beta: Any
    ) -> Json:
        return {
            "base": job["base"],
            "asked_as": job["model"],
            "models_dir": str(self._models_dir),
            "training_file": str(self._file_path(job["training_file"])),
            "validation_file": str(self._file_path(job["validation_file"]))
            if job["validation_file"]
            else None,
            "folder": str(folder),
            "method": kind,
            "epochs": told["n_epochs"],
            "batch": told["batch_size"],
            "multiplier": told["learning_rate_multiplier"],
            "beta": lora.BETA if beta == "auto" else beta,
            "seed": job["seed"],
        }

    def _run_lora(self, spec: Json, folder: Path, name: Any) -> Json | None:
        try:
            run = lora.run if self._cluster is None else self._cluster.run
            done = run(
                spec,
                folder,
                lambda process: self._started(name, process),
                lambda message: self._heard(name, message),
            )
        finally:
            self._processes.pop(name, None)
        return done

    def _published(
        self, job: Json, done: Json, folder: Path, name: Any
    ) -> tuple[str, list[Json], Json]:
        model = _named(job)
        kept = [
            epoch
            for epoch in done["epochs"]
            if epoch["epoch"] == done["best"] or epoch in done["epochs"][-MODELS:]
        ]
        checkpoints = []
        for epoch in kept:
            step, names = self._publish_epoch(epoch, model, done, folder, name, job)
            checkpoints.append(self._checkpoint_shown(names, step, epoch, name))
        results = self._put_file(
            (folder / "results.csv").read_bytes(), "step_metrics.csv", "fine-tune-results"
        )
        return model, checkpoints, results

    def _publish_epoch(
        self, epoch: Any, model: str, done: Json, folder: Path, name: Any, job: Json
    ) -> tuple[Any, list[str]]:
        step = epoch["metrics"]["step"]
        names = [
            f"{model}:ckpt-step-{step}",
            *([model] if epoch["epoch"] == done["best"] else []),
        ]
        for each in names:
            self._put_model(
                each,
                lora.publish(
                    folder / f"epoch-{epoch['epoch']}",
                    model_folder(self._folder, each),
                    {"id": each, "job": name, "base": job["base"]},
                ),
            )
        return step, names

    def _checkpoint_shown(self, names: list[str], step: Any, epoch: Any, name: Any) -> Json:
        return {
            "id": f"ftckpt-{hashlib.sha256(names[0].encode()).hexdigest()[:24]}",
            "object": "fine_tuning.job.checkpoint",
            "created_at": self._seconds(),
            "fine_tuned_model_checkpoint": names[0],
            "step_number": step,
            "metrics": {
                "step": step,
                **{n: v for n, v in epoch["metrics"].items() if n != "step"},
            },
            "fine_tuning_job_id": name,
        }

    def _job_folder(self, name: str) -> Path:
        """A lora job's folder, with what it needs to continue.

        Deleted when it has succeeded or was cancelled.
        """
        return self._folder / "lora" / re.sub(r"[^A-Za-z0-9._-]", "_", name)

    def _started(self, name: str, process: lora.Stoppable) -> None:
        """Remember the process, so that setting the job aside ends it.

        If it was set aside before, it ends now.
        """
        with self._guard:
            self._processes[name] = process
            if self._find("job", name)["status"] != "running":
                process.terminate()

    def _heard(self, name: str, message: Json) -> None:
        """Store the process's messages among the job's events, losses with their numbers."""
        if "step" in message:
            self._event(
                name,
                (
                    f"Step {message['step']}/{message['total_steps']}: training "
                    f"loss={message['train_loss']:.2f}"
                ),
                message,
            )
        elif "checkpoint" in message:
            metrics = message["checkpoint"]["metrics"]
            loss = (
                f", validation loss={metrics['valid_loss']:.2f}" if "valid_loss" in metrics else ""
            )
            self._event(
                name,
                (
                    f"Checkpoint after epoch {message['checkpoint']['epoch']}, step "
                    f"{metrics['step']}{loss}"
                ),
            )
        else:
            self._event(name, message["event"])

    def _put_model(self, name: str, manifest: Json) -> None:
        self._state.put(
            "model",
            {
                "id": name,
                "object": "model",
                "created": self._seconds(),
                "owned_by": "kaeshi",
                "manifest": manifest,
            },
        )

    def _finish(self, name: str, result: Json) -> None:
        with self._guard:
            job = self._find("job", name)
            if job["status"] not in {"cancelled", "paused"}:
                self._state.put("job", job | result | {"finished_at": self._seconds()})
                self._tell(result["status"], name)

    def _tell(self, status: str, name: str) -> None:
        if self._webhooks is not None and status in {"succeeded", "failed", "cancelled"}:
            self._webhooks.tell(status, name)

    def _event(self, name: str, text: str, figures: Json | None = None) -> None:
        with self._guard:
            job = self._find("job", name)
            self._state.put("job", job | {"events": self._with_event(job, text, figures)})

    def _with_event(self, job: Json, text: str, figures: Json | None = None) -> list[Json]:
        events = job["events"]
        number = int(events[-1]["id"].rpartition("-")[2]) + 1 if events else 0
        event = {
            "id": f"ftevent-{job['id']}-{number}",
            "object": "fine_tuning.job.event",
            "created_at": self._seconds(),
            "level": "info",
            "message": text,
            "type": "message" if figures is None else "metrics",
            "data": figures or {},
        }
        return [*events[1 - EVENTS :], event]

    def _rows(self, file: str, least: int = MIN_ROWS, kind: str = "supervised") -> list[Json]:
        rows = []
        for number, line in enumerate(
            self._file_path(self._find("file", file)["id"]).read_bytes().splitlines(), 1
        ):
            if not line.strip():
                continue
            try:
                row = json.loads(line)
                said = (
                    row["messages"]
                    if kind == "supervised"
                    else [
                        *row["input"]["messages"],
                        *row["preferred_output"],
                        *row["non_preferred_output"],
                    ]
                )
                good = all(isinstance(m["role"], str) for m in said)
            except (ValueError, TypeError, KeyError):
                good = False
            if not good:
                msg = f"line {number} is not a {kind} row; see OpenAI's format"
                raise InvalidInput(msg)
            rows.append(row)
        if len(rows) < least:
            msg = f"{len(rows)} rows, {least} needed"
            raise InvalidInput(msg)
        return rows

    # lists

    def _given(self) -> list[Json]:
        """Models that exist without training.

        The bases, their aliases, and the embedder.
        """
        names = dict.fromkeys((*self._bases.values(), *sorted(self._bases), self._embedder.name))
        return [
            {"id": name, "object": "model", "created": 0, "owned_by": "kaeshi"} for name in names
        ]

    def _find(self, kind: str, name: str) -> Json:
        found = self._state.get(kind, name)
        if found is None:
            msg = f"{kind} {name!r} is not known here"
            raise NotFound(msg)
        return found

    def _list(self, kind: str, wanted: dict[str, str]) -> Json:
        limit = wanted.get("limit", "100")
        if not limit.isdigit() or len(limit) > 5 or not 1 <= int(limit) <= 10_000:  # OpenAI's limit
            msg = f"limit {limit!r} is not a whole number from 1 to 10000"
            raise InvalidInput(msg)
        found = self._page_of(wanted, kind, limit)
        data = [_shown(item) for item in found[: int(limit)]]
        return {
            "object": "list",
            "data": data,
            "has_more": len(found) > int(limit),
            "first_id": data[0]["id"] if data else None,
            "last_id": data[-1]["id"] if data else None,
        }

    def _page_of(self, wanted: dict[str, str], kind: str, limit: str) -> list[Json]:
        metadata = {
            match[1]: value for name, value in wanted.items() if (match := _METADATA.match(name))
        }
        return self._state.every(
            kind,
            wanted.get("after"),
            int(limit) + 1,
            metadata=metadata,
            oldest_first=wanted.get("order") == "asc",
        )

    def _seconds(self) -> int:
        return int(self._clock.now().timestamp())


def _check_form(
    fields: dict[str, str], files: dict[str, tuple[str, bytes]]
) -> tuple[str, str, bytes]:
    purpose = fields.get("purpose")
    if purpose != "fine-tune":
        msg = f"purpose {purpose!r} is not served here; use 'fine-tune'"
        raise InvalidInput(msg)
    if "file" not in files:
        msg = "the form has no part named 'file'"
        raise InvalidInput(msg)
    name, content = files["file"]
    if not 0 < len(content) <= MAX_FILE:
        msg = f"file of {len(content)} bytes; 1 to {MAX_FILE} are taken"
        raise InvalidInput(msg)
    return purpose, name, content


def _life_of(fields: dict[str, str]) -> str | None:
    life = fields.get("expires_after[seconds]")
    if life is not None and (
        not life.isdigit() or len(life) > 8 or not 3600 <= int(life) <= 30 * 24 * 3600
    ):  # OpenAI's limits
        msg = f"expires_after[seconds] {life!r} is not a whole number from 3600 to 2592000"
        raise InvalidInput(msg)
    return life


def _chosen_figures(job: Json, kind: Any, rows: list[Json]) -> tuple[Any, dict[str, float | Any]]:
    chosen = job["method"][kind]["hyperparameters"]
    told = {
        "n_epochs": lora.auto_epochs(len(rows))
        if chosen["n_epochs"] == "auto"
        else chosen["n_epochs"],
        "batch_size": lora.auto_batch(len(rows))
        if chosen["batch_size"] == "auto"
        else chosen["batch_size"],
        "learning_rate_multiplier": 1.0
        if chosen["learning_rate_multiplier"] == "auto"
        else chosen["learning_rate_multiplier"],
    }
    return chosen, told


async def _whole(content: Pending | Handed) -> tuple[int, bytes]:
    try:
        return await content.whole()
    except ProviderError as error:
        return error.status, json.dumps(fault(str(error), "server_error")).encode()


async def _pieces(content: Pending | Handed) -> AsyncIterator[bytes]:
    """Pieces as they come; a failure after the status was sent becomes an event."""
    async with aclosing(content.pieces()) as pieces:
        try:
            async for piece in pieces:
                yield piece
        except ProviderError as error:
            yield b"data: " + json.dumps(fault(str(error), "server_error")).encode() + b"\n\n"


def _taken(handle: BinaryIO) -> bool:
    """Whether another process holds the lock, which is released when its holder ends."""
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    return False


def _unserved(method: str, path: str) -> Reply:
    return 404, fault(f"{method} /v1/{path.strip('/')} is not served here")


def _shown(item: Json) -> Json:
    """An object without our internal fields.

    OpenAI's schema has no status for a paused job: it is shown as queued, and its events say more.
    """
    shown = {
        name: value
        for name, value in item.items()
        if name not in {"events", "checkpoints", "manifest", "base"}
    }
    return shown | {"status": "queued"} if shown.get("status") == "paused" else shown


def _named(job: Json) -> str:
    """The tuned model's name: the same if the job is taken over after a crash."""
    base = re.sub(r"[^a-z0-9.-]+", "-", job["base"].rpartition("/")[2].lower()).strip("-")
    return f"ft:{base}:{job['user_provided_suffix'] or 'kaeshi'}:{hashlib.sha256(job['id'].encode()).hexdigest()[:8]}"


def _chosen(wanted: _CreateJob) -> Json:
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


def _page(items: Sequence[Json], wanted: Mapping[str, str], usual: int) -> Json:
    """A page of a list in memory, beyond `after`."""
    limit = wanted.get("limit", str(usual))
    if not limit.isdigit() or len(limit) > 4 or not int(limit):
        msg = f"limit {limit!r} is not a whole number from 1 to 9999"
        raise InvalidInput(msg)
    first = next((i + 1 for i, item in enumerate(items) if item["id"] == wanted.get("after")), 0)
    data = list(items[first : first + int(limit)])
    ends = {
        "first_id": data[0]["id"] if data else None,
        "last_id": data[-1]["id"] if data else None,
    }
    return {"object": "list", "data": data, "has_more": len(items) > first + int(limit), **ends}
