"""The review queue by what a person's word would tell.

An item tells most where the system is unsure of it, where customers often ask the like, and where
no other item before it asks the same.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from kaeshi.loop import Loop
from kaeshi.nouns import Entry, ReviewItem
from kaeshi.rules import quality
from kaeshi.rules import review as rules
from kaeshi.steps.embedding import vectors_of
from kaeshi.steps.knowledge import approved_entries
from kaeshi.steps.quality import model_of

Floats = NDArray[np.float32]
MOST = 200  # items that are weighed against each other; their texts are embedded once
NEAR = 0.7  # cosine of questions from which on their answers should agree
OF_BASE = 0.6  # cosine of questions from which on an entry says something about an answer
FIVE_STARS = 7  # tenths that only happy customers' feedback reaches


async def by_gain(loop: Loop, items: Sequence[ReviewItem]) -> list[ReviewItem]:
    """Each question once, with its like, and the probability that its answer is right."""
    if not items:
        return []
    questions, _ = await vectors_of(loop, [item.title for item in items])
    answers, _ = await vectors_of(loop, [item.answer for item in items])
    entries = await approved_entries(loop)
    known = await _known(loop, items, questions, answers, entries)
    model = await model_of(loop)
    right = [
        model.probability(one) if item.right is None else item.right
        for item, one in zip(items, known, strict=True)
    ]
    groups = rules.alike(items, questions, answers)
    heads = [_head(items, group, right[group[0]]) for group in groups]
    return _ordered(heads, questions[[group[0] for group in groups]])


def _head(items: Sequence[ReviewItem], group: Sequence[int], right: float) -> ReviewItem:
    """The item that stands for a group."""
    others = tuple(items[i].ref for i in group[1:])
    return items[group[0]].model_copy(update={"right": round(right, 3), "alike": others})


def _ordered(heads: Sequence[ReviewItem], questions: Floats) -> list[ReviewItem]:
    """By gain; a customer's own words first: to write what is right takes trouble.

    Last is what will be learned without a decision.
    """
    doubts = [rules.doubt(head.right or 0.0) * (1 + len(head.alike)) ** 0.5 for head in heads]
    order = rules.worth_asking(np.array(doubts, np.float32), questions, len(heads))
    order += sorted(set(range(len(heads))) - set(order))
    order.sort(key=lambda i: (heads[i].kind != "correction", not heads[i].waits))
    return [heads[i] for i in order]


async def _known(
    loop: Loop,
    items: Sequence[ReviewItem],
    questions: Floats,
    answers: Floats,
    entries: Sequence[Entry],
) -> list[quality.Known]:
    """What the texts and the score tell of each item's answer."""
    agreement = _agreement(items, questions, answers)
    base = await _of_base(loop, items, questions, answers, entries)
    return [
        quality.Known(
            said=quality.said_of([_stars(item)]) if item.score else 0.0,
            to_point=float(questions[i] @ answers[i]),
            agreement=agreement[i],
            **base[i],
        )
        for i, item in enumerate(items)
    ]


def _stars(item: ReviewItem) -> int:
    return 5 if item.score >= FIVE_STARS else quality.UP


async def _of_base(
    loop: Loop,
    items: Sequence[ReviewItem],
    questions: Floats,
    answers: Floats,
    entries: Sequence[Entry],
) -> list[dict[str, float]]:
    """How each item compares with the approved entry that asks most nearly the same."""
    if not entries:
        return [{} for _ in items]
    asked, _ = await vectors_of(loop, [entry.question for entry in entries])
    given, _ = await vectors_of(loop, [entry.answer for entry in entries])
    near = questions @ asked.T
    found = []
    for i, (item, place) in enumerate(zip(items, near.argmax(axis=1).tolist(), strict=True)):
        entry = (entries[place].question, entries[place].answer)
        says = float(answers[i] @ given[place])
        compared = quality.beside((item.title, item.answer), entry, float(near[i, place]), says)
        found.append(compared if near[i, place] >= OF_BASE else {})
    return found


def _agreement(
    items: Sequence[ReviewItem], questions: Floats, answers: Floats
) -> list[float | None]:
    """The mean cosine of each answer to those of other items that ask nearly the same."""
    near = questions @ questions.T >= NEAR
    same = answers @ answers.T
    found: list[float | None] = []
    for i, item in enumerate(items):
        like = [int(j) for j in np.flatnonzero(near[i])]
        others = [j for j in like if items[j].conversation != item.conversation]
        found.append(float(same[i, others].mean()) if others else None)
    return found
