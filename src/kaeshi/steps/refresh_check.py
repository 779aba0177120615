"""Whether a new build of the knowledge base answers the team's test cases no worse than the last.

Test cases are never learned from, so they are held-out questions.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kaeshi.loop import Loop
from kaeshi.nouns import Entry, TestCase, text_of
from kaeshi.rules.retrieval import Answerer
from kaeshi.rules.statistics import lost_by_chance
from kaeshi.steps import answering
from kaeshi.steps.embedding import vectors_of

Floats = NDArray[np.float32]
# a refresh is refused when chance explains its losses no more often than this: two lost and none
# gained. One question more or less would have it stand still for weeks
CHANCE = 0.25
KNOWN = 0.5  # probability from which on a question that must be handed over counts as answered


@dataclass(frozen=True, kw_only=True)
class Build:
    """Entries, the unit vectors of their questions, and the classifier where there is one."""

    entries: Sequence[Entry]
    vectors: Floats
    fitted: tuple[Answerer, NDArray[np.int64]] | None


@dataclass(frozen=True, kw_only=True)
class Checked:
    """How many questions were asked, and which of them were lost and gained."""

    questions: int = 0
    lost: tuple[str, ...] = ()
    gained: tuple[str, ...] = ()

    @property
    def is_worse(self) -> bool:
        """Whether more were lost than gained, beyond chance (CHANCE)."""
        return lost_by_chance(len(self.lost), len(self.gained)) <= CHANCE


async def questions(loop: Loop) -> list[tuple[TestCase, str]]:
    """The test cases that say what is right, with their questions."""
    async with loop.store.read() as tx:
        cases = await tx.evaluations.cases(loop.assistant)
    return [(case, question) for case in cases if (question := _question(case))]


async def checked(
    loop: Loop, asked: Sequence[tuple[TestCase, str]], before: Build, after: Build
) -> Checked:
    """Ask both builds these test cases."""
    vectors, _ = await vectors_of(loop, [question for _, question in asked])
    then = _right(before, asked, vectors)
    now = _right(after, asked, vectors)
    return Checked(questions=len(asked), lost=_only_in(then, now), gained=_only_in(now, then))


def _only_in(some: Sequence[str], others: Sequence[str]) -> tuple[str, ...]:
    return tuple(question for question in some if question not in others)


def _right(build: Build, asked: Sequence[tuple[TestCase, str]], vectors: Floats) -> list[str]:
    """The questions that the build answers right."""
    return [
        question
        for (case, question), vector in zip(asked, vectors, strict=True)
        if _is_right(case, *likeliest(build, question, vector))
    ]


def likeliest(build: Build, question: str, vector: Floats) -> tuple[str, float]:
    """The answer of the likeliest entry with its probability; 1 where no classifier tells."""
    if build.fitted is None:
        return build.entries[int((build.vectors @ vector).argmax())].answer, 1.0
    places, shares, _ = answering.ranked(*build.fitted, question, vector)
    return build.entries[int(places[0])].answer, float(shares[0])


def _question(case: TestCase) -> str:
    """The case's last question; empty where it does not say what is right."""
    if case.expected is None and not case.hand_over:
        return ""
    said = [text_of(message) for message in case.messages if message["role"] == "user"]
    return said[-1].strip() if said else ""


def _is_right(case: TestCase, answer: str, probability: float) -> bool:
    if case.hand_over or case.expected is None:
        return probability < KNOWN
    return _plain(answer) == _plain(case.expected)


def _plain(text: str) -> str:
    return " ".join(text.casefold().split())
