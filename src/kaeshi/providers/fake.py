"""Fakes of every port, with switches for failures.

For your tests and for kaeshi's own, and for the demo's sabotage.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np

from kaeshi.errors import InvalidInput, NotFound, ProviderError, ProviderUnknown
from kaeshi.files import sha256_of, write_whole
from kaeshi.nouns import (
    Answer,
    Candidate,
    Finding,
    JobRequest,
    Json,
    Mail,
    TrainingEvent,
    Watch,
    unwatched,
)
from kaeshi.ports import Vectors


@dataclass
class FakeClock:
    """A clock that moves only when a test moves it."""

    time: datetime

    def now(self) -> datetime:
        return self.time

    def advance(self, **by: float) -> None:
        """Move on by so many hours, days or minutes."""
        self.time += timedelta(**by)


@dataclass
class FakeIds:
    """Ids that count up."""

    count: int = 0

    def new(self, prefix: str) -> str:
        self.count += 1
        return f"{prefix}_{self.count:06d}"


@dataclass
class FakeTrainer:
    """A provider that trains at once.

    `lose_answer_of`: do the work of that call, then fail as a broken connection would. `fail`:
    refuse. `never_arrives`: lose requests for jobs on the way. `drops_metadata`: as some providers
    do.
    """

    name: str = "fake"
    embedded: bool = True
    lose_answer_of: str = ""
    fail: str = ""
    never_arrives: bool = False
    drops_metadata: bool = False
    files: dict[str, str] = field(default_factory=dict)
    jobs_made: dict[str, Json] = field(default_factory=dict)
    saved: dict[str, list[Json]] = field(default_factory=dict)
    said: dict[str, list[TrainingEvent]] = field(default_factory=dict)
    trained_tokens: int | None = None
    known: list[Json] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)

    async def upload(self, path: Path, key: str) -> str:
        self._enter("upload")
        identifier = f"file-{len(self.files) + 1}"
        self.files[identifier] = f"{key}:{sha256_of(path)}"
        self._leave("upload")
        return identifier

    async def find_file(self, key: str) -> str | None:
        self._enter("find_file")
        return next((name for name, kept in self.files.items() if kept.startswith(key + ":")), None)

    async def create(self, wanted: JobRequest) -> Json:
        self._enter("create")
        if self.never_arrives:
            msg = "fake provider never heard of it"
            raise ProviderUnknown(msg)
        identifier = f"job-{len(self.jobs_made) + 1}"
        self.jobs_made[identifier] = self._job_made(identifier, wanted)
        self._leave("create")
        return self.jobs_made[identifier]

    def _job_made(self, identifier: str, wanted: JobRequest) -> Json:
        return {
            "id": identifier,
            "object": "fine_tuning.job",
            "status": "succeeded",
            "fine_tuned_model": f"ft:{wanted.model}:{wanted.suffix}:{identifier}",
            "error": None,
            "training_file": wanted.training_file,
            "model": wanted.model,
            "seed": wanted.seed,
            "metadata": None if self.drops_metadata else {"kaeshi_key": wanted.key},
            "epochs": wanted.epochs,
            "method": {"type": wanted.method},
            "validation_file": wanted.validation_file,
            "trained_tokens": self.trained_tokens,
        }

    async def jobs(self) -> list[Json]:
        self._enter("jobs")
        return list(self.jobs_made.values())[::-1]

    async def checkpoints(self, job_id: str) -> list[Json]:
        self._enter("checkpoints")
        return self.saved.get(job_id, [])

    async def events(self, job_id: str) -> list[TrainingEvent]:
        self._enter("events")
        return self.said.get(job_id, [])

    async def look(self, job_id: str) -> Json:
        self._enter("look")
        if job_id not in self.jobs_made:
            msg = f"job {job_id!r} is not known"
            raise NotFound(msg)
        return self.jobs_made[job_id]

    async def models(self) -> list[Json]:
        self._enter("models")
        return self.known

    async def close(self) -> None:
        self.calls.append("close")

    def _enter(self, call: str) -> None:
        self.calls.append(call)
        if self.fail == call:
            msg = f"fake provider refuses {call}"
            raise ProviderError(msg)

    def _leave(self, call: str) -> None:
        if self.lose_answer_of == call:
            self.lose_answer_of = ""
            msg = f"fake provider did {call} and the answer was lost"
            raise ProviderUnknown(msg)


@dataclass
class FakeChat:
    """Answers from a table by the customer's last words; hands over anything else.

    `down`: every model fails. `missing`: models that the provider does not have. `asked`: the
    bodies of all requests, in order.
    """

    answers: dict[str, str] = field(default_factory=dict)
    down: bool = False
    missing: frozenset[str] = frozenset()
    asked: list[bytes] = field(default_factory=list)

    async def answer(self, candidate: Candidate, body: bytes) -> Answer:
        self.asked.append(body)
        asked = json.loads(body)
        model = candidate.model
        if self.down:
            msg = f"fake model {model!r} is down"
            raise ProviderError(msg)
        if asked["model"] in self.missing:
            msg = f"model {asked['model']!r}: 404: no such model"
            raise ProviderError(msg)
        last = str(asked["messages"][-1].get("content"))
        known = self.answers.get(last)
        return Answer(
            text=known or "Let me ask a colleague.",
            model=model,
            confidence=1.0 if known else 0.0,
            hand_over=known is None,
        )


class FakeEmbedder:
    """Hashed words: equal texts have equal vectors, similar texts similar ones."""

    name = "fake-words"
    dimensions = 64

    def embed(self, texts: Sequence[str]) -> Vectors:
        vectors = np.full((len(texts), self.dimensions), 1e-6, np.float32)
        for row, text in zip(vectors, texts, strict=True):
            for word in text.lower().split():
                row[
                    int.from_bytes(hashlib.sha256(word.encode("utf-8", "replace")).digest()[:4])
                    % self.dimensions
                ] += 1
        return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), np.float32)


class FakeIndex:
    """A matrix in a file, searched row by row."""

    def build(self, path: Path, vectors: Vectors) -> str:
        return write_whole(path, np.ascontiguousarray(vectors).tobytes())

    def search(self, path: Path, vectors: Vectors, count: int) -> list[list[tuple[int, float]]]:
        stored = np.frombuffer(path.read_bytes(), np.float32).reshape(-1, vectors.shape[1])
        scores = vectors @ stored.T
        return [[(int(i), float(row[i])) for i in np.argsort(-row)[:count]] for row in scores]

    def remove(self, path: Path) -> None:
        path.unlink(missing_ok=True)


@dataclass
class FakeNames:
    """Finds exactly the given names.

    `broken`: raise, as a missing model or a time limit would.
    """

    known: tuple[str, ...] = ()
    broken: bool = False
    version: str = "fake-1"
    reads: frozenset[str] | None = None

    def find(self, texts: Sequence[str], known: Sequence[str] = ()) -> list[list[Finding]]:
        if self.broken:
            msg = "the name finder is broken, so nothing may be learned"
            raise InvalidInput(msg)
        wanted = (*self.known, *known)
        return [
            [
                Finding(
                    start=(a := text.index(name)),
                    end=a + len(name),
                    type="PERSON",
                    score=0.9,
                    recogniser="fake",
                )
                for name in wanted
                if name in text
            ]
            for text in texts
        ]

    def find_each(
        self,
        conversations: Sequence[Sequence[str]],
        known: Sequence[str] = (),
        watch: Watch = unwatched,
    ) -> list[list[list[Finding]]]:
        watch()
        return [self.find(texts, known) for texts in conversations]


class FakeTokens:
    """Counts words."""

    def count(self, texts: Sequence[str], model: str) -> int:  # noqa: ARG002  # the port's signature
        return sum(len(text.split()) for text in texts)

    def text(self, tokens: Sequence[int], model: str) -> str:  # noqa: ARG002  # the port's signature
        return " ".join(map(str, tokens))


@dataclass
class FakeNotifier:
    """Keeps the messages. `deaf`: accept none."""

    deaf: bool = False
    sent: list[str] = field(default_factory=list)

    async def tell(self, text: str) -> None:
        if self.deaf:
            msg = "fake webhook is deaf"
            raise ProviderError(msg)
        self.sent.append(text)


@dataclass
class FakeMailer:
    """Keeps mails.

    `silent`: accept the mail, then fail as a broken connection would. `refuses`: how many mails to
    refuse first.
    """

    name: str = "fake"
    silent: bool = False
    refuses: int = 0
    sent: list[Mail] = field(default_factory=list)

    async def send(self, mail: Mail) -> str:
        if self.refuses:
            self.refuses -= 1
            msg = "fake mail server refused the mail: 451 try again later"
            raise ProviderError(msg)
        self.sent.append(mail)
        if self.silent:
            msg = "fake mail server went silent"
            raise ProviderUnknown(msg)
        return "fake"

    async def delivered(self, key: str) -> bool | None:
        return None if self.silent else any(mail.key == key for mail in self.sent)
