"""Hidden controls: items of the review whose answer is known, to learn how reliable reviewers are.

Half of them are live entries as they are, which are right; the others have the answer of an entry
about something else, which is wrong. What is said about them is written down and changes nothing.
"""

import hashlib
from collections.abc import Sequence

from kaeshi.loop import Loop
from kaeshi.nouns import Entry, ReviewItem, ReviewState
from kaeshi.rules.agreement import Decided
from kaeshi.steps import gain
from kaeshi.steps.embedding import vectors_of
from kaeshi.steps.knowledge import approved_entries
from kaeshi.steps.review import noted

EVERY = 33  # items for each control: 3 %
LEAST_ENTRIES = 4
OTHER = 0.5  # cosine of two answers below which they say different things
PREFIX = "control_"


async def with_controls(
    loop: Loop, items: Sequence[ReviewItem], by: str
) -> tuple[list[ReviewItem], dict[str, ReviewState]]:
    """The items with one control among every EVERY; and each control's known answer, by its ref."""
    wanted = (len(items) + EVERY // 2) // EVERY
    found = (await _unseen(loop, by))[:wanted] if wanted else []
    mixed = list(items)
    for number, (item, _) in enumerate(found):
        start = number * EVERY
        room = min(EVERY, len(items) - start)
        mixed.insert(start + int(_drawn(by, item.ref), 16) % room, item)
    return mixed, {item.ref: expected for item, expected in found}


async def _unseen(loop: Loop, by: str) -> list[tuple[ReviewItem, ReviewState]]:
    """The controls that this reviewer has not decided about, in an order of their own."""
    entries = await _of_others(loop, by)
    if len(entries) < LEAST_ENTRIES:
        return []
    async with loop.store.read() as tx:
        said = {one.ref for one in await tx.decisions.every(loop.assistant) if one.by == by}
    left = [one for one in await _made(loop, entries) if one[0].ref not in said]
    return sorted(left, key=lambda one: _drawn(by, one[0].ref))


async def _of_others(loop: Loop, by: str) -> list[Entry]:
    """Live entries that others approved, at most as many as are weighed beside each other."""
    entries = [entry for entry in await approved_entries(loop) if entry.by != by]
    return sorted(entries, key=lambda entry: _drawn(by, entry.id))[: gain.MOST]


async def _made(loop: Loop, entries: Sequence[Entry]) -> list[tuple[ReviewItem, ReviewState]]:
    """A control of every entry, with its known answer; it looks as any item does."""
    vectors, _ = await vectors_of(loop, [entry.answer for entry in entries])
    cosines = vectors @ vectors.T
    others = [entries[int(far)].answer for far in cosines.argmin(axis=1)]
    wrong = [int(_drawn("", e.id), 16) % 2 == 1 for e in entries] & (cosines.min(axis=1) < OTHER)
    items = [
        _item(entry, other if is_wrong else entry.answer)
        for entry, other, is_wrong in zip(entries, others, wrong, strict=True)
    ]
    swapped = {item.ref for item, is_wrong in zip(items, wrong, strict=True) if is_wrong}
    return [
        (item.model_copy(update={"alike": ()}), "rejected" if item.ref in swapped else "approved")
        for item in await gain.by_gain(loop, items)
    ]


def _item(entry: Entry, answer: str) -> ReviewItem:
    return ReviewItem(
        kind="entry",
        ref=PREFIX + entry.id,
        state="proposed",
        title=entry.question,
        answer=answer,
        why="an answer of score 0.8, for any customer who asks this",
        score=8,
        at=entry.at,
    )


def _drawn(by: str, ref: str) -> str:
    """The same for the same reviewer and item, and in no order that shows."""
    return hashlib.sha256(f"{by}\0{ref}".encode()).hexdigest()


async def answered(
    loop: Loop, ref: str, state: ReviewState, expected: ReviewState, by: str
) -> None:
    """Write down what a reviewer said of a control; a correction says that it is wrong."""
    said: ReviewState = "rejected" if state == "corrected" else state
    await noted(loop, Decided(ref=ref, by=by, state=said, expected=expected))
