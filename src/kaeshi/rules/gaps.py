"""What customers ask and the assistant cannot answer, in groups."""

import hashlib
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from kaeshi.nouns import HAND_OVER, Json, text_of
from kaeshi.nouns.value import Value
from kaeshi.pii import holds_placeholder
from kaeshi.rules.conversation import is_small_talk

Floats = NDArray[np.float32]
ALIKE = 0.7  # cosine of two questions from which on they are one gap's
_SENTENCE = re.compile(r"(?<=[.!?])\s+")
COVERED = 0.5  # probability of an answer from which on a gap is filled


class Unanswered(Value):
    """A question without an answer, scrubbed, and who asked it when."""

    question: str
    customer: str
    at: datetime
    conversation: str = ""


class Gap(Value):
    """Questions that one answer would settle.

    `name`: the question that resembles the others most; `id` stays while its oldest question is in
    sight; `covered`: how many of its questions the knowledge base answers by now.
    """

    id: str
    name: str
    questions: int
    customers: int
    covered: int
    examples: tuple[str, ...]
    conversations: tuple[str, ...] = ()
    first: datetime
    last: datetime


def unanswered(messages: Sequence[Json], facts: Mapping[str, object]) -> list[str]:
    """The customer's questions that were handed over: before a hand-over, or the last one.

    `facts`: the conversation's outcomes; `escalated` says that a person was needed.
    """
    found: list[str] = []
    asked = ""
    for message in messages:
        text = text_of(message).strip()
        if message["role"] == "user" and text and not is_small_talk(text):
            asked = text
        elif message["role"] == "assistant" and text == HAND_OVER and asked:
            found.append(asked)
            asked = ""
    if facts.get("escalated") is True and asked and not found:
        found.append(asked)
    return found


def to_the_point(question: str) -> str:
    """A scrubbed question without the sentences that hold placeholders, where others remain.

    >>> to_the_point("I am [PERSON_1]. Do you cook halal?")
    'Do you cook halal?'
    """
    sentences = _SENTENCE.split(question)
    return " ".join(s for s in sentences if not holds_placeholder(s)) or question


def grouped(
    found: Sequence[Unanswered], vectors: Floats, answered: Sequence[float], most: int = 5
) -> list[Gap]:
    """Gaps, the one that most customers met first.

    The oldest question of a gap leads it, so that groups stay the same from week to week while more
    is asked. `vectors`: of the questions, unit, shape (n, d); `answered`: the probability that the
    knowledge base answers each by now; `most`: examples of each gap.
    """
    order = sorted(range(len(found)), key=lambda i: (found[i].at, found[i].question))
    gaps = [_gap(found, vectors, answered, group, most) for group in _groups(order, vectors)]
    return sorted(gaps, key=lambda gap: (-gap.customers, -gap.questions, gap.first, gap.id))


def _groups(order: Sequence[int], vectors: Floats) -> list[list[int]]:
    groups: list[list[int]] = []
    for i in order:
        near = vectors[[group[0] for group in groups]] @ vectors[i] if groups else np.zeros(1)
        if near.max() >= ALIKE:
            groups[int(near.argmax())].append(i)
        else:
            groups.append([i])
    return groups


def _gap(
    found: Sequence[Unanswered],
    vectors: Floats,
    answered: Sequence[float],
    group: Sequence[int],
    most: int,
) -> Gap:
    central = group[int((vectors[group] @ vectors[group].mean(axis=0)).argmax())]
    counted = Counter(found[i].question for i in group)
    examples = tuple(question for question, _ in counted.most_common(most))
    where = {found[i].question: found[i].conversation for i in group}
    return Gap(
        id=f"gap_{hashlib.sha256(found[group[0]].question.encode()).hexdigest()[:12]}",
        name=found[central].question,
        questions=len(group),
        customers=len({found[i].customer for i in group}),
        covered=sum(answered[i] >= COVERED for i in group),
        examples=examples,
        conversations=tuple(where[question] for question in examples),
        first=found[group[0]].at,
        last=found[group[-1]].at,
    )
