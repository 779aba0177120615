"""Asks a model over OpenAI's chat wire, in this process or over HTTP."""

import json
import time
from collections.abc import Mapping
from typing import Any

from kaeshi.errors import ProviderError, ProviderUnknown
from kaeshi.nouns import EMBEDDED, Answer, Candidate
from kaeshi.ports import NO_TRAINER, Answerer

TIMEOUT_S = 60
OPENAI = "https://api.openai.com/v1"


class WireChat:
    """A ChatModel, at a provider over HTTP or at the embedded trainer in this process."""

    def __init__(
        self,
        *,
        answerer: Answerer | None,
        base_url: str | None,
        api_key: str | None,
        keys: Mapping[str, str] | None = None,
    ) -> None:
        """`answerer`: the embedded trainer; it answers whatever no other provider is named for.

        `base_url`: the main provider; None where that is the embedded trainer. `keys`: of other
        providers, by base URL; a key goes to its own provider only.
        """
        self._answerer = answerer
        self._base_url = base_url or (OPENAI if answerer is None else EMBEDDED)
        self._keys = {where.rstrip("/"): key for where, key in (keys or {}).items()}
        if api_key is not None:
            self._keys[self._base_url.rstrip("/")] = api_key

    async def answer(self, candidate: Candidate, body: bytes) -> Answer:
        """The candidate's answer to a chat completion request. Raises ProviderError."""
        began = time.perf_counter()
        where = (candidate.serving.base_url or self._base_url).rstrip("/")
        if where == EMBEDDED:
            status, raw = await self._local(body)
        else:
            status, raw = await self._remote(where, body)
        waited = (time.perf_counter() - began) * 1000
        return _answer(status, raw, candidate.model, waited)

    async def _local(self, body: bytes) -> tuple[int, bytes]:
        if self._answerer is None:
            raise ProviderError(NO_TRAINER)
        return await self._answerer.call("POST", "/chat/completions", body, "application/json")

    async def _remote(self, where: str, body: bytes) -> tuple[int, bytes]:
        import aiohttp  # where it is used: it takes a tenth of a second

        headers = {"content-type": "application/json"}
        if where in self._keys:
            headers["authorization"] = f"Bearer {self._keys[where]}"
        try:
            async with (
                aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=TIMEOUT_S)) as session,
                session.post(f"{where}/chat/completions", data=body, headers=headers) as response,
            ):
                return response.status, await response.read()
        except (aiohttp.ClientError, TimeoutError) as error:
            msg = (
                f"no answer from {where}: {type(error).__name__}; "
                "check OPENAI_BASE_URL, --base-url and the network"
            )
            raise ProviderUnknown(msg) from error


def _answer(status: int, raw: bytes, model: str, latency_ms: float) -> Answer:
    try:
        content = json.loads(raw)
        if status != 200:  # HTTP's OK
            msg = f"model {model!r}: {status}: {content['error']['message']}"
            raise ProviderError(msg)
        return _read_answer(content, model, latency_ms)
    except (ValueError, KeyError, IndexError, TypeError) as error:
        msg = f"model {model!r}: an answer that is not in OpenAI's chat format (status {status})"
        raise ProviderError(msg) from error


def _read_answer(content: Any, model: str, latency_ms: float) -> Answer:
    text = content["choices"][0]["message"]["content"] or ""
    ours = content.get("kaeshi") or {}
    return Answer(
        text=text,
        model=model,
        confidence=ours.get("confidence"),
        hand_over=bool(ours.get("hand_over")),
        latency_ms=latency_ms,
        response=content,
    )
