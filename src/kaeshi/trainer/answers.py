"""Answers of models: chat completions and embeddings, whole or as server-sent events.

A responder picks its answer at once. A language model's answer comes token by token from the lora
engine's thread, which serves all conversations of a base together, or from vLLM.
"""

import base64
import hashlib
import json
import re
import shutil
import threading
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

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
from kaeshi.trainer.pending import (
    ChatRequest,
    Pending,
    base_of,
    chunk,
    completion,
    deltas,
    last_chunk,
    message,
    usage,
)
from kaeshi.trainer.state import TrainerState
from kaeshi.trainer.vllm import Handed, Vllm

if TYPE_CHECKING:
    from kaeshi.trainer.engines.lora.serving import Engine

RESPONDER = "kaeshi-responder"
COUNTED_AS = "gpt-4o-mini"
EMBEDDED_AS = "text-embedding-3-small"  # whose tokens clients send
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


class _Embeddings(BaseModel):
    model_config = ConfigDict(extra="ignore")
    model: str
    # texts, or their tokens in OpenAI's encoding of embeddings
    input: (
        Annotated[str, Field(min_length=1)]
        | Annotated[list[Annotated[str, Field(min_length=1)]], Field(min_length=1, max_length=2048)]
        | Annotated[list[int], Field(min_length=1)]
        | Annotated[
            list[Annotated[list[int], Field(min_length=1)]], Field(min_length=1, max_length=2048)
        ]
    )
    encoding_format: Literal["float", "base64"] | None = None
    dimensions: Annotated[int, Field(ge=1)] | None = None
    user: str | None = None


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
        wanted = ChatRequest.model_validate_json(body)
        if not all(isinstance(m.get("role"), str) for m in wanted.messages):
            msg = "every message needs a role"
            raise InvalidInput(msg)
        head = self._head_of(wanted)
        base = base_of(self._bases, wanted.model)
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

    def _head_of(self, wanted: ChatRequest) -> dict[str, object]:
        return {
            "id": self._ids.new("chatcmpl").replace("_", "-", 1),
            "created": int(self._clock.now().timestamp()),
            "model": wanted.model,
        }

    def embed(self, body: bytes) -> Json:
        """Embeddings by the one embedding model.

        Fewer dimensions are the first of each vector, normalised again, as OpenAI's are.
        """
        wanted = _Embeddings.model_validate_json(body)
        most = self._embedder.dimensions
        if wanted.model != self._embedder.name or (wanted.dimensions or most) > most:
            msg = (
                f"model {wanted.model!r} with {wanted.dimensions} dimensions: "
                f"{self._embedder.name!r} with at most {most} is served"
            )
            raise InvalidInput(msg)
        texts = self._texts_of(wanted.input)
        vectors = shortened(self._embedder.embed(texts), wanted.dimensions or most)
        as_text = wanted.encoding_format == "base64"
        count = self._tokens.count(texts, COUNTED_AS)
        return _embeddings_shown(wanted, vectors, as_text, count)

    def _texts_of(self, given: str | list[str] | list[int] | list[list[int]]) -> list[str]:
        if isinstance(given, str):
            return [given]
        texts = [item for item in given if isinstance(item, str)]
        if texts:
            return texts
        numbers = [item for item in given if isinstance(item, int)]
        lists = [item for item in given if isinstance(item, list)]
        return [
            self._tokens.text(tokens, EMBEDDED_AS) for tokens in ([numbers] if numbers else lists)
        ]

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

    def _picked(self, wanted: ChatRequest, head: Json) -> Json | bytes:
        model = self._responder_of(wanted)
        # one at a time uses all cores; several at once contend for locks and take five times as
        # long
        with self._thinking:
            choice = model.choose(
                responder.featurize([responder.context(wanted.messages)], self._features)
            )[0]
        asked = self.count([{"messages": wanted.messages}])
        text = _before(choice.text, wanted.stop)
        said = self._tokens.count([text], COUNTED_AS)
        _check_room(wanted, said)
        count = wanted.n or 1
        counts = usage(asked, said * count)
        if wanted.stream:
            pieces = [
                chunk(head, i, delta, over) for i in range(count) for delta, over in deltas(text)
            ]
            return b"".join(pieces) + last_chunk(head, wanted, counts)
        return completion(head, [(message(text), "stop")] * count, counts) | {
            "kaeshi": {"confidence": choice.confidence, "hand_over": choice.hand_over}
        }

    def _responder_of(self, wanted: ChatRequest) -> Responder:
        with self._guard:
            if wanted.model not in self._responders:
                self._responders[wanted.model] = responder.load(
                    model_folder(self._folder, wanted.model), self._features.name
                )
            return self._responders[wanted.model]

    def _generated(
        self, wanted: ChatRequest, head: Json, base: str, manifest: Json | None
    ) -> "Pending":
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
            from kaeshi.trainer.engines.lora.serving import Engine  # needs torch

            self._engines[base] = Engine(base, self._models_dir)
        return self._engines[base]


def _check_served(wanted: ChatRequest) -> None:
    unserved = next((name for name in UNSERVED if getattr(wanted, name)), None)
    if unserved is not None:
        msg = f"{unserved} is not served by {wanted.model!r}"
        raise InvalidInput(msg)


def _check_room(wanted: ChatRequest, said: int) -> None:
    most = wanted.max_completion_tokens or wanted.max_tokens or said
    if most < said:
        msg = (
            f"{wanted.model!r} chooses one of its answers, and this one has {said} tokens, "
            f"more than the {most} allowed"
        )
        raise InvalidInput(msg)


def _before(text: str, stop: str | list[str] | None) -> str:
    """The text up to the first of the stop sequences."""
    ends = [stop] if isinstance(stop, str) else stop or []
    places = [text.find(end) for end in ends if end]
    return text[: min((p for p in places if p >= 0), default=len(text))]


def _refuse_extras(wanted: ChatRequest) -> None:
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


def shortened(vectors: NDArray[np.float32], dimensions: int) -> NDArray[np.float32]:
    """The first dimensions of each row, of length 1 again."""
    if dimensions == vectors.shape[1]:
        return vectors
    cut = vectors[:, :dimensions]
    lengths = np.linalg.norm(cut, axis=1, keepdims=True)
    return np.ascontiguousarray(cut / np.maximum(lengths, np.finfo(np.float32).tiny))


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
    wanted: ChatRequest, engine: "Engine"
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


Reply = tuple[int, Json | bytes | Pending | Handed]


def model_folder(folder: Path, model: str) -> Path:
    """The folder of a model's files.

    Names that differ in a replaced character have folders that differ in their suffix.
    """
    plain = re.sub(r"[^A-Za-z0-9._-]", "_", model)
    return folder / "models" / f"{plain}-{hashlib.sha256(model.encode()).hexdigest()[:8]}"


def _schema(wanted: ChatRequest) -> Json | None:
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


def _offer(wanted: ChatRequest) -> tools.Offer | None:
    return tools.offered(
        wanted.tools, wanted.tool_choice, several=wanted.parallel_tool_calls is not False
    )
