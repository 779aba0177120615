"""What kaeshi needs from the outside, as Protocols.

Each has at least two implementations that can be swapped, fakes in providers among them.
"""

from collections.abc import AsyncIterator, Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from kaeshi.nouns import (
    Answer,
    Candidate,
    JobRequest,
    Json,
    Mail,
    TrainingEvent,
)

Vectors = NDArray[np.float32]


class Clock(Protocol):
    """The time in UTC."""

    def now(self) -> datetime: ...


class Ids(Protocol):
    """Unique names."""

    def new(self, prefix: str) -> str: ...


class Trainer(Protocol):
    """A fine-tuning service that speaks OpenAI's wire.

    A refusal raises ProviderError. A call without an answer raises ProviderUnknown; its result is
    looked up with `find_file` and `jobs`, and the call is never sent again. `embedded`: it runs in
    this process, costs nothing, and its lists are always current.
    """

    name: str
    embedded: bool

    async def upload(self, path: Path, key: str) -> str: ...
    async def find_file(self, key: str) -> str | None: ...
    async def create(self, wanted: JobRequest) -> Json: ...
    async def jobs(self) -> list[Json]: ...
    async def look(self, job_id: str) -> Json: ...
    async def checkpoints(self, job_id: str) -> list[Json]: ...
    async def events(self, job_id: str) -> list[TrainingEvent]: ...
    async def models(self) -> list[Json]: ...
    async def close(self) -> None: ...


class ChatModel(Protocol):
    """Answers a chat completion request that steps/asking.py prepared for this candidate."""

    async def answer(self, candidate: Candidate, body: bytes) -> Answer: ...


class Embedder(Protocol):
    """Turns texts into unit vectors, shape (len(texts), dimensions)."""

    name: str
    dimensions: int

    def embed(self, texts: Sequence[str]) -> Vectors: ...


class Index(Protocol):
    """Nearest neighbours by cosine over vectors that are written once and read many times."""

    def build(self, path: Path, vectors: Vectors) -> str: ...
    def search(self, path: Path, vectors: Vectors, count: int) -> list[list[tuple[int, float]]]: ...
    def remove(self, path: Path) -> None: ...


class TokenCounter(Protocol):
    """Counts the tokens of a text for `model`, and turns tokens back into text."""

    def count(self, texts: Sequence[str], model: str) -> int: ...
    def text(self, tokens: Sequence[int], model: str) -> str: ...


class Mailer(Protocol):
    """Delivers a mail, or raises.

    `delivered`: whether a mail of this key went out; None if the service cannot say.
    """

    name: str

    async def send(self, mail: Mail) -> str: ...
    async def delivered(self, key: str) -> bool | None: ...


class Notifier(Protocol):
    """Sends people one sentence about a decision or an alarm.

    Raises ProviderError when it was not accepted.
    """

    async def tell(self, text: str) -> None: ...


NO_TRAINER = (
    "the model is served by the embedded trainer, which is not used here: set "
    "TRAINING_BASE_URL=embedded"
)


class Answerer(Protocol):
    """An OpenAI-compatible server in this process.

    Method, path and body in, status and body out, whole or piece by piece.
    """

    async def call(
        self, method: str, path: str, body: bytes, content_type: str
    ) -> tuple[int, bytes]: ...
    async def stream(
        self, method: str, path: str, body: bytes, content_type: str
    ) -> tuple[int, bytes | AsyncIterator[bytes]]: ...


class Trace(NamedTuple):
    """What came of one case under a prompt: `said`, and the answer that would have been right."""

    question: str
    said: str
    right: str
    score: float

    @property
    def shown(self) -> Json:
        """For the model that reflects."""
        feedback = "right" if self.score else f"wrong; a person's answer is: {self.right}"
        return {"question": self.question, "answered": self.said, "feedback": feedback}


class Tried(NamedTuple):
    """A prompt that was judged: its score of each held-out case."""

    prompt: str
    scores: tuple[float, ...]


class PromptSearch(Protocol):
    """Searches for a better prompt: proposes, judges, keeps what is better.

    `judge`: what comes of these cases, by number, under a prompt; `propose`: another prompt, from
    one and what came of some cases. Cases from `held` on choose among prompts, those before are
    learned from. `calls`: of the judged model. `folder`: where it is taken up again after a crash.
    It computes and waits: call it in a thread. Returns what was judged on all held-out cases, the
    first prompt first.
    """

    def search(
        self,
        first: str,
        *,
        learned: int,
        held: int,
        judge: Callable[[str, Sequence[int]], Sequence[Trace]],
        propose: Callable[[str, Sequence[Trace]], str],
        calls: int,
        batch: int,
        seed: int,
        folder: Path,
    ) -> list[Tried]: ...
