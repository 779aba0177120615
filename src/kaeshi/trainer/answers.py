"""Answers of models: chat completions and embeddings, whole or as server-sent events.

A responder picks its answer at once. A language model's answer comes token by token from the lora
engine's thread, which serves all conversations of a base together, or from vLLM.
"""

import asyncio
import base64
import hashlib
import json
import re
import shutil
import threading
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from kaeshi.errors import InvalidInput, NotFound
from kaeshi.nouns import Json, text_of
from kaeshi.ports import Clock, Embedder, Ids, TokenCounter
from kaeshi.trainer import manifests
from kaeshi.trainer.engines import responder
from kaeshi.trainer.engines.lora import tools
from kaeshi.trainer.engines.responder import Responder
from kaeshi.trainer.state import TrainerState
from kaeshi.trainer.vllm import Handed, Vllm

if TYPE_CHECKING:
    from kaeshi.trainer.engines.lora.serving import Engine, Wanted

RESPONDER = "kaeshi-responder"
COUNTED_AS = "gpt-4o-mini"
UNSERVED = (
    "functions",
    "logprobs",
    "top_logprobs",
    "logit_bias",
    "audio",
    "frequency_penalty",
    "presence_penalty",
    "prediction",
    "web_search_options",
)
DONE = b"data: [DONE]\n\n"


class _Chat(BaseModel):
    model_config = ConfigDict(extra="ignore")
    model: str
    messages: list[dict[str, Any]] = Field(min_length=1, max_length=2000)
    stream: bool | None = None
    stream_options: dict[str, Any] | None = None
    n: Annotated[int, Field(ge=1, le=128)] | None = None
    max_completion_tokens: Annotated[int, Field(ge=1)] | None = None
    max_tokens: Annotated[int, Field(ge=1)] | None = None
    temperature: Annotated[float, Field(ge=0, le=2)] | None = None
    top_p: Annotated[float, Field(gt=0, le=1)] | None = None
    seed: int | None = None
    stop: str | Annotated[list[str], Field(max_length=4)] | None = None
    response_format: dict[str, Any] | None = None
    tools: list[Any] | None = None
    tool_choice: str | dict[str, Any] | None = None
    parallel_tool_calls: bool | None = None
    functions: list[Any] | None = None
    logprobs: bool | None = None
    top_logprobs: int | None = None
    logit_bias: dict[str, Any] | None = None
    audio: dict[str, Any] | None = None
    frequency_penalty: float | None = None
    presence_penalty: float | None = None
    prediction: dict[str, Any] | None = None
    web_search_options: dict[str, Any] | None = None


class _Embeddings(BaseModel):
    model_config = ConfigDict(extra="ignore")
    model: str
    input: str | Annotated[list[str], Field(min_length=1, max_length=2048)]
    encoding_format: Literal["float", "base64"] | None = None
    dimensions: int | None = None


class Answers:
    """The models in a trainer's folder, each loaded when it is first asked."""

    def __init__(
        self,
        folder: Path,
        state: TrainerState,
        embedder: Embedder,
        features: Embedder,
        tokens: TokenCounter,
        clock: Clock,
        ids: Ids,
        bases: Mapping[str, str],
        models_dir: Path,
        vllm: Vllm | None,
    ) -> None:
        self._folder = folder
        self._state = state
        self._embedder = embedder
        self._features = features
        self._tokens = tokens
        self._clock = clock
        self._ids = ids
        self._bases = bases
        self._models_dir = models_dir
        self._vllm = vllm
        self._responders: dict[str, responder.Responder] = {}
        self._engines: dict[str, Engine] = {}
        self._guard = threading.Lock()
        self._thinking = threading.Lock()

    def chat(self, body: bytes) -> "Json | bytes | Pending | Handed":
        """Answer a chat completion.

        Raises NotFound for an unknown model, InvalidInput for an unsupported request.
        """
        wanted = _Chat.model_validate_json(body)
        if not all(isinstance(m.get("role"), str) for m in wanted.messages):
            msg = "every message needs a role"
            raise InvalidInput(msg)
        head = self._head_of(wanted)
        base = self._bases.get(wanted.model, wanted.model)
        manifest = None if base in self._bases.values() else self._manifest(wanted.model)
        if manifest is None and base == RESPONDER:
            msg = (
                f"model {wanted.model!r} is a base: it answers after fine-tuning, under the "
                "name in its job"
            )
            raise InvalidInput(msg)
        generated = manifest is None or manifest["engine"] == "lora"
        if generated and self._vllm is not None:
            return self._handed(
                self._vllm, json.loads(body), base if manifest is None else wanted.model, manifest
            )
        _check_served(wanted)
        if generated:
            return self._generated(
                wanted, head, base if manifest is None else manifest["base"], manifest
            )
        _refuse_extras(wanted)
        return self._picked(wanted, head)

    def _head_of(self, wanted: _Chat) -> dict[str, object]:
        return {
            "id": self._ids.new("chatcmpl").replace("_", "-", 1),
            "created": int(self._clock.now().timestamp()),
            "model": wanted.model,
        }

    def embed(self, body: bytes) -> Json:
        """Embeddings by the one embedding model."""
        wanted = _Embeddings.model_validate_json(body)
        if wanted.model != self._embedder.name or wanted.dimensions not in {
            None,
            self._embedder.dimensions,
        }:
            msg = (
                f"model {wanted.model!r} with {wanted.dimensions} dimensions: "
                f"{self._embedder.name!r} with {self._embedder.dimensions} is served"
            )
            raise InvalidInput(msg)
        texts = [wanted.input] if isinstance(wanted.input, str) else wanted.input
        vectors = self._embedder.embed(texts)
        as_text = wanted.encoding_format == "base64"
        count = self._tokens.count(texts, COUNTED_AS)
        return _embeddings_shown(wanted, vectors, as_text, count)

    def count(self, rows: Sequence[Json]) -> int:
        """Tokens of the rows' messages, as OpenAI counts them."""
        return self._tokens.count(
            [text for row in rows for message in row["messages"] if (text := text_of(message))],
            COUNTED_AS,
        )

    def drop(self, model: str) -> bool:
        """Delete a model, in memory and on disk."""
        with self._guard:
            self._responders.pop(model, None)
            for engine in self._engines.values():
                engine.drop(model)
            if self._vllm is not None:
                self._vllm.drop(model)
            deleted = self._state.drop("model", model)
            shutil.rmtree(model_folder(self._folder, model), ignore_errors=True)
        return deleted

    def _manifest(self, model: str) -> Json:
        found = self._state.get("model", model)
        if found is None:
            msg = f"model {model!r} is not known here"
            raise NotFound(msg)
        return dict(found["manifest"])

    def _picked(self, wanted: _Chat, head: Json) -> Json | bytes:
        model = self._responder_of(wanted)
        # one at a time uses all cores; several at once contend for locks and take five times as
        # long
        with self._thinking:
            choice = model.choose(
                responder.featurize([responder.context(wanted.messages)], self._features)
            )[0]
        asked = self.count([{"messages": wanted.messages}])
        said = self._tokens.count([choice.text], COUNTED_AS)
        count = wanted.n or 1
        usage = _usage(asked, said * count)
        if wanted.stream:
            pieces = [
                _chunk(head, i, delta, over)
                for i in range(count)
                for delta, over in _deltas(choice.text)
            ]
            return b"".join(pieces) + _last(head, wanted, usage)
        return _completion(head, [(_message(choice.text), "stop")] * count, usage) | {
            "kaeshi": {"confidence": choice.confidence, "hand_over": choice.hand_over}
        }

    def _responder_of(self, wanted: _Chat) -> Responder:
        with self._guard:
            if wanted.model not in self._responders:
                self._responders[wanted.model] = responder.load(
                    model_folder(self._folder, wanted.model), self._features.name
                )
            return self._responders[wanted.model]

    def _generated(self, wanted: _Chat, head: Json, base: str, manifest: Json | None) -> "Pending":
        adapter = wanted.model if manifest is not None else None
        engine = self._engine_with(base, adapter)
        offer, grammar, reader = _grammar_of(wanted, engine)
        prompt = engine.prompt(wanted.messages, offer)
        room = engine.longest - len(prompt)
        most = min(wanted.max_completion_tokens or wanted.max_tokens or room, room)
        return Pending(
            wanted=wanted,
            head=head,
            engine=engine,
            prompt=prompt,
            adapter=adapter,
            most=most,
            grammar=grammar,
            reader=reader,
        )

    def _engine_with(self, base: str, adapter: str | None) -> "Engine":
        with self._guard:
            engine = self._engine(base)
            if adapter is not None and not engine.has(adapter):
                folder = model_folder(self._folder, adapter)
                manifests.checked(folder)
                engine.add(adapter, folder)
        return engine

    def _handed(self, vllm: Vllm, body: Json, model: str, manifest: Json | None) -> Handed:
        folder = None if manifest is None else model_folder(self._folder, model)
        if folder is not None:
            manifests.checked(folder)
            vllm.tell(model, folder)
        return Handed(
            vllm=vllm,
            body={**body, "model": model},
            adapter=None if folder is None else model,
            folder=folder,
        )

    def _engine(self, base: str) -> "Engine":
        if base not in self._engines:
            from kaeshi.trainer.engines.lora.serving import Engine

            self._engines[base] = Engine(base, self._models_dir)
        return self._engines[base]


def _check_served(wanted: _Chat) -> None:
    unserved = next((name for name in UNSERVED if getattr(wanted, name)), None)
    if unserved is not None:
        msg = f"{unserved} is not served by {wanted.model!r}"
        raise InvalidInput(msg)


def _refuse_extras(wanted: _Chat) -> None:
    refused = (
        "response_format"
        if _schema(wanted) is not None
        else "tools"
        if _offer(wanted) is not None
        else None
    )
    if refused is not None:
        msg = f"{refused} is not served by {wanted.model!r}: it chooses one of its answers"
        raise InvalidInput(msg)


def _embeddings_shown(
    wanted: _Embeddings, vectors: NDArray[np.float32], as_text: bool, count: int
) -> dict[str, Collection[Collection[str]]]:
    return {
        "object": "list",
        "model": wanted.model,
        "data": [
            {
                "object": "embedding",
                "index": i,
                "embedding": base64.b64encode(v.tobytes()).decode() if as_text else v.tolist(),
            }
            for i, v in enumerate(vectors)
        ],
        "usage": {"prompt_tokens": count, "total_tokens": count},
    }


def _grammar_of(
    wanted: _Chat, engine: "Engine"
) -> tuple[tools.Offer | None, str | None, Callable[[], tools.Reader | tools.Plain]]:
    schema = _schema(wanted)
    offer = _offer(wanted)
    if schema is not None and offer is not None:
        msg = (
            "response_format and tools are not served together; send one of them, or tool_choice "
            "'none'"
        )
        raise InvalidInput(msg)
    grammar = None if schema is None else engine.grammar(schema)
    reader: Callable[[], tools.Reader | tools.Plain] = tools.Plain
    if offer is not None:
        form = engine.form()
        grammar = engine.calling(form, offer)
        reader = partial(tools.Reader, form, offer)
    return offer, grammar, reader


@dataclass(frozen=True, kw_only=True)
class Pending:
    """An answer that a language model has yet to give."""

    wanted: _Chat
    head: Json
    engine: "Engine"
    prompt: Sequence[int]
    adapter: str | None
    most: int
    grammar: str | None
    reader: Callable[[], tools.Reader | tools.Plain]

    @property
    def streamed(self) -> bool:
        """Whether the client asked for a stream."""
        return bool(self.wanted.stream)

    async def whole(self) -> tuple[int, bytes]:
        """Status and body when it is complete; all events at once for a stream."""
        if self.streamed:
            return 200, b"".join([piece async for piece in self.pieces()])
        said: list[list[str]] = [[] for _ in range(self.wanted.n or 1)]
        called: list[list[Json]] = [[] for _ in said]
        ends = [""] * len(said)
        count = 0
        async for number, part, over, tokens in self._told():
            if isinstance(part, tools.Call):
                called[number].append(self._shown(number, len(called[number]), part))
            else:
                said[number].append(part)
            if over is not None:
                ends[number] = over
                count = count + tokens
        if "error" in ends:
            return 500, json.dumps(fault(said[ends.index("error")][-1], "server_error")).encode()
        return self._whole_reply(said, called, ends, count)

    def _whole_reply(
        self, said: list[list[str]], called: list[list[Json]], ends: list[str], count: int
    ) -> tuple[int, bytes]:
        choices = [
            (_message("".join(parts), calls), end)
            for parts, calls, end in zip(said, called, ends, strict=True)
        ]
        return 200, json.dumps(
            _completion(self.head, choices, _usage(len(self.prompt), count))
        ).encode()

    async def pieces(self) -> AsyncGenerator[bytes, None]:
        """Server-sent events, each as soon as there is something to send.

        A tool call is sent whole: half of its arguments is of no use.
        """
        count = 0
        calls = [0] * (self.wanted.n or 1)
        for number in range(len(calls)):
            yield _chunk(self.head, number, {"role": "assistant", "content": ""}, None)
        async for number, part, over, tokens in self._told():
            if over == "error":
                yield b"data: " + json.dumps(fault(str(part), "server_error")).encode() + b"\n\n"
                return
            if isinstance(part, tools.Call):
                call = {"index": calls[number], **self._shown(number, calls[number], part)}
                calls[number] += 1
                yield _chunk(self.head, number, {"tool_calls": [call]}, None)
            elif part:
                yield _chunk(self.head, number, {"content": part}, None)
            if over is not None:
                count += tokens
                yield _chunk(self.head, number, {}, over)
        yield _last(self.head, self.wanted, _usage(len(self.prompt), count))

    async def _told(self) -> AsyncIterator[tuple[int, str | tools.Call, str | None, int]]:
        """(which of the n, text or call, finish reason or None, tokens so far), as generated.

        When the caller stops reading, the engine stops.
        """
        heard: asyncio.Queue[tuple[int, str, str | None, int]] = asyncio.Queue()
        here = asyncio.get_running_loop()
        asked = [self._ask(number, here, heard) for number in range(self.wanted.n or 1)]
        readers = [self.reader() for _ in asked]
        left = len(asked)
        try:
            while left:
                number, piece, over, tokens = await heard.get()
                left -= over is not None
                if over == "error":
                    yield number, piece, over, tokens
                    continue
                for part in readers[number].take(piece, over=over is not None):
                    yield number, part, None, tokens
                if over is not None:
                    yield (
                        number,
                        "",
                        "tool_calls" if over == "stop" and readers[number].called else over,
                        tokens,
                    )
        finally:
            for each in asked:
                each.cancelled = True

    def _shown(self, number: int, place: int, call: tools.Call) -> Json:
        """A tool call in OpenAI's format; its id is made of the answer's id and its place."""
        name = f"call_{self.head['id'].partition('-')[2]}_{number}_{place}"
        return {
            "id": name,
            "type": "function",
            "function": {"name": call.name, "arguments": call.arguments},
        }

    def _ask(
        self,
        number: int,
        here: asyncio.AbstractEventLoop,
        heard: "asyncio.Queue[tuple[int, str, str | None, int]]",
    ) -> "Wanted":
        from kaeshi.trainer.engines.lora.serving import Wanted

        def told(piece: str, over: str | None) -> None:
            here.call_soon_threadsafe(heard.put_nowait, (number, piece, over, one.count))

        stop = self.wanted.stop
        seed = self.wanted.seed
        one = Wanted(
            ids=self.prompt,
            adapter=self.adapter,
            most=self.most,
            told=told,
            temperature=1.0 if self.wanted.temperature is None else self.wanted.temperature,
            top_p=self.wanted.top_p or 1.0,
            seed=None if seed is None else (seed + number) % 2**63,
            grammar=self.grammar,
            stop=(stop,) if isinstance(stop, str) else tuple(stop or ()),
        )
        self.engine.ask(one)
        return one


Reply = tuple[int, Json | bytes | Pending | Handed]


def model_folder(folder: Path, model: str) -> Path:
    """The folder of a model's files.

    Names that differ in a replaced character have folders that differ in their suffix.
    """
    plain = re.sub(r"[^A-Za-z0-9._-]", "_", model)
    return folder / "models" / f"{plain}-{hashlib.sha256(model.encode()).hexdigest()[:8]}"


def fault(message: str, kind: str = "invalid_request_error") -> Json:
    """An error in OpenAI's format."""
    return {"error": {"message": message, "type": kind, "param": None, "code": None}}


def _schema(wanted: _Chat) -> Json | None:
    """The JSON schema that the answer must have, None for free text.

    Raises InvalidInput for an unknown format.
    """
    form = wanted.response_format or {"type": "text"}
    match form:
        case {"type": "text"}:
            return None
        case {"type": "json_object"}:
            return {"type": "object"}
        case {"type": "json_schema", "json_schema": {"schema": dict(schema)}}:
            return schema
    msg = (
        f"response_format {form.get('type')!r}: text, json_object and json_schema (with its "
        "schema) are served"
    )
    raise InvalidInput(msg)


def _offer(wanted: _Chat) -> tools.Offer | None:
    return tools.offered(
        wanted.tools, wanted.tool_choice, several=wanted.parallel_tool_calls is not False
    )


def _usage(asked: int, said: int) -> Json:
    return {"prompt_tokens": asked, "completion_tokens": said, "total_tokens": asked + said}


def _message(text: str, calls: Sequence[Json] = ()) -> Json:
    told: Json = {
        "role": "assistant",
        "content": None if calls and not text else text,
        "refusal": None,
    }
    return told | ({"tool_calls": list(calls)} if calls else {})


def _completion(head: Json, said: Sequence[tuple[Json, str]], usage: Json) -> Json:
    return {
        **head,
        "object": "chat.completion",
        "choices": [
            {"index": i, "finish_reason": over, "logprobs": None, "message": message}
            for i, (message, over) in enumerate(said)
        ],
        "usage": usage,
    }


def _deltas(text: str) -> tuple[tuple[Json, str | None], ...]:
    """An answer that is known whole, as one delta."""
    return ({"role": "assistant", "content": ""}, None), ({"content": text}, None), ({}, "stop")


def _chunk(head: Json, number: int, delta: Json, over: str | None) -> bytes:
    choice = {"index": number, "delta": delta, "logprobs": None, "finish_reason": over}
    return (
        b"data: "
        + json.dumps({**head, "object": "chat.completion.chunk", "choices": [choice]}).encode()
        + b"\n\n"
    )


def _last(head: Json, wanted: _Chat, usage: Json) -> bytes:
    if not (wanted.stream_options or {}).get("include_usage"):
        return DONE
    return (
        b"data: "
        + json.dumps(
            {**head, "object": "chat.completion.chunk", "choices": [], "usage": usage}
        ).encode()
        + b"\n\n"
        + DONE
    )
