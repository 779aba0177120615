"""The review queue and its decisions. Every decision carries a name."""

import hashlib
import json
from collections.abc import Sequence
from datetime import datetime
from typing import get_args

from kaeshi import pii
from kaeshi.errors import InvalidInput, NotFound
from kaeshi.loop import Loop
from kaeshi.nouns import Entry, Json, ReviewItem, ReviewKind, ReviewState
from kaeshi.rules import review as rules
from kaeshi.rules.agreement import Decided
from kaeshi.steps import gain, gaps, knowledge
from kaeshi.steps.collection import scrub_messages
from kaeshi.store.conversation_rows import Said
from kaeshi.store.feedback_rows import Correction

LIMIT = 500
CORRECTED = 10  # tenths: a right answer in a customer's own words is worth a look first


async def queue(
    loop: Loop,
    *,
    state: ReviewState | None = "proposed",
    kind: ReviewKind | None = None,
    limit: int = 50,
) -> list[ReviewItem]:
    """Proposed examples, entries and customers' corrections.

    What waits comes by what a person's word would tell, each question once (steps/gain.py). Gaps
    are listed where they are asked for, the one that most customers met first.
    """
    if kind == "gap":
        return (await gaps.waiting(loop))[:limit] if state in {"proposed", None} else []
    items = await _items(loop, state, kind)
    wanted = rules.rank(item for item in items if kind is None or item.kind == kind)
    if state != "proposed":
        return wanted[:limit]
    return [*await gain.by_gain(loop, wanted[: gain.MOST]), *wanted[gain.MOST :]][:limit]


async def _items(
    loop: Loop, state: ReviewState | None, kind: ReviewKind | None
) -> list[ReviewItem]:
    """The items of a state, of any for None; corrections only where their kind is wanted."""
    async with loop.store.read() as tx:
        items = await tx.examples.waiting(loop.assistant, state, LIMIT)
        states = (state,) if state else get_args(ReviewState)
        found = await tx.knowledge.entries(loop.assistant, states, LIMIT)
        given = await tx.feedback.corrections_given(loop.assistant, state, LIMIT)
    items += await _corrections(loop, given if kind in {None, "correction"} else [])
    against = await knowledge.contradicted(loop, [entry for entry, _ in found])
    return items + [_of_entry(entry, score, against.get(entry.id)) for entry, score in found]


def _of_entry(entry: Entry, score: int, against: Entry | None) -> ReviewItem:
    """`against`: the live entry that answers its question otherwise."""
    why = f"an answer of score {score / 10:g}, for any customer who asks this"
    if against is not None:
        why = f"it contradicts {against.id}, which says: {against.answer}"
    return ReviewItem(
        kind="entry",
        ref=entry.id,
        state=entry.state,
        title=entry.question,
        answer=entry.answer,
        conversation=entry.conversation,
        why=why,
        score=score,
        at=entry.at,
        by=entry.by,
        against=against.id if against else "",
    )


async def _corrections(loop: Loop, given: Sequence[Correction]) -> list[ReviewItem]:
    """Corrections with the questions they answer, scrubbed together."""
    async with loop.store.read() as tx:
        stored = await tx.conversations.read(
            loop.assistant, list(dict.fromkeys(one.conversation for one in given))
        )
    said = {one.id: one.said for one in stored}
    texts = [[*_asked(said.get(one.conversation, ()), one.message), one.words] for one in given]
    clean = pii.scrub_each(texts, loop.names.find_each(texts), loop.policy)
    return [
        ReviewItem(
            kind="correction",
            ref=one.submission,
            state=one.state,
            title=scrubbed.texts[0],
            answer=scrubbed.texts[2],
            conversation=one.conversation,
            why=f"a customer's correction of: {scrubbed.texts[1]}",
            score=CORRECTED,
            at=one.at,
            by=one.by,
        )
        for one, scrubbed in zip(given, clean, strict=True)
    ]


def _asked(said: Sequence[Said], message: str) -> tuple[str, str]:
    """The question before a message, and the message."""
    upto = [each.message for each in said]
    names = [each.id for each in said]
    return rules.last_exchange(upto[: names.index(message) + 1] if message in names else upto)


async def look(loop: Loop, ref: str) -> Json:
    """One item of the queue, with what was said before it, scrubbed. Raises NotFound."""
    items = await queue(loop, state=None, limit=3 * LIMIT)
    item = next((each for each in items if each.ref == ref), None)
    if item is None:
        msg = (
            f"{ref!r} is not in the queue of assistant {loop.assistant!r}; `kaeshi review list "
            "--state all` shows what is"
        )
        raise NotFound(msg)
    said = await _around(loop, item.conversation) if item.conversation else []
    return {**item.model_dump(mode="json"), "messages": said}


async def _around(loop: Loop, conversation: str) -> list[Json]:
    """A conversation's messages, scrubbed; none of an erased customer."""
    async with loop.store.read() as tx:
        stored = await tx.conversations.read(loop.assistant, [conversation])
    if not stored:
        return []
    messages, _ = scrub_messages(loop, [each.message for each in stored[0].said])
    return list(messages)


async def decide_alike(
    loop: Loop, ref: str, state: ReviewState, *, by: str, note: str = "", answer: str | None = None
) -> list[str]:
    """`decide` about an item, and about all that ask the same and say the same.

    Returns their refs. Raises NotFound for an item that does not wait.
    """
    item = await waiting_item(loop, ref)
    refs = [ref, *(one for one in (item.ref, *item.alike) if one != ref)]
    for one in refs:
        await decide(loop, one, state, by=by, note=note, answer=answer)
    return refs


async def decide(
    loop: Loop, ref: str, state: ReviewState, *, by: str, note: str = "", answer: str | None = None
) -> bool:
    """Approve, correct or reject an example (ex_...), an entry (kb_...) or a correction (fb_...).

    Correcting needs the right answer, which is scrubbed first. Returns whether it counts: where
    several reviewers must agree (REVIEWERS), it does once enough have said the same. Raises
    NotFound.
    """
    _check_decision(by, state, answer, ref)
    by = " ".join(by.split())
    decided = Decided(ref=ref, by=by, state=state, about=await _digest(loop, ref, answer))
    if not await _is_agreed(loop, decided):
        await noted(loop, decided)
        return False
    await _apply(loop, ref, state, by, note, answer)
    await noted(loop, decided)
    return True


async def _digest(loop: Loop, ref: str, answer: str | None) -> str:
    """Of what is decided about, where several must agree: it may change between two of them."""
    if loop.settings.reviewers == 1:
        return ""
    item = await exact_item(loop, ref)
    said = json.dumps([item.title, item.answer, (answer or "").strip()])
    return hashlib.sha256(said.encode()).hexdigest()[:32]


async def _is_agreed(loop: Loop, decided: Decided) -> bool:
    """Whether enough reviewers say the same about the same by now."""
    if loop.settings.reviewers == 1:
        return True
    async with loop.store.read() as tx:
        found = await tx.decisions.about(loop.assistant, [decided.ref])
    said = {one.by: (one.state, one.about) for one in found}
    like = sum(
        by != decided.by and known == (decided.state, decided.about) for by, known in said.items()
    )
    return like + 1 >= loop.settings.reviewers


async def exact_item(loop: Loop, ref: str) -> ReviewItem:
    """The item that waits under this very ref. Raises NotFound."""
    gap = ref.startswith("gap_")
    items = await gaps.waiting(loop) if gap else await _items(loop, "proposed", None)
    item = next((each for each in items if each.ref == ref), None)
    if item is None:
        raise _unknown(ref)
    return item


def _unknown(ref: str) -> NotFound:
    return NotFound(f"{ref!r} does not wait for review; `kaeshi review list` shows what does")


async def noted(loop: Loop, decided: Decided) -> None:
    """Write a decision down under its name, for agreement and reliability."""
    async with loop.store.write() as tx:
        await tx.decisions.add(loop.assistant, loop.ids.new("decision"), decided, loop.clock.now())


async def waiting_item(loop: Loop, ref: str) -> ReviewItem:
    """The item that waits under this ref, or that stands for it. Raises NotFound."""
    kind: ReviewKind | None = "gap" if ref.startswith("gap_") else None
    waiting = await queue(loop, kind=kind, limit=3 * LIMIT)
    item = next((each for each in waiting if ref in {each.ref, *each.alike}), None)
    if item is None:
        raise _unknown(ref)
    return item


async def _apply(
    loop: Loop, ref: str, state: ReviewState, by: str, note: str, answer: str | None
) -> None:
    now = loop.clock.now()
    if ref.startswith("gap_"):
        await _decide_gap(answer, loop, ref, state, by)
        return
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


async def _decide_gap(
    answer: str | None, loop: Loop, ref: str, state: ReviewState, by: str
) -> None:
    if state != "corrected" or answer is None:
        msg = (
            f"a gap has no answer to be {state}; give it one: kaeshi review correct {ref} --answer"
        )
        raise InvalidInput(msg)
    await gaps.fill(loop, ref, answer, by=by)


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
