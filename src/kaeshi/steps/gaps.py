"""Finds what the assistant could not answer in the latest conversations."""

from contextlib import suppress

from kaeshi import pii
from kaeshi.errors import InvalidInput, NotFound
from kaeshi.formats.faq import Written
from kaeshi.loop import Loop
from kaeshi.nouns import ReviewItem
from kaeshi.rules import gaps as rules
from kaeshi.steps import answering, builds
from kaeshi.steps.faq import import_pairs
from kaeshi.store.conversation_rows import Stored

AT_ONCE = 200
MOST = 5_000  # conversations that are looked at, the latest


async def gaps(loop: Loop, *, only_agreed: bool = False) -> list[rules.Gap]:
    """The gaps of the latest conversations, scrubbed, the one that most customers met first.

    `only_agreed`: of conversations that may be learned from.
    """
    found = await _latest(loop, only_agreed=only_agreed)
    if not found:
        return []
    questions = [one.question for one in found]
    vectors = loop.embedder.embed(questions)
    return rules.grouped(found, vectors, _answered(loop, questions, vectors))


async def waiting(loop: Loop) -> list[ReviewItem]:
    """Gaps that are not filled, as items of the review: what is missing is the answer.

    Their questions become entries, so they are of conversations that may be learned from.
    """
    return [
        ReviewItem(
            kind="gap",
            ref=gap.id,
            state="proposed",
            title=gap.name,
            why=f"{gap.customers} customers asked {gap.questions} times and were handed over; "
            "correct it with the answer",
            score=min(gap.customers, 10),
            at=gap.first,
        )
        for gap in await gaps(loop, only_agreed=True)
        if gap.covered < gap.questions
    ]


async def fill(loop: Loop, ref: str, answer: str, *, by: str) -> int:
    """Give a gap's questions one answer, as approved entries; returns how many are new.

    Its name and its most frequent questions, those without personal data. Raises NotFound for a gap
    that is not there, InvalidInput where the answer holds personal data.
    """
    found = await gaps(loop, only_agreed=True)
    gap = next((each for each in found if each.id == ref), None)
    if gap is None:
        msg = f"gap {ref!r} is not there; `kaeshi knowledge gaps` shows what is"
        raise NotFound(msg)
    of = dict(zip(gap.examples, gap.conversations, strict=True))
    pairs = [
        (ref, Written(question, answer, conversation=of.get(question)))
        for question in dict.fromkeys((gap.name, *gap.examples))
        if not pii.holds_placeholder(question)
    ]
    done = await import_pairs(loop, pairs, by=by)
    if not done.new and done.refused:
        raise InvalidInput(done.refused[0])
    return done.new


async def _latest(loop: Loop, *, only_agreed: bool) -> list[rules.Unanswered]:
    """What was handed over in the latest conversations."""
    found: list[rules.Unanswered] = []
    before: tuple[int, str] | None = None
    seen = 0
    while seen < MOST:
        async with loop.store.read() as tx:
            heads = await tx.reports.latest(loop.assistant, before, AT_ONCE)
            stored = await tx.conversations.read(loop.assistant, [head.id for head in heads])
        if not heads:
            break
        before = (heads[-1].started_at, heads[-1].id)
        seen += len(heads)
        agreed = [one for one in stored if one.consent != "none"]
        found += _unanswered(loop, agreed if only_agreed else stored)
    return found


def _unanswered(loop: Loop, stored: list[Stored]) -> list[rules.Unanswered]:
    """The questions of these conversations that were handed over, each scrubbed by itself."""
    asked = [
        (one, question)
        for one in stored
        for question in rules.unanswered([each.message for each in one.said], one.facts)
    ]
    texts = [[question] for _, question in asked]
    clean = pii.scrub_each(texts, loop.names.find_each(texts), loop.policy)
    return [
        rules.Unanswered(
            question=rules.to_the_point(scrubbed.texts[0]),
            customer=one.customer,
            conversation=one.id,
            at=one.started_at,
        )
        for (one, _), scrubbed in zip(asked, clean, strict=True)
    ]


def _answered(loop: Loop, questions: list[str], vectors: answering.Floats) -> list[float]:
    """The probability that the knowledge base answers each question now; 0 without a base."""
    with suppress(NotFound):
        path = builds.manifest_path(loop)
        fitted = answering.read(path, builds.current(loop))
        if fitted is not None:
            answerer, _ = fitted
            best = answerer.shares(questions, vectors).max(axis=1)
            return [float(p) for p in best * answerer.is_known(questions, vectors)]
    return [0.0] * len(questions)
