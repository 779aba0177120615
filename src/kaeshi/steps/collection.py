"""Turning conversations into examples: judged, scrubbed, kept or dropped with a reason."""

import asyncio
import hashlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from kaeshi.errors import KaeshiError
from kaeshi.loop import Loop
from kaeshi.rules import collection as rules
from kaeshi.rules import feedback as scoring
from kaeshi.rules import pii
from kaeshi.rules.conversation import rated_turn
from kaeshi.store.conversations import Stored
from kaeshi.store.examples import Judged, by_type
from kaeshi.store.verbs import dumps
from kaeshi.types import Drop, Feedback, Filters, Json, Keep, Scrubbed, text_of

AT_ONCE = 100


@dataclass
class Collected:
    """What a collection did, and whether there is enough to retrain."""

    judged: int = 0
    kept: int = 0
    dropped: Counter[str] = field(default_factory=Counter)
    pii: Counter[str] = field(default_factory=Counter)
    total_kept: int = 0
    ready_to_retrain: bool = False


def filters(loop: Loop) -> Filters:
    """The filters as set."""
    s = loop.settings
    return Filters(
        min_quality_tenths=s.min_quality_tenths,
        min_confidence=s.min_confidence,
        min_rating=s.min_rating,
        missing_quality=s.missing_quality,
        missing_rating=s.missing_rating,
        missing_confidence=s.missing_confidence,
    )


async def collect(loop: Loop, wanted: Filters | None = None) -> Collected:
    """Judge every closed conversation that changed since it was last judged, however long ago it took place.

    Goes by cursor in short transactions: a crash repeats at most one piece, and repeating changes nothing.
    """
    using, done, started, after = wanted or filters(loop), Collected(), loop.clock.now(), ""
    while True:
        idle_before = loop.clock.now() - timedelta(minutes=loop.settings.idle_minutes)
        async with loop.store.read() as tx:
            stored = await tx.changed_conversations(loop.assistant, after, AT_ONCE, idle_before)
            said = await tx.feedback_on(loop.assistant, [s.id for s in stored])
            reviews = await tx.reviews(loop.assistant, [s.id for s in stored])
        if not stored:
            break
        # on a thread, so that a server which collects goes on answering
        judged = await asyncio.to_thread(lambda: [judge(loop, s, said.get(s.id, []), using, reviews.get(s.id)) for s in stored])  # noqa: B023  # awaited before the next turn
        async with loop.store.write() as tx:
            await tx.put_examples(loop.assistant, judged, loop.clock.now())
            await tx.settle_changes(loop.assistant, stored)
        _count(done, judged)
        after = stored[-1].id
    finished = loop.clock.now()
    async with loop.store.write() as tx:
        done.total_kept = await tx.count_kept(loop.assistant)
        if done.judged:
            await tx.add_collection_run(loop.assistant, loop.ids.new("collection"), done.kept, done.dropped, started, finished)
    done.ready_to_retrain = done.total_kept >= loop.settings.retraining_threshold
    return done


def judge(
    loop: Loop, stored: Stored, said: list[tuple[int, Feedback]], using: Filters, review: tuple[str, list[Json] | None] | None = None
) -> Judged:
    """One conversation's verdict, with its scrubbed text where it is kept. A scrubber that fails drops it."""
    upto = _upto(stored, said)
    signals = scoring.fold([f for _, f in said], stored.said[upto].confidence if upto is not None else None)
    roles, words = [s.message["role"] for s in stored.said], [bool(text_of(s.message).strip()) for s in stored.said]
    verdict: Keep | Drop = rules.judge(roles, words, upto, consent=stored.consent, facts=stored.facts, signals=signals, filters=using)
    if review is not None and review[0] == "rejected":
        verdict = Drop(reason="rejected")
    messages: tuple[Json, ...] | None = None
    counts: Mapping[str, int] = {}
    if isinstance(verdict, Keep):
        try:
            messages, scrubbed = scrub_messages(loop, [s.message for s in stored.said[: verdict.upto + 1]])
            counts = scrubbed.recognised
        except KaeshiError:
            verdict = Drop(reason="unscrubbed")
    if messages is not None and review is not None and review[1] is not None:
        messages = tuple(review[1])
    return Judged(
        id=example_id(loop.assistant, stored.id),
        conversation=stored.id,
        verdict=verdict,
        signals=signals,
        facts=stored.facts,
        consent=stored.consent,
        intent=stored.intents[0] if stored.intents else "",
        body=None if messages is None else dumps(messages),
        pii=counts,
        scrubber=scrubber_version(loop),
        started_at=stored.started_at,
        review=review[0] if review is not None else "proposed",  # type: ignore[arg-type]  # the store's column holds nothing else
    )


def scrub_messages(loop: Loop, messages: Sequence[Json], policy: pii.Policy | None = None) -> tuple[tuple[Json, ...], Scrubbed]:
    """A conversation's messages with personal data replaced everywhere a text can stand, tool calls and names included.

    `policy`: the deployment's unless another is given.
    """
    texts: list[str] = []
    for message in messages:
        _walk(message, texts.append)
    found: Scrubbed = pii.scrub(texts, loop.names.find(texts), policy or loop.policy)
    replaced = iter(found.texts)
    return tuple(_replace(message, replaced) for message in messages), found


def scrubber_version(loop: Loop) -> str:
    """Which scrubber made a text: the patterns' version, the name finder's, and the policy where it is the deployment's own."""
    own = "" if loop.policy == pii.DEFAULT else f"+{hashlib.sha256(loop.policy.model_dump_json().encode()).hexdigest()[:8]}"
    return f"{pii.VERSION}+{loop.names.version}{own}"


def example_id(assistant: str, conversation: str) -> str:
    """One example per conversation, under the same id in every run."""
    return "ex_" + hashlib.sha256(f"{assistant}\0{conversation}".encode("utf-8", "surrogatepass")).hexdigest()[:24]


def _upto(stored: Stored, said: list[tuple[int, Feedback]]) -> int | None:
    """The last rated assistant message; without feedback, the last one of substance."""
    rated = [p for p, _ in said if p < len(stored.said) and stored.said[p].message["role"] == "assistant"]
    if rated:
        return max(rated)
    return rated_turn([s.message for s in stored.said])


_STRUCTURE = frozenset({"role", "type", "id", "tool_call_id", "detail", "format"})


def _walk(value: object, take: Callable[[str], None], key: str = "") -> None:
    if isinstance(value, str) and key not in _STRUCTURE:
        take(value)
    elif isinstance(value, dict):
        for name in value:
            _walk(value[name], take, name)
    elif isinstance(value, list):
        for item in value:
            _walk(item, take, key)


def _replace(value: Json, texts: Iterator[str]) -> Json:
    replaced = _replaced(value, texts, "")
    assert isinstance(replaced, dict)  # a dictionary's shape is kept
    return replaced


def _replaced(value: object, texts: Iterator[str], key: str) -> object:
    if isinstance(value, str) and key not in _STRUCTURE:
        return next(texts)
    if isinstance(value, dict):
        return {name: _replaced(item, texts, name) for name, item in value.items()}
    if isinstance(value, list):
        return [_replaced(item, texts, key) for item in value]
    return value


def _count(done: Collected, judged: list[Judged]) -> None:
    for j in judged:
        done.judged += 1
        if isinstance(j.verdict, Keep):
            done.kept += 1
            done.pii.update(by_type(j.pii))
        else:
            done.dropped[j.verdict.reason] += 1
