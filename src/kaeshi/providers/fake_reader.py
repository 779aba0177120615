"""A fake model that does exactly what it reads, for tests, demos and benchmarks.

It knows nothing by itself. What it answers is in the request or nowhere, so that examples, entries
and prompts are judged apart from a real model's strengths and weaknesses.
"""

import json
import re
from collections.abc import AsyncIterator, Sequence
from typing import Any

import numpy as np

from kaeshi.nouns import HAND_OVER, Json
from kaeshi.ports import Embedder

# cosine of two questions from which on it takes them for the same
NEAR = 0.6
_EXAMPLE = re.compile(r"<example>\n(.*)\n</example>\Z", re.DOTALL)
_RULE = re.compile(r"^- (.+\?) -> (.+)$", re.MULTILINE)
_ENTRIES = "Knowledge base entries"


class FakeReader:
    """An Answerer: the answer of the nearest question it reads, or it hands over.

    It reads examples and entries in the form in which they are put before a question, and in system
    prompts lines such as "- How much is it? -> 55 dollars." `asked` counts requests; `down`: every
    request fails; `prompt_tokens`: what it read, four characters a token.
    """

    def __init__(self, embedder: Embedder, near: float = NEAR) -> None:
        self._embedder = embedder
        self._near = near
        self.asked = 0
        self.down = False
        self.prompt_tokens = 0

    async def call(
        self, _method: str, path: str, body: bytes, _content_type: str
    ) -> tuple[int, bytes]:
        """A chat completion; 404 for any other path, 503 while it is down."""
        self.asked += 1
        if self.down:
            return 503, _error("the fake reader is down")
        if not path.startswith("/chat/completions"):
            return 404, _error(f"the fake reader answers chat completions, not {path}")
        asked = json.loads(body)
        self.prompt_tokens += len(body) // 4
        return 200, json.dumps(self._completion(asked)).encode()

    async def stream(
        self, method: str, path: str, body: bytes, content_type: str
    ) -> tuple[int, bytes | AsyncIterator[bytes]]:
        """The same, whole: it does not stream."""
        return await self.call(method, path, body, content_type)

    def _completion(self, asked: Json) -> Json:
        text, score = self._answer(asked["messages"])
        message = {"role": "assistant", "content": text}
        return {
            "id": f"chatcmpl-{self.asked}",
            "object": "chat.completion",
            "created": 0,
            "model": asked["model"],
            "choices": [{"index": 0, "finish_reason": "stop", "message": message}],
            "kaeshi": {"confidence": round(score, 4), "hand_over": text == HAND_OVER},
        }

    def _answer(self, messages: Sequence[Json]) -> tuple[str, float]:
        question = str(messages[-1]["content"])
        pairs = _read(messages)
        if not pairs:
            return HAND_OVER, 0.0
        vectors = self._embedder.embed([question, *(known for known, _ in pairs)])
        scores = vectors[1:] @ vectors[0]
        best = int(np.argmax(scores))
        score = float(scores[best])
        return (pairs[best][1], score) if score >= self._near else (HAND_OVER, score)


def _read(messages: Sequence[Json]) -> list[tuple[str, str]]:
    """All questions with answers that stand before the customer's last message."""
    pairs: list[tuple[str, str]] = []
    for place, message in enumerate(messages[:-1]):
        text = message.get("content")
        if not isinstance(text, str):
            continue
        example = _EXAMPLE.match(text)
        if example is not None:
            pairs.append((example[1], str(messages[place + 1]["content"])))
        elif message["role"] == "user" and text.startswith(_ENTRIES):
            pairs += _entries(json.loads(text.partition("\n")[2]))
        elif message["role"] == "system":
            pairs += _RULE.findall(text)
    return pairs


def _entries(listed: Sequence[Any]) -> list[tuple[str, str]]:
    return [(entry["question"], entry["answer"]) for entry in listed]


def _error(message: str) -> bytes:
    return json.dumps({"error": {"message": message, "type": "server_error"}}).encode()
