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
    async with loop.store.read() as tx:
        found = await tx.knowledge.entries(loop.assistant, ("approved", "corrected"))
    entries = [entry for entry, _ in found]
    known = await _known(loop, items, questions, answers, entries)
    model = quality.shipped()
    right = [model.probability(one) for one in known]
    firsts = []
    heads = []
    for first, *others in rules.alike(items, questions, answers):
        firsts.append(first)
        heads.append(
            items[first].model_copy(
                update={
                    "right": round(right[first], 3),
                    "alike": tuple(items[i].ref for i in others),
                }
            )
        )
    doubts = np.array([rules.doubt(right[i]) for i in firsts], np.float32)
    often = np.array([1 + len(head.alike) for head in heads], np.float32)
    order = rules.worth_asking(doubts * np.sqrt(often), questions[firsts], len(heads))
    # a customer's own words come first: somebody took the trouble to say what is right
    order += [i for i in range(len(heads)) if i not in set(order)]
    order.sort(key=lambda i: heads[i].kind != "correction")
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
    if entries:
        asked, _ = await vectors_of(loop, [entry.question for entry in entries])
        told, _ = await vectors_of(loop, [entry.answer for entry in entries])
        near = questions @ asked.T
        nearest = near.argmax(axis=1)
    known = []
    for i, item in enumerate(items):
        said = quality.said_of([5 if item.score >= FIVE_STARS else 4], [1.0]) if item.score else 0.0
        of_base: dict[str, float] = {}
        if entries and near[i, nearest[i]] >= OF_BASE:
            entry = entries[int(nearest[i])]
            of_base = {
                "question": float(near[i, nearest[i]]),
                "answer": float(answers[i] @ told[nearest[i]]),
                "covered": quality.covered(
                    item.answer, item.title, f"{entry.question} {entry.answer}"
                ),
                "asked": quality.asked(item.title, f"{entry.question} {entry.answer}"),
            }
        known.append(
            quality.Known(
                said=said,
                to_point=float(questions[i] @ answers[i]),
                agreement=agreement[i],
                **of_base,
            )
        )
    return known


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
