"""What a reviewer sees first, and why it is there."""

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from kaeshi.nouns import Json, ReviewItem, Signals, text_of

Floats = NDArray[np.float32]
MOST_COMPARED = 6_000  # questions that are weighed against each other at once
# cosine above which two questions are alike to a degree, which grows to one
ALIKE = 0.4
OFTEN = 0.5  # the power of how often a question's like is asked
# cosines of questions and of answers from which on one decision settles both items
SAME_QUESTION = 0.85
SAME_ANSWER = 0.9


def rank(items: Iterable[ReviewItem]) -> list[ReviewItem]:
    """Sort key: waiting ones first, then by score, then by age."""
    return sorted(
        items, key=lambda item: (item.state != "proposed", -item.score, item.at, item.ref)
    )


def last_exchange(messages: Sequence[Json]) -> tuple[str, str]:
    """The customer's last question, and the assistant's last answer.

    >>> last_exchange([{"role": "user", "content": "A?"}, {"role": "assistant", "content": "B"}])
    ('A?', 'B')
    """
    texts = {message["role"]: text_of(message) for message in messages if text_of(message)}
    return texts.get("user", ""), texts.get("assistant", "")


def why_example(signals: Signals, *, is_unnamed: bool, held: str = "") -> str:
    """Why an example is in the queue, in a few words.

    >>> why_example(Signals(rating=4.5, thumbs_up=1), is_unnamed=True)
    'no request named its customer; 4.5 stars, 1 thumbs up'
    """
    said = []
    if signals.rating is not None:
        said.append(f"{signals.rating:g} stars")
    if signals.thumbs_up:
        said.append(f"{signals.thumbs_up} thumbs up")
    if signals.corrected:
        said.append("a customer corrected it")
    words = ", ".join(said) or "no feedback"
    why = "no request named its customer" if is_unnamed else held
    return f"{why}; {words}" if why else words


def doubt(right: float) -> float:
    """How much a person's word would tell, 0 to 1: most where either is as likely.

    >>> doubt(0.5), doubt(1.0)
    (1.0, 0.0)
    """
    return 4 * right * (1 - right)


def alike(items: Sequence[ReviewItem], questions: Floats, answers: Floats) -> list[list[int]]:
    """Places of items that one decision settles, the first of each group before the others.

    Items of a kind that ask the same and say the same. `questions` and `answers`: unit vectors,
    shape (n, d).
    """
    left = list(range(len(items)))
    groups = []
    while left:
        first = left.pop(0)
        same = [
            i
            for i in left
            if items[i].kind == items[first].kind
            and questions[i] @ questions[first] >= SAME_QUESTION
            and answers[i] @ answers[first] >= SAME_ANSWER
        ]
        left = [i for i in left if i not in set(same)]
        groups.append([first, *same])
    return groups


def worth_asking(
    doubts: Floats, vectors: Floats, count: int, settled: Sequence[int] = ()
) -> list[int]:
    """Which questions a person's answer teaches most, the best first.

    The expected gain: how unsure the system is, times how often the like is asked; what resembles
    a question that is settled or chosen before gains little more. Greedy, as for submodular gains
    (Nemhauser 1978). `doubts`: shape (n,), 0 to 1; `vectors`: shape (n, d), unit; `settled`: places
    that a person has answered.
    """
    places = _compared(doubts, settled)
    near = vectors[places] @ vectors[places].T
    often = np.maximum(near - (ALIKE + 0.1), 0).sum(axis=1) ** OFTEN
    gain = doubts[places] * often * _left_by(settled, places, near)
    return [int(places[i]) for i in _greedy(gain, near, count)]


def _left_by(settled: Sequence[int], places: NDArray[np.int64], near: Floats) -> Floats:
    """The share of each place's gain that settled ones leave."""
    left = np.ones(len(places), np.float32)
    for i in np.flatnonzero(np.isin(places, np.array(settled, np.int64))):
        left *= 1 - 0.7 * np.clip((near[i] - ALIKE - 0.1) / (0.9 - ALIKE), 0, 1) ** 2
        left[i] = 0
    return left


def _compared(doubts: Floats, settled: Sequence[int]) -> NDArray[np.int64]:
    """The places that are compared: all, or the most doubtful ones and those that are settled."""
    if len(doubts) <= MOST_COMPARED:
        return np.arange(len(doubts))
    kept = np.argsort(-doubts, kind="stable")[:MOST_COMPARED]
    return np.union1d(kept, np.array(settled, np.int64))


def _greedy(gain: Floats, near: Floats, count: int) -> list[int]:
    """The best, again and again; each takes from what resembles it."""
    left = gain.copy()
    chosen: list[int] = []
    for _ in range(min(count, len(left))):
        best = int(left.argmax())
        if left[best] <= 0:
            break
        chosen.append(best)
        left *= 1 - np.clip((near[best] - ALIKE) / (1 - ALIKE), 0, 1)
        left[best] = 0
    return chosen
