"""What reviewers' latest answers are worth: held-out questions answered right, with and without.

Every approved question is held out once: a classifier of the other questions answers it, and a
second one that never saw what was approved lately.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

import numpy as np
from numpy.typing import NDArray

from kaeshi.loop import Loop
from kaeshi.nouns import Entry
from kaeshi.rules import retrieval
from kaeshi.steps.embedding import vectors_of
from kaeshi.steps.knowledge import approved_entries

LATELY = timedelta(days=7)
FOLDS = 5
LEAST = 20  # questions, before a share of them says anything
MOST = 2_000  # the latest; beyond, the fits would take minutes
Floats = NDArray[np.float32]


@dataclass(frozen=True, kw_only=True)
class Bought:
    """So many answers of the last week; the share right of all questions, before and after."""

    answers: int
    questions: int
    before: float
    after: float

    @property
    def sentence(self) -> str:
        """In words."""
        return (
            f"{self.answers} answers of the last week: {self.after - self.before:+.1f} points "
            f"({self.before:.1f} to {self.after:.1f} % right of {self.questions} questions, each "
            "held out)"
        )


@dataclass(frozen=True, kw_only=True)
class _Known:
    """Approved questions and answers with their unit vectors."""

    questions: list[str]
    answers: list[str]
    asked: Floats
    given: Floats


async def bought(loop: Loop, by: str | None = None) -> Bought | None:
    """What was approved in the last week is worth; by one reviewer, where one is named.

    None where nothing was, or too little is known to say.
    """
    entries = [e for e in (await approved_entries(loop))[-MOST:] if e.by]
    since = loop.clock.now() - LATELY
    late = np.array([e.at >= since and by in {None, e.by} for e in entries], bool)
    if len(entries) < LEAST or not late.any() or late.all():
        return None
    known = await _known(loop, entries)
    before = await asyncio.to_thread(_right, known, ~late)
    after = await asyncio.to_thread(_right, known, np.ones(len(entries), bool))
    return Bought(
        answers=int(late.sum()), questions=len(entries), before=100 * before, after=100 * after
    )


async def _known(loop: Loop, entries: Sequence[Entry]) -> _Known:
    questions = [entry.question for entry in entries]
    answers = [entry.answer for entry in entries]
    asked, _ = await vectors_of(loop, questions)
    given, _ = await vectors_of(loop, answers)
    return _Known(questions=questions, answers=answers, asked=asked, given=given)


def _right(known: _Known, is_taught: NDArray[np.bool_]) -> float:
    """The share of questions that a classifier of the taught others answers right."""
    places = np.arange(len(known.questions))
    right = 0
    for fold in range(FOLDS):
        held = places % FOLDS == fold
        taught = np.flatnonzero(is_taught & ~held)
        if len(taught):
            right += _right_of(known, taught, np.flatnonzero(held))
    return right / len(places)


def _right_of(known: _Known, taught: NDArray[np.int64], asked: NDArray[np.int64]) -> int:
    answers = [known.answers[i] for i in taught]
    questions = [known.questions[i] for i in taught]
    made, _ = retrieval.taught_by(questions, answers, known.asked[taught], known.given[taught])
    shares = retrieval.fit(made).shares([known.questions[i] for i in asked], known.asked[asked])
    names = list(dict.fromkeys(answers))
    given = shares.argmax(axis=1)
    return sum(names[g] == known.answers[i] for g, i in zip(given, asked, strict=True))
