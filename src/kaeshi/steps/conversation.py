"""Logging conversations, their outcomes, and closing them."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from kaeshi.errors import InvalidInput
from kaeshi.loop import Loop
from kaeshi.nouns import (
    Assignment,
    Candidate,
    Consent,
    Conversation,
    Json,
    Rollout,
    text_of,
)
from kaeshi.rules import conversation as rules
from kaeshi.rules.assignment import arm_of
from kaeshi.steps.contexts import clean
from kaeshi.steps.parking import settle
from kaeshi.store.verbs import moment

MAX_ROWS = 400
CLOSE_AT_ONCE = 200
LISTED_AT_ONCE = 200
SHOWN = 60  # characters of the first words


@dataclass
class Logged:
    """The result of logging: new and grown conversations, and refused records.

    Refused ones with place and reason. `consents`: known ones whose consent changed; `withdrawn`:
    those whose withdrawal stands against a grant; `silent`: new ones without consent, from which
    nothing is learned.
    """

    new: int = 0
    grown: int = 0
    unchanged: int = 0
    messages: int = 0
    consents: int = 0
    withdrawn: int = 0
    silent: int = 0
    refused: list[str] = field(default_factory=list)


async def log(
    loop: Loop,
    records: Iterable[object],
    *,
    consent: Consent | None = None,
    place_of: Callable[[int], str] = lambda i: f"record {i + 1}",
    closed_before: bool = True,
) -> Logged:
    """Store conversation records, in transactions of at most MAX_ROWS messages.

    A bad record is refused and counted; the rest is stored. Conversations whose last message is
    older than the idle time are closed on arrival.
    """
    done = Logged()
    now = loop.clock.now()
    batch: list[tuple[int, Conversation]] = []
    rows = 0
    for index, record in enumerate(records):
        try:
            conversation = (
                record
                if isinstance(record, Conversation)
                else rules.parse(record, assistant=loop.assistant, now=now, consent=consent)
            )
        except InvalidInput as error:
            done.refused.append(f"{place_of(index)}: {error}")
            continue
        conversation = _closed_if_idle(closed_before, conversation, now, loop)
        conversation = _with_clean_context(loop, conversation)
        if batch and (
            batch[0][1].assistant != conversation.assistant
            or rows + len(conversation.turns) > MAX_ROWS
        ):
            await _store(loop, batch, now, done, place_of)
            batch = []
            rows = 0
        batch.append((index, conversation))
        rows += len(conversation.turns)
    await _store(loop, batch, now, done, place_of)
    await settle(loop)
    return done


def _closed_if_idle(
    closed_before: bool, conversation: Conversation, now: datetime, loop: Loop
) -> Conversation:
    if (
        closed_before
        and not conversation.closed
        and rules.is_idle(conversation.last_at, now, loop.settings.idle_minutes)
    ):
        conversation = conversation.model_copy(update={"closed": True})
    return conversation


def _with_clean_context(loop: Loop, conversation: Conversation) -> Conversation:
    if not conversation.context:
        return conversation
    return conversation.model_copy(update={"context": clean(loop, conversation.context)})


async def report_outcome(
    loop: Loop,
    conversation: str,
    reported: Mapping[str, object],
    *,
    at: datetime | None = None,
    source: str = "api",
) -> int:
    """Append reported outcomes; late and repeated reports are welcome.

    Returns how many were new.
    """
    now = loop.clock.now()
    if at is not None and at > now + timedelta(days=1):
        msg = (
            f"outcome of {conversation!r} at {at.isoformat()}: that is in the future, so no "
            "later report could correct it"
        )
        raise InvalidInput(msg)
    outcomes = rules.outcomes(reported, at=at or now, source=source)
    if not outcomes:
        msg = f"no outcome reported for {conversation!r}; give at least one that is not null"
        raise InvalidInput(msg)
    async with loop.store.write() as tx:
        return await tx.conversations.add_outcomes(loop.assistant, conversation, outcomes, now)


async def close_idle(loop: Loop) -> int:
    """Close conversations without a message for the idle time; returns how many."""
    now = loop.clock.now()
    total = 0
    before = now - timedelta(minutes=loop.settings.idle_minutes)
    while True:
        async with loop.store.write() as tx:
            closed = await tx.conversations.close_idle(loop.assistant, before, now, CLOSE_AT_ONCE)
        total += closed
        if closed < CLOSE_AT_ONCE:
            return total


async def latest(loop: Loop, limit: int, search: str | None = None) -> list[Json]:
    """The latest conversations, the newest first, or the latest in which `search` was said.

    What is not stored yet of the gateway's is in `kaeshi gateway work`'s hands.
    """
    found: list[Json] = []
    before: tuple[int, str] | None = None
    wanted = search.casefold() if search else None
    while len(found) < limit:
        async with loop.store.read() as tx:
            heads = await tx.reports.latest(loop.assistant, before, LISTED_AT_ONCE)
            stored = await tx.conversations.read(loop.assistant, [head.id for head in heads])
        if not heads:
            break
        before = (heads[-1].started_at, heads[-1].id)
        said = {one.id: [each.message for each in one.said] for one in stored}
        found += [
            _listed(head, said.get(head.id, []))
            for head in heads
            if wanted is None or _is_said(wanted, said.get(head.id, []))
        ]
    return found[:limit]


def _is_said(wanted: str, said: list[Json]) -> bool:
    return any(wanted in text_of(message).casefold() for message in said)


def _listed(head: Any, said: list[Json]) -> Json:
    """What a list shows: the customer's first words, not the prompt that all share."""
    texts = [text_of(message) for message in said if message["role"] == "user"]
    first = texts or [text_of(message) for message in said] or ["(erased)"]
    words = " ".join(first[0].split())
    return {
        "conversation_id": head.id,
        "started_at": moment(head.started_at).isoformat(),
        "messages": head.message_count,
        "consent": head.consent,
        "arm": head.arm,
        "closed": head.closed_at is not None,
        "said": words if len(words) <= SHOWN else f"{words[: SHOWN - 1]}…",
    }


async def show(loop: Loop, conversation: str) -> Json:
    """One conversation with its texts decrypted. Raises NotFound."""
    async with loop.store.read() as tx:
        return await tx.conversations.show(loop.assistant, conversation)


@dataclass(frozen=True, kw_only=True)
class Routing:
    """Which models answer customers at one moment.

    Production, and the candidate with its experiment and share while a rollout is live. During a
    holdout `production` is the former model and `candidate` the promoted one, so that arms keep
    their meaning. `epoch`: the version of the rollout that this was read from.
    """

    production: Candidate | None
    experiment: str | None = None
    candidate: Candidate | None = None
    share: float = 0.0
    mirrored: bool = False
    epoch: int = 0

    def assign(self, customer: str) -> tuple[Assignment | None, Candidate | None]:
        """The customer's arm, and the candidate that answers (None: nothing is in production)."""
        if self.experiment is None:
            return None, self.production
        arm = arm_of(self.experiment, customer, self.share)
        answering = self.candidate if arm == "candidate" else self.production
        return Assignment(experiment=self.experiment, arm=arm, share=self.share), answering


def holdout_since(loop: Loop) -> datetime:
    """Promotions after this time still have a holdout; in the future where there are none."""
    days = loop.settings.rollout_holdout_days if loop.settings.rollout_holdout_percent else -1
    return loop.clock.now() - timedelta(days=days)


async def routing(loop: Loop) -> Routing:
    """Read the present routing."""
    async with loop.store.read() as tx:
        production = await tx.rollouts.production(loop.assistant)
        rollout = await tx.rollouts.live(loop.assistant) or await tx.rollouts.held_out(
            loop.assistant, holdout_since(loop)
        )
        if rollout is None or rollout.state == "gate":
            return Routing(production=production)
        candidate = await tx.candidates.named(loop.assistant, rollout.candidate)
        if rollout.state == "full" and rollout.former is not None:
            production = await tx.candidates.named(loop.assistant, rollout.former)
    return _routing_of(rollout, production, candidate)


def _routing_of(rollout: Rollout, production: Candidate | None, candidate: Candidate) -> Routing:
    part = rollout.percent / 100
    return Routing(
        production=production,
        experiment=rollout.id,
        candidate=candidate,
        share=part,
        mirrored=rollout.state == "mirror",
        epoch=rollout.version,
    )


async def _store(
    loop: Loop,
    batch: list[tuple[int, Conversation]],
    now: datetime,
    done: Logged,
    place_of: Callable[[int], str],
) -> None:
    if not batch:
        return
    async with loop.store.write() as tx:
        added = await tx.conversations.add([c for _, c in batch], now)
    done.new += added.new
    done.grown += added.grown
    done.messages += added.messages
    done.unchanged += len(batch) - added.new - added.grown - len(added.refused)
    done.consents += len(added.consents.changed)
    done.withdrawn += added.consents.refused
    done.silent += added.silent
    done.refused += [f"{place_of(batch[i][0])}: {why}" for i, why in added.refused]
