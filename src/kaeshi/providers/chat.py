"""Asking a model for an answer over OpenAI's chat wire, in this process or over HTTP."""

import json
import time
from collections.abc import Sequence

import aiohttp

from kaeshi.errors import ProviderError, ProviderUnknown
from kaeshi.ports import Answerer
from kaeshi.types import Answer, Json

TIMEOUT_S = 60


class WireChat:
    """A ChatModel. Models of the embedded trainer are answered in-process, every other over HTTP."""

    def __init__(
        self, *, answerer: Answerer | None, base_url: str | None, api_key: str | None
    ) -> None:
        self._answerer, self._base_url, self._api_key = (
            answerer,
            base_url or "https://api.openai.com/v1",
            api_key,
        )

    async def answer(self, messages: Sequence[Json], model: str) -> Answer:
        """The model's answer with its latency. Raises ProviderError."""
        body = json.dumps({"model": model, "messages": list(messages)}).encode()
        began = time.perf_counter()
        status, raw = await (
            self._local(body) if self._answerer is not None else self._remote(body)
        )
        waited = (time.perf_counter() - began) * 1000
        return _answer(status, raw, model, waited)

    async def _local(self, body: bytes) -> tuple[int, bytes]:
        assert self._answerer is not None  # the caller looked
        return await self._answerer.call("POST", "/chat/completions", body, "application/json")

    async def _remote(self, body: bytes) -> tuple[int, bytes]:
        headers = {"content-type": "application/json"} | (
            {"authorization": f"Bearer {self._api_key}"} if self._api_key else {}
        )
        try:
            async with (
                aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=TIMEOUT_S)) as session,
                session.post(
                    f"{self._base_url.rstrip('/')}/chat/completions", data=body, headers=headers
                ) as response,
            ):
                return response.status, await response.read()
        except (aiohttp.ClientError, TimeoutError) as error:
            msg = f"no answer from {self._base_url}: {type(error).__name__}; check OPENAI_BASE_URL and the network"
            raise ProviderUnknown(msg) from error


def _answer(status: int, raw: bytes, model: str, latency_ms: float) -> Answer:
    try:
        content = json.loads(raw)
        if status != 200:  # HTTP's OK
            msg = f"model {model!r}: {status}: {content['error']['message']}"
            raise ProviderError(msg)
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
    except (ValueError, KeyError, IndexError, TypeError) as error:
        msg = f"model {model!r}: an answer that is not OpenAI's chat format (status {status})"
        raise ProviderError(msg) from error
