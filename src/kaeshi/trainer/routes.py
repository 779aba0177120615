"""The trainer's routes: OpenAI's files, fine-tuning jobs, models, chat and embeddings.

One object with `call` and `stream`; asgi.py serves it over HTTP.
"""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import aclosing
from pathlib import Path
from urllib.parse import parse_qsl

from pydantic import ValidationError

from kaeshi.errors import InvalidInput, KaeshiError, NotFound, ProviderError
from kaeshi.nouns import Json
from kaeshi.ports import Clock, Embedder, Ids, TokenCounter
from kaeshi.trainer.answers import RESPONDER, Answers, Reply
from kaeshi.trainer.engines.lora.cluster import Cluster
from kaeshi.trainer.files import Files
from kaeshi.trainer.folder import Folder
from kaeshi.trainer.jobs import CreateJob, Jobs, shown
from kaeshi.trainer.pending import Pending, fault
from kaeshi.trainer.state import TrainerState
from kaeshi.trainer.training import Training
from kaeshi.trainer.vllm import Handed, Vllm
from kaeshi.trainer.webhooks import Webhooks

BASES: Mapping[str, str] = {"gpt-4o-mini": RESPONDER}
_METADATA = re.compile(r"metadata\[([^\]]{1,64})\]\Z")


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
        state = TrainerState(folder)
        self._embedder = embedder
        self._bases = bases
        self._folder = Folder(folder, state, clock, ids, disk)
        self._files = Files(self._folder)
        features = features or embedder
        self._answers = Answers(
            folder, state, embedder, features, tokens, clock, ids, bases, models_dir, vllm
        )
        training = Training(
            self._folder, self._files, features, self._answers.count, models_dir, cluster
        )
        self._jobs = Jobs(
            self._folder,
            bases,
            training.run,
            webhooks=webhooks,
            elsewhere=cluster is not None,
        )

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
        """Wait until running jobs have ended."""
        self._jobs.wait()

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
                return 200, self._files.upload(body, content_type)
            case _, ["files", *rest]:
                return self._route_file(method, rest, wanted)
            case _, ["fine_tuning", "jobs", *rest]:
                return self._route_job(method, rest, wanted, body)
            case "GET", ["models"]:
                return self._models()
            case "GET", ["models", *name]:  # hub names hold a slash
                return 200, self._model_shown(name)
            case "DELETE", ["models", name]:
                self._folder.find("model", name)
                return 200, {"id": name, "object": "model", "deleted": self._answers.drop(name)}
            case "POST", ["embeddings"]:
                return 200, self._answers.embed(body)
            case "POST", ["chat", "completions"]:
                return 200, self._answers.chat(body)
            case _:
                return _unserved(method, plain)

    def _route_file(self, method: str, rest: list[str], wanted: dict[str, str]) -> Reply:
        match method, rest:
            case "GET", []:
                self._files.drop_expired()
                return 200, self._list("file", wanted)
            case "GET", [name]:
                return 200, self._folder.find("file", name)
            case "GET", [name, "content"]:
                return 200, self._files.content(name)
            case "DELETE", [name]:
                return 200, self._files.delete(name)
            case _:
                return _unserved(method, "/".join(["files", *rest]))

    def _route_job(
        self, method: str, rest: list[str], wanted: dict[str, str], body: bytes
    ) -> Reply:
        match method, rest:
            case "POST", []:
                return 200, self._jobs.create(CreateJob.model_validate_json(body))
            case "GET", []:
                return 200, self._list("job", wanted)
            case "GET", [name]:
                return 200, self._jobs.look(name)
            case "POST", [name, "cancel"]:
                return 200, self._jobs.set_aside(name, "cancelled", {"queued", "running", "paused"})
            case "POST", [name, "pause"]:
                return 200, self._jobs.set_aside(name, "paused", {"queued", "running"})
            case "POST", [name, "resume"]:
                self._jobs.set_aside(name, "queued", {"paused"})
                return 200, self._jobs.look(name)
            case "GET", [name, "events"]:
                return 200, self._latest(name, "events", wanted, 20)
            case "GET", [name, "checkpoints"]:
                return 200, self._latest(name, "checkpoints", wanted, 10)
            case _:
                return _unserved(method, "/".join(["fine_tuning", "jobs", *rest]))

    def _latest(self, name: str, kind: str, wanted: dict[str, str], usual: int) -> Json:
        return _page(self._folder.find("job", name).get(kind, [])[::-1], wanted, usual)

    def _models(self) -> Reply:
        tuned = self._folder.state.every("model", limit=10_000)
        return 200, {
            "object": "list",
            "data": [shown(model) for model in (*tuned, *self._given())],
        }

    def _model_shown(self, name: list[str]) -> Json:
        return next((m for m in self._given() if m["id"] == "/".join(name)), None) or shown(
            self._folder.find("model", "/".join(name))
        )

    def _given(self) -> list[Json]:
        """Models that exist without training.

        The bases, their aliases, and the embedder.
        """
        names = dict.fromkeys((*self._bases.values(), *sorted(self._bases), self._embedder.name))
        return [
            {"id": name, "object": "model", "created": 0, "owned_by": "kaeshi"} for name in names
        ]

    def _list(self, kind: str, wanted: dict[str, str]) -> Json:
        limit = wanted.get("limit", "100")
        if not limit.isdigit() or len(limit) > 5 or not 1 <= int(limit) <= 10_000:  # OpenAI's limit
            msg = f"limit {limit!r} is not a whole number from 1 to 10000"
            raise InvalidInput(msg)
        found = self._page_of(wanted, kind, limit)
        data = [shown(item) for item in found[: int(limit)]]
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
        return self._folder.state.every(
            kind,
            wanted.get("after"),
            int(limit) + 1,
            metadata=metadata,
            oldest_first=wanted.get("order") == "asc",
        )


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


def _unserved(method: str, path: str) -> Reply:
    return 404, fault(f"{method} /v1/{path.strip('/')} is not served here")


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
