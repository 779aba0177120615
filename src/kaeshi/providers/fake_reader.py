"""A fake model that does exactly what it reads, for tests, demos and benchmarks.

It knows nothing by itself. What it answers is in the request or nowhere, so that examples, entries
and prompts are judged apart from a real model's strengths and weaknesses.
"""

import json
import re
from collections.abc import AsyncIterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from kaeshi.nouns import HAND_OVER, Json
from kaeshi.ports import Embedder

# cosine of two questions from which on it takes them for the same
NEAR = 0.6
SURE = 0.8  # likelihood of an entry from which on it believes it
_EXAMPLE = re.compile(r"<example>\n(.*)\n</example>\Z", re.DOTALL)
_RULE = re.compile(r"^- (.+\?) -> (.+)$", re.MULTILINE)
_ENTRIES = "Knowledge base entries"
REFLECTOR = "reflector"
_PROMPT = re.compile(r"<instructions>\n(.*?)\n</instructions>", re.DOTALL)
_WRONG = "wrong; a person's answer is: "
WORDS = 6  # of a customer's question, which it takes for what is asked


class FakeReader:
    """An Answerer: the answer of the nearest question it reads, or it hands over.

    It reads examples and entries in the form in which they are put before a question, and in system
    prompts lines such as "- How much is it? -> 55 dollars." `asked` counts requests; `down`: every
    request fails; `ended`: names of models that are not served any more; `broken`: names of models
    that answer wrongly, each with the questions that it was made to answer rightly all the same;
    `prompt_tokens`: what it read, four characters a token. Asked as REFLECTOR it writes
    instructions: those it is shown, and such a line for each case that was wrong.
    """

    def __init__(self, embedder: Embedder, near: float = NEAR) -> None:
        self._embedder = embedder
        self._near = near
        self.asked = 0
        self.down = False
        self.ended: set[str] = set()
        self.broken: dict[str, frozenset[str]] = {}
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
        if asked["model"] in self.ended:
            return 404, _error(f"the model {asked['model']!r} does not exist")
        self.prompt_tokens += len(body) // 4
        return 200, json.dumps(self._completion(asked)).encode()

    async def stream(
        self, method: str, path: str, body: bytes, content_type: str
    ) -> tuple[int, bytes | AsyncIterator[bytes]]:
        """The same, whole: it does not stream."""
        return await self.call(method, path, body, content_type)

    def _completion(self, asked: Json) -> Json:
        text = self._said(asked["messages"], asked["model"])
        message = {"role": "assistant", "content": text}
        return {
            "id": f"chatcmpl-{self.asked}",
            "object": "chat.completion",
            "created": 0,
            "model": asked["model"],
            "choices": [{"index": 0, "finish_reason": "stop", "message": message}],
            "kaeshi": {"hand_over": text == HAND_OVER},
        }

    def _said(self, messages: Sequence[Json], model: str) -> str:
        if model == REFLECTOR:
            return _reflected(str(messages[-1]["content"]))
        return self._answer(messages, model)

    def _answer(self, messages: Sequence[Json], model: str) -> str:
        question = str(messages[-1]["content"])
        pairs = _read(messages)
        if not pairs:
            return HAND_OVER
        vectors = self._embedder.embed([question, *(pair.question for pair in pairs)])
        likely = [pair.likely if pair.likely >= SURE else 0.0 for pair in pairs]
        scores = np.maximum(vectors[1:] @ vectors[0], likely)
        best = int(np.argmax(scores))
        if scores[best] < self._near:
            return HAND_OVER
        if question not in self.broken.get(model, frozenset({question})):
            best = int(np.argmin(scores))
        return pairs[best].answer


class _Pair(NamedTuple):
    """A question with its answer; `likely`: that it answers the customer, as an entry says."""

    question: str
    answer: str
    likely: float = 0.0


def _read(messages: Sequence[Json]) -> list[_Pair]:
    """All questions with answers that stand before the customer's last message."""
    pairs: list[_Pair] = []
    for place, message in enumerate(messages[:-1]):
        text = message.get("content")
        if not isinstance(text, str):
            continue
        example = _EXAMPLE.match(text)
        if example is not None:
            pairs.append(_Pair(example[1], str(messages[place + 1]["content"])))
        elif message["role"] == "user" and text.startswith(_ENTRIES):
            pairs += _entries(json.loads(text.partition("\n")[2]))
        elif message["role"] == "system":
            pairs += [_Pair(*found) for found in _RULE.findall(text)]
    return pairs


def _reflected(request: str) -> str:
    """The instructions of the request, and a line for each case that was answered wrongly."""
    prompt = _PROMPT.search(request)
    cases, _ = json.JSONDecoder().raw_decode(request[request.index("\n[") + 1 :])
    lines = [
        f"- {' '.join(case['question'].rstrip(' ?.!').split()[:WORDS])}? -> "
        f"{case['feedback'].removeprefix(_WRONG)}"
        for case in cases
        if case["feedback"].startswith(_WRONG)
    ]
    written = "\n".join([prompt[1] if prompt else "", *lines])
    return f"<instructions>\n{written}\n</instructions>"


def _entries(listed: Sequence[Any]) -> list[_Pair]:
    return [_Pair(e["question"], e["answer"], e.get("likely", 0.0)) for e in listed]


def _error(message: str) -> bytes:
    return json.dumps({"error": {"message": message, "type": "server_error"}}).encode()
