"""The wire: OpenAI's files, fine-tuning jobs, models and chat completions, answered from this process.

One object with one method, `call`; asgi.py puts it behind HTTP. Jobs run on a thread and outlive neither silence nor a crash:
whoever looks at a job whose trainer died takes it over, and a file lock says who is at it.
"""

import asyncio
import base64
import fcntl
import hashlib
import json
import re
import shutil
import threading
import traceback
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, BinaryIO, Literal
from urllib.parse import parse_qsl

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from kaeshi.errors import InvalidInput, KaeshiError, NotFound
from kaeshi.files import write_whole
from kaeshi.ports import Clock, Embedder, Ids, TokenCounter
from kaeshi.trainer.engines import responder
from kaeshi.trainer.multipart import parse_form
from kaeshi.trainer.state import TrainerState
from kaeshi.types import Json, text_of

BASE = "kaeshi-responder"
ALIASES = frozenset({"gpt-4o-mini"})
MAX_FILE = 512 * 1024 * 1024
MIN_ROWS = 10
DEFAULT_EPOCHS = 3
KEY = "kaeshi_key"  # a job that has it in its metadata is made once, however often it is asked for
COUNTED_AS = "gpt-4o-mini"
_METADATA = re.compile(r"metadata\[([^\]]{1,64})\]\Z")
_SUFFIX = re.compile(r"[A-Za-z0-9._-]{0,64}\Z")
Reply = tuple[int, Json | bytes]


class _Hyperparameters(BaseModel):
    model_config = ConfigDict(extra="allow", strict=True)
    n_epochs: Literal["auto"] | int | None = None


class _Supervised(BaseModel):
    hyperparameters: _Hyperparameters = _Hyperparameters()


class _Method(BaseModel):
    type: str = "supervised"
    supervised: _Supervised = _Supervised()


class _CreateJob(BaseModel):
    model: str
    training_file: str
    validation_file: str | None = None
    suffix: str | None = None
    hyperparameters: _Hyperparameters = _Hyperparameters()
    method: _Method = _Method()
    seed: Annotated[int, Field(ge=0, lt=2**31)] | None = None  # OpenAI's limits
    metadata: Annotated[dict[Annotated[str, Field(max_length=64)], Annotated[str, Field(max_length=512)]], Field(max_length=16)] | None = (
        None
    )
    integrations: list[Any] | None = None


class _Chat(BaseModel):
    model_config = ConfigDict(extra="ignore")
    model: str
    messages: list[dict[str, Any]] = Field(min_length=1, max_length=2000)
    stream: bool | None = None
    stream_options: dict[str, Any] | None = None
    n: Annotated[int, Field(ge=1, le=128)] | None = None
    tools: list[Any] | None = None
    functions: list[Any] | None = None
    response_format: dict[str, Any] | None = None
    logprobs: bool | None = None


class _Embeddings(BaseModel):
    model_config = ConfigDict(extra="ignore")
    model: str
    input: str | Annotated[list[str], Field(min_length=1, max_length=2048)]
    encoding_format: Literal["float", "base64"] | None = None
    dimensions: int | None = None


class TrainerServer:
    """Files in, models out, answers served. Everything lies under `folder`."""

    def __init__(self, folder: Path, embedder: Embedder, tokens: TokenCounter, clock: Clock, ids: Ids) -> None:
        self._folder, self._embedder, self._tokens, self._clock, self._ids = folder, embedder, tokens, clock, ids
        self._state = TrainerState(folder)
        self._loaded: dict[str, responder.Responder] = {}
        self._workers: dict[str, threading.Thread] = {}
        self._guard, self._device = threading.Lock(), threading.Lock()

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
        wanted = dict(parse_qsl(query, keep_blank_values=True))
        match method, parts:
            case "POST", ["files"]:
                return 200, self._upload(body, content_type)
            case "GET", ["files"]:
                self._drop_expired()
                return 200, self._list("file", wanted)
            case "GET", ["files", name]:
                return 200, self._find("file", name)
            case "GET", ["files", name, "content"]:
                return 200, self._file_path(self._find("file", name)["id"]).read_bytes()
            case "DELETE", ["files", name]:
                self._file_path(self._find("file", name)["id"]).unlink(missing_ok=True)
                return 200, {"id": name, "object": "file", "deleted": self._state.drop("file", name)}
            case _, ["fine_tuning", "jobs", *rest]:
                return self._route_job(method, rest, wanted, body)
            case "GET", ["models"]:
                tuned = self._state.every("model", limit=10_000)
                return 200, {"object": "list", "data": [_shown(model) for model in (*tuned, *self._given())]}
            case "GET", ["models", name]:
                return 200, next((model for model in self._given() if model["id"] == name), None) or _shown(self._find("model", name))
            case "DELETE", ["models", name]:
                return 200, self._drop_model(name)
            case "POST", ["embeddings"]:
                return 200, self._embed(_Embeddings.model_validate_json(body))
            case "POST", ["chat", "completions"]:
                return 200, self._chat(_Chat.model_validate_json(body))
            case _:
                return _unserved(method, plain)

    def _route_job(self, method: str, rest: list[str], wanted: dict[str, str], body: bytes) -> Reply:
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
        life = fields.get("expires_after[seconds]")
        if life is not None and (not life.isdigit() or len(life) > 8 or not 3600 <= int(life) <= 30 * 24 * 3600):  # OpenAI's limits
            msg = f"expires_after[seconds] {life!r} is not a whole number from 3600 to 2592000"
            raise InvalidInput(msg)
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
        return self._state.put("file", made | ({"expires_at": self._seconds() + int(life)} if life is not None else {}))

    def _drop_expired(self) -> None:
        """Files that asked to be deleted by now are."""
        for file in self._state.every("file", limit=10_000):
            if file.get("expires_at", self._seconds() + 1) <= self._seconds():
                self._file_path(file["id"]).unlink(missing_ok=True)
                self._state.drop("file", file["id"])

    def _file_path(self, identifier: str) -> Path:
        return self._folder / "files" / hashlib.sha256(identifier.encode()).hexdigest()[:32]

    # jobs

    def _create(self, wanted: _CreateJob) -> Json:
        if wanted.model != BASE and wanted.model not in ALIASES:
            msg = f"model {wanted.model!r} cannot be fine-tuned here; use {BASE!r} or its alias {sorted(ALIASES)[0]!r}"
            raise InvalidInput(msg)
        if wanted.method.type != "supervised" or wanted.integrations:
            msg = f"method {wanted.method.type!r} with {len(wanted.integrations or [])} integrations: only 'supervised' without any is served here"
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
            "hyperparameters": _hyperparameters(epochs),
            "method": {"type": "supervised", "supervised": {"hyperparameters": _hyperparameters(epochs)}},
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
        }
        key = (wanted.metadata or {}).get(KEY)
        job = self._state.put("job", job) if key is None else self._state.put_once("job", job, KEY, key)
        self._work_on(job["id"])
        return _shown(job)

    def _look(self, name: str) -> Json:
        job = self._find("job", name)
        if job["status"] in {"queued", "running"}:
            self._work_on(name)
        return _shown(job)

    def _set_aside(self, name: str, status: str, among: set[str]) -> Json:
        """Cancel, pause or queue again. What a worker is at meanwhile is thrown away when it comes."""
        with self._guard:
            job = self._find("job", name)
            if job["status"] not in among:
                if job["status"] == status:
                    return _shown(job)
                msg = f"job {name!r} is {job['status']!r} and cannot become {status!r}"
                raise InvalidInput(msg)
            finished = self._seconds() if status == "cancelled" else None
            events = self._with_event(job, f"Job {status}")
            return _shown(self._state.put("job", job | {"status": status, "finished_at": finished, "events": events}))

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
            with self._device:  # one job at a time; the others are queued
                job = self._begun(name)
                if job is not None:
                    self._train(job)

    def _begun(self, name: str) -> Json | None:
        """The job, now running; None if it was cancelled or paused before its turn."""
        with self._guard:
            job = self._find("job", name)
            return self._state.put("job", job | {"status": "running"}) if job["status"] in {"queued", "running"} else None

    def _train(self, job: Json) -> None:
        """Run a job to its end. A worker thread is a door: nothing above it could answer a failure, so it catches broadly and writes it down."""
        name = job["id"]
        try:
            rows = self._rows(job["training_file"])
            validation = self._rows(job["validation_file"], least=0) if job["validation_file"] else []
            trained = responder.train(rows, validation, self._embedder, lambda text: self._event(name, text))
            model = f"ft:{BASE}:{job['user_provided_suffix'] or 'kaeshi'}:{hashlib.sha256(name.encode()).hexdigest()[:8]}"
            manifest = responder.save(
                trained,
                self._model_folder(model),
                {"id": model, "job": name, "embedder": self._embedder.name, "answers": len(trained.answers)},
            )
            self._state.put(
                "model", {"id": model, "object": "model", "created": self._seconds(), "owned_by": "kaeshi", "manifest": manifest}
            )
            self._finish(
                name,
                {
                    "status": "succeeded",
                    "fine_tuned_model": model,
                    "trained_tokens": self._count(rows) * job["hyperparameters"]["n_epochs"],
                },
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
            if job["status"] not in {"cancelled", "paused"}:
                self._state.put("job", job | result | {"finished_at": self._seconds()})

    def _event(self, name: str, text: str) -> None:
        with self._guard:
            job = self._find("job", name)
            self._state.put("job", job | {"events": self._with_event(job, text)})

    def _with_event(self, job: Json, text: str) -> list[Json]:
        events = job["events"]
        number = int(events[-1]["id"].rpartition("-")[2]) + 1 if events else 0
        event = {
            "id": f"ftevent-{job['id']}-{number}",
            "object": "fine_tuning.job.event",
            "created_at": self._seconds(),
            "level": "info",
            "message": text,
            "type": "message",
            "data": {},
        }
        return [*events[-200:], event]

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

    def _chat(self, wanted: _Chat) -> Json | bytes:
        unserved = next((name for name in ("tools", "functions", "response_format", "logprobs") if getattr(wanted, name)), None)
        if unserved is not None and not (unserved == "response_format" and (wanted.response_format or {}).get("type") == "text"):
            msg = f"{unserved} is not served by {wanted.model!r}: it chooses one of its answers"
            raise InvalidInput(msg)
        if not all(isinstance(m.get("role"), str) for m in wanted.messages):
            msg = "every message has a role"
            raise InvalidInput(msg)
        model = self._model(wanted.model)
        choice = model.choose(responder.featurize([responder.context(wanted.messages)], self._embedder))[0]
        asked, said = self._count([{"messages": wanted.messages}]), self._tokens.count([choice.text], COUNTED_AS)
        count = wanted.n or 1
        usage = {"prompt_tokens": asked, "completion_tokens": said * count, "total_tokens": asked + said * count}
        head = {"id": self._ids.new("chatcmpl").replace("_", "-", 1), "created": self._seconds(), "model": wanted.model}
        if wanted.stream:
            return _events(head, choice.text, count, usage if (wanted.stream_options or {}).get("include_usage") else None)
        message = {"role": "assistant", "content": choice.text, "refusal": None}
        return {
            **head,
            "object": "chat.completion",
            "choices": [{"index": i, "finish_reason": "stop", "logprobs": None, "message": message} for i in range(count)],
            "usage": usage,
            "kaeshi": {"confidence": choice.confidence, "hand_over": choice.hand_over},
        }

    def _embed(self, wanted: _Embeddings) -> Json:
        if wanted.model != self._embedder.name or wanted.dimensions not in {None, self._embedder.dimensions}:
            msg = f"model {wanted.model!r} with {wanted.dimensions} dimensions: {self._embedder.name!r} with {self._embedder.dimensions} is served"
            raise InvalidInput(msg)
        texts = [wanted.input] if isinstance(wanted.input, str) else wanted.input
        vectors = self._embedder.embed(texts)
        as_text = wanted.encoding_format == "base64"
        count = self._tokens.count(texts, COUNTED_AS)
        return {
            "object": "list",
            "model": wanted.model,
            "data": [
                {"object": "embedding", "index": i, "embedding": base64.b64encode(v.tobytes()).decode() if as_text else v.tolist()}
                for i, v in enumerate(vectors)
            ],
            "usage": {"prompt_tokens": count, "total_tokens": count},
        }

    def _count(self, rows: Sequence[Json]) -> int:
        """Tokens of the rows' messages, as they would be counted at OpenAI."""
        return self._tokens.count([text for row in rows for message in row["messages"] if (text := text_of(message))], COUNTED_AS)

    def _model(self, name: str) -> responder.Responder:
        with self._guard:
            if name in ALIASES or name == BASE:
                msg = f"model {name!r} is a base: it answers after fine-tuning, under the name its job tells"
                raise InvalidInput(msg)
            if name not in self._loaded:
                self._find("model", name)
                self._loaded[name] = responder.load(self._model_folder(name))
            return self._loaded[name]

    def _given(self) -> list[Json]:
        """What is here without training: the base, its aliases, and the embedder."""
        return [
            {"id": name, "object": "model", "created": 0, "owned_by": "kaeshi"} for name in (BASE, *sorted(ALIASES), self._embedder.name)
        ]

    def _drop_model(self, name: str) -> Json:
        with self._guard:
            self._find("model", name)
            self._loaded.pop(name, None)
            deleted = self._state.drop("model", name)
            shutil.rmtree(self._model_folder(name), ignore_errors=True)
        return {"id": name, "object": "model", "deleted": deleted}

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
        metadata = {match[1]: value for name, value in wanted.items() if (match := _METADATA.match(name))}
        found = self._state.every(kind, wanted.get("after"), int(limit) + 1, metadata=metadata, oldest_first=wanted.get("order") == "asc")
        data = [_shown(item) for item in found[: int(limit)]]
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


def _unserved(method: str, path: str) -> Reply:
    return 404, _fault(f"{method} /v1/{path.strip('/')} is not served here", "invalid_request_error")


def _shown(item: Json) -> Json:
    """An object without what is ours alone. OpenAI's document knows no word for a paused job: it is queued, and its events say more."""
    shown = {name: value for name, value in item.items() if name not in {"events", "checkpoints", "manifest"}}
    return shown | {"status": "queued"} if shown.get("status") == "paused" else shown


def _hyperparameters(epochs: int) -> Json:
    return {"n_epochs": epochs, "batch_size": "auto", "learning_rate_multiplier": "auto"}


def _page(items: Sequence[Json], wanted: Mapping[str, str], usual: int) -> Json:
    """A page of a list that lies in memory, beyond `after`."""
    limit = wanted.get("limit", str(usual))
    if not limit.isdigit() or len(limit) > 4 or not int(limit):
        msg = f"limit {limit!r} is not a whole number from 1 to 9999"
        raise InvalidInput(msg)
    first = next((i + 1 for i, item in enumerate(items) if item["id"] == wanted.get("after")), 0)
    data = list(items[first : first + int(limit)])
    ends = {"first_id": data[0]["id"] if data else None, "last_id": data[-1]["id"] if data else None}
    return {"object": "list", "data": data, "has_more": len(items) > first + int(limit), **ends}


def _events(head: Json, text: str, count: int, usage: Json | None) -> bytes:
    """A chat completion as server-sent events. The answer is chosen whole, so it comes in one piece."""
    chunk = {**head, "object": "chat.completion.chunk"}
    deltas = [({"role": "assistant", "content": ""}, None), ({"content": text}, None), ({}, "stop")]
    chunks = [
        {**chunk, "choices": [{"index": i, "delta": delta, "logprobs": None, "finish_reason": reason}]}
        for i in range(count)
        for delta, reason in deltas
    ]
    if usage is not None:
        chunks.append({**chunk, "choices": [], "usage": usage})
    return b"".join(b"data: " + json.dumps(c).encode() + b"\n\n" for c in chunks) + b"data: [DONE]\n\n"


def _fault(message: str, kind: str) -> Json:
    return {"error": {"message": message, "type": kind, "param": None, "code": None}}
