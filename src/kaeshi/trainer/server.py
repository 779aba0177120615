"""The wire: OpenAI's files, fine-tuning jobs, models and chat completions, answered from this process.

One object with one method, `call`; asgi.py puts it behind HTTP. Jobs run on a thread and outlive neither silence nor a crash:
whoever looks at a job whose trainer died takes it over, and a file lock says who is at it.
"""

import asyncio
import fcntl
import hashlib
import json
import re
import threading
import traceback
from pathlib import Path
from typing import Any, BinaryIO, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from kaeshi.errors import InvalidInput, KaeshiError, NotFound
from kaeshi.files import write_whole
from kaeshi.ports import Clock, Embedder, Ids
from kaeshi.trainer.engines import responder
from kaeshi.trainer.multipart import parse_form
from kaeshi.trainer.state import TrainerState
from kaeshi.types import Json

BASE = "kaeshi-responder"
ALIASES = frozenset({"gpt-4o-mini"})
MAX_FILE = 512 * 1024 * 1024
MIN_ROWS = 10
DEFAULT_EPOCHS = 3
_SUFFIX = re.compile(r"[A-Za-z0-9._-]{0,64}\Z")
Reply = tuple[int, Json | bytes]


class _Hyperparameters(BaseModel):
    model_config = ConfigDict(extra="allow", strict=True)
    n_epochs: Literal["auto"] | int | None = None


class _Supervised(BaseModel):
    hyperparameters: _Hyperparameters = _Hyperparameters()


class _Method(BaseModel):
    supervised: _Supervised = _Supervised()


class _CreateJob(BaseModel):
    model: str
    training_file: str
    validation_file: str | None = None
    suffix: str | None = None
    hyperparameters: _Hyperparameters = _Hyperparameters()
    method: _Method = _Method()
    metadata: dict[str, str] | None = None


class _Chat(BaseModel):
    model_config = ConfigDict(extra="ignore")
    model: str
    messages: list[dict[str, Any]] = Field(min_length=1, max_length=2000)
    stream: bool | None = None


class TrainerServer:
    """Files in, models out, answers served. Everything lies under `folder`."""

    def __init__(self, folder: Path, embedder: Embedder, clock: Clock, ids: Ids) -> None:
        self._folder, self._embedder, self._clock, self._ids = folder, embedder, clock, ids
        self._state = TrainerState(folder)
        self._loaded: dict[str, responder.Responder] = {}
        self._workers: dict[str, threading.Thread] = {}
        self._guard = threading.Lock()

    async def call(self, method: str, path: str, body: bytes, content_type: str) -> tuple[int, bytes]:
        """Answer one request; `path` starts behind /v1 and may carry a query."""
        return await asyncio.to_thread(self._answer, method, path, body, content_type)

    def wait(self) -> None:
        """Let running jobs finish."""
        for worker in list(self._workers.values()):
            worker.join()

    def _answer(self, method: str, path: str, body: bytes, content_type: str) -> tuple[int, bytes]:
        try:
            status, content = self._route(method, path, body, content_type)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            status, content = 400, _fault(f"{'.'.join(map(str, first['loc'])) or 'body'}: {first['msg']}", "invalid_request_error")
        except KaeshiError as error:
            status, content = (404 if isinstance(error, NotFound) else 400), _fault(str(error), "invalid_request_error")
        return status, content if isinstance(content, bytes) else json.dumps(content).encode()

    def _route(self, method: str, path: str, body: bytes, content_type: str) -> Reply:
        plain, _, query = path.partition("?")
        parts = plain.strip("/").split("/")
        wanted = dict(pair.partition("=")[::2] for pair in query.split("&") if pair)
        match method, parts:
            case "POST", ["files"]:
                return 200, self._upload(body, content_type)
            case "GET", ["files"]:
                return 200, self._list("file", wanted)
            case "GET", ["files", name]:
                return 200, self._find("file", name)
            case "GET", ["files", name, "content"]:
                return 200, self._file_path(self._find("file", name)["id"]).read_bytes()
            case "DELETE", ["files", name]:
                self._file_path(self._find("file", name)["id"]).unlink(missing_ok=True)
                return 200, {"id": name, "object": "file", "deleted": self._state.drop("file", name)}
            case "POST", ["fine_tuning", "jobs"]:
                return 200, self._create(_CreateJob.model_validate_json(body))
            case "GET", ["fine_tuning", "jobs"]:
                return 200, self._list("job", wanted)
            case "GET", ["fine_tuning", "jobs", name]:
                return 200, self._look(name)
            case "POST", ["fine_tuning", "jobs", name, "cancel"]:
                return 200, self._cancel(name)
            case "GET", ["fine_tuning", "jobs", name, "events"]:
                return 200, {"object": "list", "data": self._find("job", name).get("events", [])[::-1], "has_more": False}
            case "GET", ["models"]:
                return 200, self._list("model", wanted | {"limit": "10000"})
            case "GET", ["models", name]:
                return 200, self._find("model", name)
            case "POST", ["chat", "completions"]:
                return 200, self._chat(_Chat.model_validate_json(body))
            case _:
                return 404, _fault(f"{method} /v1/{plain.strip('/')} is not served here", "invalid_request_error")

    # files

    def _upload(self, body: bytes, content_type: str) -> Json:
        fields, files = parse_form(body, content_type)
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
        identifier = self._ids.new("file").replace("_", "-", 1)
        write_whole(self._file_path(identifier), content)
        return self._state.put(
            "file",
            {
                "id": identifier,
                "object": "file",
                "bytes": len(content),
                "created_at": self._seconds(),
                "filename": name,
                "purpose": purpose,
                "status": "processed",
            },
        )

    def _file_path(self, identifier: str) -> Path:
        return self._folder / "files" / hashlib.sha256(identifier.encode()).hexdigest()[:32]

    # jobs

    def _create(self, wanted: _CreateJob) -> Json:
        if wanted.model != BASE and wanted.model not in ALIASES:
            msg = f"model {wanted.model!r} cannot be fine-tuned here; use {BASE!r} or its alias {sorted(ALIASES)[0]!r}"
            raise InvalidInput(msg)
        if not _SUFFIX.match(wanted.suffix or ""):
            msg = f"suffix {wanted.suffix!r}: at most 64 letters, digits, '.', '_' and '-'"
            raise InvalidInput(msg)
        for name in filter(None, (wanted.training_file, wanted.validation_file)):
            self._find("file", name)
        given = wanted.method.supervised.hyperparameters.n_epochs or wanted.hyperparameters.n_epochs or "auto"
        epochs = DEFAULT_EPOCHS if given == "auto" else given
        if not isinstance(epochs, int) or not 1 <= epochs <= 50:  # OpenAI's limits
            msg = f"n_epochs {given!r} is not a whole number from 1 to 50"
            raise InvalidInput(msg)
        job: Json = {
            "id": self._ids.new("ftjob").replace("_", "-", 1),
            "object": "fine_tuning.job",
            "created_at": self._seconds(),
            "error": None,
            "fine_tuned_model": None,
            "finished_at": None,
            "hyperparameters": {"n_epochs": epochs, "batch_size": "auto", "learning_rate_multiplier": "auto"},
            "model": wanted.model,
            "organization_id": "kaeshi",
            "result_files": [],
            "seed": 0,
            "status": "queued",
            "trained_tokens": None,
            "training_file": wanted.training_file,
            "validation_file": wanted.validation_file,
            "suffix": wanted.suffix,
            "metadata": wanted.metadata,
            "events": [],
        }
        self._state.put("job", job)
        self._work_on(job["id"])
        return _without_events(job)

    def _look(self, name: str) -> Json:
        job = self._find("job", name)
        if job["status"] in {"queued", "running"}:
            self._work_on(name)
        return _without_events(job)

    def _cancel(self, name: str) -> Json:
        with self._guard:
            job = self._find("job", name)
            if job["status"] in {"queued", "running"}:
                job = self._state.put("job", job | {"status": "cancelled", "finished_at": self._seconds()})
        return _without_events(job)

    def _work_on(self, name: str) -> None:
        """Have a thread at the job, unless some process has one."""
        with self._guard:
            worker = self._workers.get(name)
            if worker is None or not worker.is_alive():
                self._workers[name] = worker = threading.Thread(target=self._locked, args=(name,), name=f"train {name}", daemon=True)
                worker.start()

    def _locked(self, name: str) -> None:
        lock = self._folder / "locks" / name
        lock.parent.mkdir(parents=True, exist_ok=True)
        with lock.open("ab") as handle:
            if _taken(handle):
                return
            job = self._state.get("job", name)
            if job is not None and job["status"] in {"queued", "running"}:
                self._train(job)

    def _train(self, job: Json) -> None:
        """Run a job to its end. A worker thread is a door: nothing above it could answer a failure, so it catches broadly and writes it down."""
        name = job["id"]
        self._state.put("job", job | {"status": "running"})
        try:
            rows = self._rows(job["training_file"])
            validation = self._rows(job["validation_file"], least=0) if job["validation_file"] else []
            trained = responder.train(rows, validation, self._embedder, lambda text: self._event(name, text))
            model = f"ft:{BASE}:{job['suffix'] or 'kaeshi'}:{hashlib.sha256(name.encode()).hexdigest()[:8]}"
            manifest = responder.save(
                trained,
                self._model_folder(model),
                {"id": model, "job": name, "embedder": self._embedder.name, "answers": len(trained.answers)},
            )
            self._state.put(
                "model", {"id": model, "object": "model", "created": self._seconds(), "owned_by": "kaeshi", "manifest": manifest}
            )
            self._finish(
                name, {"status": "succeeded", "fine_tuned_model": model, "trained_tokens": sum(len(json.dumps(row)) for row in rows) // 4}
            )
        except KaeshiError as error:
            self._finish(
                name, {"status": "failed", "error": {"code": "invalid_training_file", "message": str(error), "param": "training_file"}}
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

    def _finish(self, name: str, result: Json) -> None:
        with self._guard:
            job = self._find("job", name)
            if job["status"] != "cancelled":
                self._state.put("job", job | result | {"finished_at": self._seconds()})

    def _event(self, name: str, text: str) -> None:
        with self._guard:
            job = self._find("job", name)
            events = job["events"]
            event = {
                "id": f"{name}-{len(events)}",
                "object": "fine_tuning.job.event",
                "created_at": self._seconds(),
                "level": "info",
                "message": text,
            }
            self._state.put("job", job | {"events": [*events[-200:], event]})

    def _rows(self, file: str, least: int = MIN_ROWS) -> list[Json]:
        rows = []
        for number, line in enumerate(self._file_path(self._find("file", file)["id"]).read_bytes().splitlines(), 1):
            if not line.strip():
                continue
            try:
                row = json.loads(line)
                good = all(isinstance(m["role"], str) for m in row["messages"])
            except (ValueError, TypeError, KeyError):
                good = False
            if not good:
                msg = f"line {number} is not a chat row with messages"
                raise InvalidInput(msg)
            rows.append(row)
        if len(rows) < least:
            msg = f"{len(rows)} rows, {least} needed"
            raise InvalidInput(msg)
        return rows

    # answers

    def _chat(self, wanted: _Chat) -> Json:
        if wanted.stream:
            msg = "stream is not served here; ask without it"
            raise InvalidInput(msg)
        if not all(isinstance(m.get("role"), str) for m in wanted.messages):
            msg = "every message has a role"
            raise InvalidInput(msg)
        model = self._model(wanted.model)
        choice = model.choose(responder.featurize([responder.context(wanted.messages)], self._embedder))[0]
        return {
            "id": self._ids.new("chatcmpl").replace("_", "-", 1),
            "object": "chat.completion",
            "created": self._seconds(),
            "model": wanted.model,
            "choices": [
                {
                    "index": 0,
                    "finish_reason": "stop",
                    "logprobs": None,
                    "message": {"role": "assistant", "content": choice.text, "refusal": None},
                }
            ],
            "usage": {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0},
            "kaeshi": {"confidence": choice.confidence, "hand_over": choice.hand_over},
        }

    def _model(self, name: str) -> responder.Responder:
        with self._guard:
            if name not in self._loaded:
                self._find("model", name)
                self._loaded[name] = responder.load(self._model_folder(name))
            return self._loaded[name]

    def _model_folder(self, name: str) -> Path:
        return self._folder / "models" / re.sub(r"[^A-Za-z0-9._-]", "_", name)

    # lists

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
        found = self._state.every(kind, wanted.get("after"), int(limit) + 1)
        data = [_without_events(item) for item in found[: int(limit)]]
        return {
            "object": "list",
            "data": data,
            "has_more": len(found) > int(limit),
            "first_id": data[0]["id"] if data else None,
            "last_id": data[-1]["id"] if data else None,
        }

    def _seconds(self) -> int:
        return int(self._clock.now().timestamp())


def _taken(handle: BinaryIO) -> bool:
    """Does somebody else hold the lock? It is let go when its holder ends, however it ends."""
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    return False


def _without_events(item: Json) -> Json:
    return {name: value for name, value in item.items() if name not in {"events", "manifest"}}


def _fault(message: str, kind: str) -> Json:
    return {"error": {"message": message, "type": kind, "param": None, "code": None}}
