"""Turns conversations into examples: judged, scrubbed, kept or dropped with a reason."""

import asyncio
import hashlib
import logging
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal

from kaeshi import pii
from kaeshi.errors import KaeshiError, MissingModel, TimedOut
from kaeshi.loop import Loop
from kaeshi.nouns import (
    Drop,
    Filters,
    Json,
    Keep,
    Opinion,
    Scrubbed,
    Signals,
    Watch,
)
from kaeshi.pii.scripts import unread
from kaeshi.rules import collection as rules
from kaeshi.rules import feedback as scoring
from kaeshi.rules.conversation import NOTHING_STORED, is_answer, rated_turn, says_something
from kaeshi.rules.quality import stars_of
from kaeshi.steps.parking import settle
from kaeshi.steps.weighing import weigh
from kaeshi.store.conversation_rows import Stored
from kaeshi.store.examples import Judged, Reviewed, Signalled, by_type
from kaeshi.store.verbs import dumps

AT_ONCE = 100
MARKED_AT_ONCE = 1_000
Clean = tuple[tuple[Json, ...], Scrubbed]
Said = Mapping[str, list[tuple[int, Opinion]]]
Failed = Literal["unscrubbed", "timed_out", "unread_script"]
log = logging.getLogger("kaeshi")


@dataclass
class Collected:
    """The result of a collection, and whether there is enough to retrain."""

    judged: int = 0
    kept: int = 0
    dropped: Counter[str] = field(default_factory=Counter)
    pii: Counter[str] = field(default_factory=Counter)
    total_kept: int = 0
    waiting: int = 0  # of those, how many a person must approve first
    refiltered: int = 0  # judged again, because the filters in the settings changed
    ready_to_retrain: bool = False


def filters(loop: Loop) -> Filters:
    """The filters in the settings."""
    s = loop.settings
    return Filters(
        min_quality_tenths=s.min_quality_tenths,
        min_confidence=s.min_confidence,
        min_rating=s.min_rating,
        missing_quality=s.missing_quality,
        missing_rating=s.missing_rating,
        missing_confidence=s.missing_confidence,
        drop_outcomes=s.drop_outcomes,
    )


async def collect(loop: Loop, wanted: Filters | None = None) -> Collected:
    """Judge every closed conversation that changed since it was last judged.

    It advances by a cursor in short transactions: a crash repeats at most one piece, and repeating
    changes nothing. Where the filters in the settings are not those of the last collection, what
    they decide otherwise is judged again.
    """
    using = wanted or filters(loop)
    done = Collected()
    started = loop.clock.now()
    if wanted is None:
        done.refiltered = await _mark_refiltered(loop, using)
    await settle(loop)
    after = ""
    while True:
        stored, said, reviews = await _next_page(loop, after)
        if not stored:
            break
        # on a thread, so that a server which collects goes on answering
        judged = await asyncio.to_thread(judge, loop, stored, said, using, reviews)
        async with loop.store.write() as tx:
            await tx.examples.put(loop.assistant, judged, loop.clock.now())
            await tx.conversations.settle_changes(loop.assistant, stored)
        _count(done, judged)
        after = stored[-1].id
    _count_doubtful(done, await weigh(loop))
    # other filters than the settings' are for once, and the next collection does not go by them
    named = "" if wanted is not None else using.model_dump_json()
    await _written_down(loop, done, named, started)
    done.ready_to_retrain = done.total_kept - done.waiting >= loop.settings.retraining_threshold
    return done


async def _mark_refiltered(loop: Loop, using: Filters) -> int:
    """Have those judged again that other filters decide otherwise; returns how many."""
    async with loop.store.read() as tx:
        last = await tx.examples.last_filters(loop.assistant)
    if last in {"", using.model_dump_json()}:
        return 0
    marked = 0
    after = ""
    while True:
        async with loop.store.read() as tx:
            page = await tx.examples.signals(loop.assistant, after, MARKED_AT_ONCE)
        if not page:
            return marked
        after = page[-1].conversation
        marked += await _mark(
            loop, [each.conversation for each in page if _is_decided_otherwise(each, using)]
        )


async def _mark(loop: Loop, conversations: Sequence[str]) -> int:
    async with loop.store.write() as tx:
        await tx.conversations.mark_changed(loop.assistant, conversations)
    return len(conversations)


def _is_decided_otherwise(judged: Signalled, using: Filters) -> bool:
    """Whether these filters keep what was dropped by a filter, or drop what was kept."""
    refused = rules.refused_by_signals(judged.consent, judged.facts, judged.signals, using)
    if judged.reason is None:
        return refused is not None
    if judged.reason not in rules.BY_FILTERS:
        return False
    return refused is None or refused.reason != judged.reason


async def why_nothing(loop: Loop) -> str:
    """Why a collection judged nothing, and what to type."""
    async with loop.store.read() as tx:
        total = await tx.conversations.count(loop.assistant)
        still_open = await tx.reports.count_open(loop.assistant)
    if not total:
        return NOTHING_STORED
    if still_open:
        minutes = loop.settings.idle_minutes
        return (
            f"{still_open} of {total} conversations are still open: each closes {minutes:g} "
            "minutes (IDLE_MINUTES) after its last message, and is judged then"
        )
    return f"none of the {total} conversations changed since they were judged"


async def _next_page(
    loop: Loop, after: str
) -> tuple[list[Stored], dict[str, list[tuple[int, Opinion]]], dict[str, Reviewed]]:
    idle_before = loop.clock.now() - timedelta(minutes=loop.settings.idle_minutes)
    async with loop.store.read() as tx:
        stored = await tx.conversations.changed(loop.assistant, after, AT_ONCE, idle_before)
        said = await tx.feedback.on(loop.assistant, [s.id for s in stored])
        reviews = await tx.examples.reviews(loop.assistant, [s.id for s in stored])
    return stored, said, reviews


async def _written_down(loop: Loop, done: Collected, filters: str, started: datetime) -> None:
    finished = loop.clock.now()
    async with loop.store.write() as tx:
        done.total_kept, done.waiting = await tx.examples.count_kept(
            loop.assistant, review_unnamed=loop.settings.review_unnamed
        )
        if done.judged:
            await tx.examples.add_collection_run(
                loop.assistant,
                loop.ids.new("collection"),
                done.kept,
                done.dropped,
                filters,
                started,
                finished,
            )


def judge(
    loop: Loop,
    stored: Sequence[Stored],
    said: Mapping[str, list[tuple[int, Opinion]]],
    using: Filters,
    reviews: Mapping[str, Reviewed],
) -> list[Judged]:
    """Each conversation's verdict, with its scrubbed text where it is kept.

    A conversation that cannot be scrubbed is dropped.
    """
    signals: list[Signals] = []
    verdicts: list[Drop | Keep] = []
    for s in stored:
        upto, known = _signals_of(s, said)
        _verdict_of(s, upto, known, using, signals, verdicts, reviews)
    taken = [_upto_of(s, said, verdict) for s, verdict in zip(stored, verdicts, strict=True)]
    scrubbed = _scrubbed_texts(stored, taken, loop)
    version = scrubber_version(loop)
    judged = []
    for s, known, verdict, upto in zip(stored, signals, verdicts, taken, strict=True):
        clean = verdict.reason if isinstance(verdict, Drop) and upto is None else next(scrubbed)
        review = _still_valid(reviews.get(s.id, _UNSEEN), verdict)
        judged.append(_judged_as(loop, s, clean, verdict, known, version, review))
    return judged


def _upto_of(s: Stored, said: Said, verdict: Keep | Drop) -> int | None:
    """Up to where the conversation is scrubbed and stored; None where it is not.

    A single question whose answer customers blame is stored, too: all votes on the same answer are
    weighed together.
    """
    if isinstance(verdict, Keep):
        return verdict.upto
    roles = [turn.message["role"] for turn in s.said]
    is_single = roles.count("user") == 1 and roles[-1] == "assistant"
    is_rated = any(stars_of(opinion) is not None for _, opinion in said.get(s.id, ()))
    return len(roles) - 1 if is_single and is_rated and verdict.reason in rules.COMPARED else None


def _verdict_of(
    s: Stored,
    upto: int | None,
    known: Signals,
    using: Filters,
    signals: list[Signals],
    verdicts: list[Drop | Keep],
    reviews: Mapping[str, Reviewed],
) -> None:
    roles = [t.message["role"] for t in s.said]
    words = [says_something(t.message) for t in s.said]
    verdict: Keep | Drop = rules.judge(
        roles,
        words,
        upto,
        consent=s.consent,
        facts=s.facts,
        signals=known,
        filters=using,
        learnable=[is_answer(t.message) for t in s.said],
    )
    signals.append(known)
    verdicts.append(
        Drop(reason="damaged")
        if s.is_damaged
        else Drop(reason="rejected")
        if reviews.get(s.id, _UNSEEN).state == "rejected"
        else verdict
    )


def _signals_of(
    s: Stored, said: Mapping[str, list[tuple[int, Opinion]]]
) -> tuple[int | None, Signals]:
    upto = _upto(s, said.get(s.id, []))
    known = scoring.fold(
        [f for _, f in said.get(s.id, [])],
        s.said[upto].confidence if upto is not None else None,
    )
    by_colleague = s.is_from_gateway and s.is_logged(upto)
    return upto, known.model_copy(update={"by_colleague": by_colleague}) if by_colleague else known


def _judged_as(
    loop: Loop,
    s: Stored,
    clean: tuple[tuple[Json, ...], Scrubbed] | str,
    verdict: Keep | Drop,
    known: Signals,
    version: str,
    review: Reviewed,
) -> Judged:
    return Judged(
        id=example_id(loop.assistant, s.id),
        conversation=s.id,
        verdict=Drop(reason=clean)
        if isinstance(clean, str) and isinstance(verdict, Keep)
        else verdict,
        signals=known,
        facts=s.facts,
        consent=s.consent,
        intent=s.intents[0] if s.intents else "",
        body=None
        if isinstance(clean, str)
        else dumps(clean[0] if review.corrected is None else review.corrected),
        pii={} if isinstance(clean, str) else clean[1].recognised,
        scrubber=version,
        started_at=s.started_at,
        review=review.state,
        context=s.context,
        account=s.customer if s.is_from_gateway else "",
        is_logged=s.is_logged(verdict.upto if isinstance(verdict, Keep) else None),
        is_unnamed=s.is_unnamed,
        is_vouched=s.is_vouched,
        network=s.network,
    )


def _still_valid(review: Reviewed, verdict: Keep | Drop) -> Reviewed:
    """The decision, unless a later answer was never seen by the person who approved."""
    grown = isinstance(verdict, Keep) and verdict.upto != review.upto
    return _UNSEEN if review.state == "approved" and grown else review


def _scrubbed_texts(
    stored: Sequence[Stored], taken: Sequence[int | None], loop: Loop
) -> Iterator[Clean | Failed]:
    texts = [
        [turn.message for turn in s.said[: upto + 1]]
        for s, upto in zip(stored, taken, strict=True)
        if upto is not None
    ]
    return iter(scrub_each(loop, texts))


def scrub_messages(loop: Loop, messages: Sequence[Json], policy: pii.Policy | None = None) -> Clean:
    """A conversation's messages, scrubbed everywhere a text can stand.

    Tool calls and names included. `policy`: the deployment's unless another is given. Raises what
    the scrubber raises: a text is never passed as clean because scrubbing failed.
    """
    texts = _texts(messages)
    watch = _watch(loop)
    return _replaced_all(
        messages,
        pii.scrub(
            texts, loop.names.find_each([texts], watch=watch)[0], policy or loop.policy, watch=watch
        ),
    )


def scrub_each(loop: Loop, conversations: Sequence[Sequence[Json]]) -> list[Clean | Failed]:
    """Many conversations, scrubbed at once: the fast path.

    For one that cannot be scrubbed, the error.
    """
    texts = [_texts(messages) for messages in conversations]
    watch = _watch(loop)
    try:
        found = pii.scrub_each(
            texts, loop.names.find_each(texts, watch=watch), loop.policy, watch=watch
        )
    except MissingModel:  # the others are not at fault
        raise
    except Exception as error:  # a conversation that raised anything is not learned
        return _again_one_by_one(conversations, loop, error)
    return [
        "unread_script"
        if unread(said, loop.names.reads) is not None
        else _replaced_all(messages, scrubbed)
        for messages, said, scrubbed in zip(conversations, texts, found, strict=True)
    ]


def _again_one_by_one(
    conversations: Sequence[Sequence[Json]], loop: Loop, error: Exception
) -> list[Clean | Failed]:
    if len(conversations) > 1:  # one conversation may be the cause, so each is tried alone
        return [clean for one in conversations for clean in scrub_each(loop, [one])]
    log.warning(
        "a conversation cannot be scrubbed: %s",
        error if isinstance(error, KaeshiError) else type(error).__name__,
    )
    return ["timed_out" if isinstance(error, TimedOut) else "unscrubbed"]


def _watch(loop: Loop) -> Watch:
    """Stops scrubbing that takes longer than allowed."""
    clock = loop.clock
    most = loop.settings.scrub_seconds
    ends = clock.now() + timedelta(seconds=most)

    def watch() -> None:
        if clock.now() > ends:
            msg = f"scrubbing took longer than {most:g} seconds; raise SCRUB_SECONDS"
            raise TimedOut(msg)

    return watch


def scrubber_version(loop: Loop) -> str:
    """The version of the scrubber.

    That of the patterns, of the name finder, and of the policy where it is the deployment's own.
    """
    own = (
        ""
        if loop.policy == pii.DEFAULT
        else f"+{hashlib.sha256(loop.policy.model_dump_json().encode()).hexdigest()[:8]}"
    )
    return f"{pii.VERSION}+{loop.names.version}{own}"


def example_id(assistant: str, conversation: str) -> str:
    """One example per conversation, with the same id in every run."""
    return (
        "ex_"
        + hashlib.sha256(
            f"{assistant}\0{conversation}".encode("utf-8", "surrogatepass")
        ).hexdigest()[:24]
    )


def _upto(stored: Stored, said: list[tuple[int, Opinion]]) -> int | None:
    """The last rated assistant message; without feedback, the last one of substance."""
    rated = [
        p for p, _ in said if p < len(stored.said) and stored.said[p].message["role"] == "assistant"
    ]
    if rated:
        return max(rated)
    return rated_turn([s.message for s in stored.said])


_UNSEEN = Reviewed("proposed", None, None)
_STRUCTURE = frozenset({"role", "type", "id", "tool_call_id", "detail", "format"})


def _texts(messages: Sequence[Json]) -> list[str]:
    texts: list[str] = []
    for message in messages:
        if _is_plain(message):
            texts.append(message["content"])
        else:
            _walk(message, texts.append)
    return texts


def _replaced_all(messages: Sequence[Json], found: Scrubbed) -> Clean:
    clean = iter(found.texts)
    return tuple(
        {**message, "content": next(clean)} if _is_plain(message) else _replaced(message, clean, "")
        for message in messages
    ), found


def _is_plain(message: Json) -> bool:
    """Whether a message has only a role and a text, as nearly all do: the fast path."""
    return len(message) == 2 and "role" in message and isinstance(message.get("content"), str)


def _walk(value: object, take: Callable[[str], None], key: str = "") -> None:
    if isinstance(value, str) and key not in _STRUCTURE:
        take(value)
    elif isinstance(value, dict):
        for name in value:
            _walk(value[name], take, name)
    elif isinstance(value, list):
        for item in value:
            _walk(item, take, key)


def _replaced(value: Any, texts: Iterator[str], key: str) -> Any:  # the same type as the input
    if isinstance(value, str) and key not in _STRUCTURE:
        return next(texts)
    if isinstance(value, dict):
        return {name: _replaced(item, texts, name) for name, item in value.items()}
    if isinstance(value, list):
        return [_replaced(item, texts, key) for item in value]
    return value


def _count_doubtful(done: Collected, doubtful: int) -> None:
    if doubtful:
        done.kept -= doubtful
        done.dropped["doubtful"] += doubtful


def _count(done: Collected, judged: list[Judged]) -> None:
    for j in judged:
        done.judged += 1
        if isinstance(j.verdict, Keep):
            done.kept += 1
            done.pii.update(by_type(j.pii))
        else:
            done.dropped[j.verdict.reason] += 1
