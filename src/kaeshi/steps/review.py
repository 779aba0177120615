"""The review queue and its decisions. Every decision carries a name."""

from collections.abc import Sequence
from datetime import datetime

from kaeshi import pii
from kaeshi.errors import InvalidInput
from kaeshi.loop import Loop
from kaeshi.nouns import Json, ReviewItem, ReviewState
from kaeshi.rules import review as rules
from kaeshi.store.feedback import Correction

LIMIT = 500
CORRECTED = 10  # tenths: a right answer in a customer's own words is worth a look first


async def queue(
    loop: Loop, *, state: ReviewState | None = "proposed", limit: int = 50
) -> list[ReviewItem]:
    """Proposed examples, entries and customers' corrections, the most valuable first."""
    async with loop.store.read() as tx:
        items = await tx.examples.waiting(loop.assistant, state, LIMIT)
        states: tuple[ReviewState, ...] = (
            (state,) if state else ("proposed", "approved", "corrected", "rejected")
        )
        found = await tx.knowledge.entries(loop.assistant, states, LIMIT)
        given = await tx.feedback.corrections_given(loop.assistant, state, LIMIT)
    items += _corrections(loop, given)
    items += [
        ReviewItem(
            kind="entry",
            ref=e.id,
            state=e.state,
            title=e.question[:120],
            score=score,
            at=e.at,
            by=e.by,
        )
        for e, score in found
    ]
    return rules.rank(items)[:limit]


def _corrections(loop: Loop, given: Sequence[Correction]) -> list[ReviewItem]:
    texts = [[one.words] for one in given]
    clean = pii.scrub_each(texts, loop.names.find_each(texts), loop.policy)
    return [
        ReviewItem(
            kind="correction",
            ref=one.submission,
            state=one.state,
            title=scrubbed.texts[0][:120],
            score=CORRECTED,
            at=one.at,
            by=one.by,
        )
        for one, scrubbed in zip(given, clean, strict=True)
    ]


async def decide(
    loop: Loop, ref: str, state: ReviewState, *, by: str, note: str = "", answer: str | None = None
) -> None:
    """Approve, correct or reject an example (ex_...), an entry (kb_...) or a correction (fb_...).

    Correcting needs the right answer, which is scrubbed first.
    """
    _check_decision(by, state, answer, ref)
    now = loop.clock.now()
    if ref.startswith("kb_"):
        await _decide_entry(answer, loop, ref, state, by, note, now)
        return
    if ref.startswith("fb_"):
        await _decide_correction(answer, loop, ref, state, by, note, now)
        return
    await _decide_example(loop, ref, state, answer, by, note, now)


def _check_decision(by: str, state: ReviewState, answer: str | None, ref: str) -> None:
    if not by.strip() or len(by) > 200:  # the column's width
        msg = "a decision needs the name of a person (--by NAME, at most 200 characters)"
        raise InvalidInput(msg)
    if state == "corrected" and not (answer or "").strip():
        msg = f"correcting {ref!r} needs the right answer (--answer TEXT)"
        raise InvalidInput(msg)


async def _decide_entry(
    answer: str | None, loop: Loop, ref: str, state: ReviewState, by: str, note: str, now: datetime
) -> None:
    if answer is not None and pii.holds_placeholder(_clean(loop, answer)):
        msg = f"the answer for {ref!r} holds personal data; an entry may be shown to any customer"
        raise InvalidInput(msg)
    async with loop.store.write() as tx:
        await tx.knowledge.decide(
            loop.assistant,
            ref,
            state,
            by,
            note[:1000],
            now,
            answer if state == "corrected" else None,
        )


async def _decide_correction(
    answer: str | None, loop: Loop, ref: str, state: ReviewState, by: str, note: str, now: datetime
) -> None:
    clean = _clean(loop, answer) if answer is not None and state == "corrected" else None
    async with loop.store.write() as tx:
        await tx.feedback.decide_correction(loop.assistant, ref, state, by, note[:1000], now, clean)


async def _decide_example(
    loop: Loop, ref: str, state: ReviewState, answer: str | None, by: str, note: str, now: datetime
) -> None:
    async with loop.store.write() as tx:
        example = await tx.examples.get(loop.assistant, ref)
        corrected = (
            None
            if state != "corrected" or example.body is None
            else _with_answer(example.example.messages, _clean(loop, answer or ""))
        )
        await tx.examples.decide(loop.assistant, ref, state, by, note[:1000], now, corrected)


def _clean(loop: Loop, text: str) -> str:
    return pii.scrub([text], loop.names.find([text]), loop.policy).texts[0]


def _with_answer(messages: list[Json], answer: str) -> list[Json]:
    return [*messages[:-1], {"role": "assistant", "content": answer}]
