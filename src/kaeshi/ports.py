"""What we ask of the world, as Protocols. Each has at least two real implementations; providers/fake.py ships one of each."""

from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Protocol

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
    """Tells the time, in UTC."""

    def now(self) -> datetime: ...


class Ids(Protocol):
    """Makes names that nothing else has."""

    def new(self, prefix: str) -> str: ...


class Trainer(Protocol):
    """A fine-tuning service that speaks OpenAI's wire.

    A refusal raises ProviderError. A call whose outcome nobody knows raises ProviderUnknown; it is looked up with `find_file` and `jobs`,
    never sent again. `embedded`: it runs here, costs nothing, and its lists are never behind.
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


class TokenCounter(Protocol):
    """Counts a text's tokens the way `model` would."""

    def count(self, texts: Sequence[str], model: str) -> int: ...


class Mailer(Protocol):
    """Delivers a mail, or raises. `delivered` tells whether a mail of this key went out, None if it cannot tell."""

    name: str

    async def send(self, mail: Mail) -> str: ...
    async def delivered(self, key: str) -> bool | None: ...


class Notifier(Protocol):
    """Tells people of a decision or an alarm, in one sentence. Raises ProviderError when nobody took it."""

    async def tell(self, text: str) -> None: ...


class Answerer(Protocol):
    """Something in-process that speaks the OpenAI wire: method, path and body in, status and body out, whole or piece by piece."""

    async def call(
        self, method: str, path: str, body: bytes, content_type: str
    ) -> tuple[int, bytes]: ...
    async def stream(
        self, method: str, path: str, body: bytes, content_type: str
    ) -> tuple[int, bytes | AsyncIterator[bytes]]: ...
