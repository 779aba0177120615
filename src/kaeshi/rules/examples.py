"""Which known exchanges are put beside a customer's question, so that a model answers like them.

Dynamic few-shot prompting: the nearest exchanges, but not the same one several times.
"""

import re
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from kaeshi.nouns import HAND_OVER, PLACEHOLDER, Entry, Json
from kaeshi.pii import holds_placeholder
from kaeshi.rules.conversation import is_small_talk
from kaeshi.rules.knowledge import days_in, particulars, question_and_answer

LEAST_WORDS = 3  # that a question needs to be understood
_SENTENCE = re.compile(r"(?<=[.!?])\s+")
MOST_TOKENS = 2000  # of all examples in one request
SPARE = 4  # times the wanted number, among which the diverse ones are chosen
NEARNESS = 0.7  # of being near, against being unlike those that are chosen already


class Pair(NamedTuple):
    """A question that was asked, and the answer to learn from.

    `conversation`: where it was said; empty for what a team wrote.
    """

    question: str
    answer: str
    conversation: str = ""


def pair_of(messages: Sequence[Json], conversation: str = "") -> Pair | str:
    """A row's last exchange, or the reason why it shows nothing.

    An answer with a placeholder is of one customer; in a question it becomes a plain word.
    """
    found = question_and_answer(messages)
    if found is None:
        return "no_pair"
    question, answer = found
    if answer == HAND_OVER:
        return "hand_over"
    if holds_placeholder(answer):
        return "placeholder"
    if not question or not answer or is_small_talk(question) or is_small_talk(answer):
        return "small_talk"
    return Pair(question=neutral(to_the_point(question)), answer=answer, conversation=conversation)


def to_the_point(question: str) -> str:
    """The question without sentences that greet, or only say who asks.

    What is of one customer teaches nothing, and draws the example away from those who ask the same.

    >>> to_the_point("Hi! I'm [PERSON_1]. Do you bring the grill?")
    'Do you bring the grill?'
    """
    sentences = _SENTENCE.split(question.strip())
    telling = [s for s in sentences if not PLACEHOLDER.search(s) and not is_small_talk(s)]
    kept = " ".join(telling)
    return kept if len(kept.split()) >= LEAST_WORDS else question


def neutral(text: str) -> str:
    """The text with words for placeholders: another conversation's numbers mean nothing here.

    >>> neutral("I'm [PERSON_1], my card is [CREDIT_CARD_2]")
    "I'm (person), my card is (credit card)"
    """
    return PLACEHOLDER.sub(
        lambda found: f"({found[0].strip('[]').rpartition('_')[0].lower().replace('_', ' ')})", text
    )


def latest(pairs: Sequence[Pair]) -> list[Pair]:
    """Each question once, with its latest answer; `pairs` from the oldest to the newest.

    >>> [pair.answer for pair in latest([Pair("Open?", "At 9."), Pair("open?", "At 10.")])]
    ['At 10.']
    """
    return list({" ".join(pair.question.lower().split()): pair for pair in pairs}.values())


def is_overtaken(pair: Pair, entries: Sequence[Entry]) -> bool:
    """Whether people's word on the same question is another: `entries` are those near to it.

    Answers differ where their numbers or negations do; where one entry says what the example says,
    it stands. Saturday's hours are not overtaken by Sunday's.

    >>> from datetime import datetime
    >>> now = Entry(id="kb_1", assistant="a", question="What is it?", answer="It is $60.",
    ...     state="approved", at=datetime(2025, 1, 1))
    >>> is_overtaken(Pair("What does it cost?", "It is $55."), [now])
    True
    """
    said = particulars(pair.answer)
    when = days_in(f"{pair.question} {pair.answer}")
    same = [e for e in entries if days_in(f"{e.question} {e.answer}") == when]
    return bool(same) and all(particulars(entry.answer) != said for entry in same)


def chosen(near: Sequence[float], vectors: NDArray[np.float32], count: int) -> list[int]:
    """Places of `count` examples, near the question and unlike one another, the first chosen first.

    Maximal marginal relevance (Carbonell and Goldstein, 1998): each next one has the greatest
    NEARNESS * cosine to the question - (1 - NEARNESS) * largest cosine to those chosen. `near`:
    cosines to the question, n; `vectors`: unit, shape (n, d).
    """
    relevance = NEARNESS * np.asarray(near, np.float32)
    alike = np.zeros(len(relevance), np.float32)
    places: list[int] = []
    for _ in range(min(count, len(relevance))):
        place = int(np.argmax(relevance - (1 - NEARNESS) * alike))
        places.append(place)
        relevance[place] = -np.inf
        alike = np.maximum(alike, vectors @ vectors[place])
    return places


def affordable(places: Sequence[int], tokens: Sequence[int], budget: int) -> list[int]:
    """The first places whose tokens fit together; one that does not fit is passed over.

    >>> affordable([2, 0, 1], [30, 900, 20], 100)
    [2, 0]
    """
    kept: list[int] = []
    for place in places:
        if tokens[place] <= budget:
            kept.append(place)
            budget -= tokens[place]
    return kept
