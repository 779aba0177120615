"""Rows of conversations, their texts and outcomes, and how one is shown."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Any, NamedTuple

from sqlalchemy.engine.cursor import CursorResult
from sqlalchemy.engine.row import Row

from kaeshi.nouns import Consent, ConsentStatement, Conversation, Json, Outcome, Turn
from kaeshi.rules import conversation as rules
from kaeshi.rules.threads import UNVERIFIED, root, unnamed
from kaeshi.store.contexts import context_id
from kaeshi.store.keys import Keyring
from kaeshi.store.tables import changes
from kaeshi.store.verbs import dumps, micros, moment, nanos


class Said(NamedTuple):
    """One stored turn as collection reads it.

    Its id, OpenAI's message, and the answer's confidence.
    """

    id: str
    confidence: float | None
    message: Json


@dataclass(frozen=True, kw_only=True)
class Stored:
    """A stored conversation with its texts decrypted."""

    id: str
    customer: str
    consent: Consent
    intents: tuple[str, ...]
    started_at: datetime
    closed: bool
    version: int
    said: tuple[Said, ...]
    facts: Mapping[str, object]
    context: Json = field(default_factory=dict)
    is_damaged: bool = False  # a text cannot be decrypted
    is_from_gateway: bool = False  # else an operator logged or imported it
    is_unnamed: bool = False  # no request through the gateway named its customer
    is_vouched: bool = True  # a token names its customer, or an operator logged it
    network: str = ""  # a keyed hash
    replies: frozenset[str] = frozenset()  # messages that a model gave through the gateway

    def is_logged(self, upto: int | None) -> bool:
        """Whether an operator brought the answer at that place, such as a colleague's reply."""
        if not self.is_from_gateway:
            return True
        if upto is None or self.said[upto].message.get("weight") == 0:
            return False  # what a client wrote into its history was logged by no operator
        return self.said[upto].id not in self.replies


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What one conversation adds."""

    conversation: Conversation
    customer: str
    position: int
    turns: tuple[Turn, ...]
    macs: tuple[bytes, ...]
    is_new: bool


def conversation_shown(
    row: Row[*tuple[Any, ...]],
    stored: Stored,
    turns: CursorResult[*tuple[Any, ...]],
    bodies: dict[str, Json],
    agreed: Sequence[ConsentStatement],
) -> Json:
    """A conversation with its texts, for people to read."""
    return {
        "conversation_id": row.id,
        "assistant": row.assistant,
        "customer": row.customer,
        "consent": row.consent,
        "consents": [each.model_dump(mode="json") for each in agreed],
        "started_at": moment(row.started_at).isoformat(),
        "closed_at": None if row.closed_at is None else moment(row.closed_at).isoformat(),
        "contained": row.contained,
        "experiment": row.experiment,
        "arm": row.arm,
        "outcome": dict(stored.facts),
        "messages": [
            {
                "message_id": t.id,
                "at": moment(t.at).isoformat(),
                "confidence": t.confidence,
                "model": t.model,
                **bodies.get(t.id, {}),
            }
            for t in turns
        ],
    }


def raised(_excluded: object) -> dict[str, Any]:
    """The next version of a change mark."""
    return {"version": changes.c.version + 1}


def place(assistant: str, kind: str, ref: str, part: int) -> str:
    """The address that a text is sealed for; it opens nowhere else."""
    return f"{assistant}/{kind}/{ref}/{part}"


def head_row(plan: Plan, now: datetime) -> dict[str, Any]:
    """A new conversation's row.

    For one that arrives closed, containment is set at once, from the outcomes it brings.
    """
    c = plan.conversation
    latest = {outcome.name: outcome.value for outcome in sorted(c.outcomes, key=lambda o: o.at)}
    return {
        "assistant": c.assistant,
        "id": c.id,
        "customer": plan.customer,
        "source": c.source,
        "domains": dumped(c.domains),
        "intents": dumped(c.intents),
        "consent": c.consent,
        "experiment": c.experiment,
        "arm": c.arm,
        "share": c.share,
        "is_verified": c.is_verified,
        "network": c.network,
        "message_count": len(plan.turns),
        "closed_at": micros(now) if c.closed else None,
        "contained": rules.contained(latest) if c.closed else None,
        "context": context_id(c.context),
        "started_at": micros(c.started_at),
        "last_at": micros(c.last_at),
    }


def turn_rows(plan: Plan) -> Iterator[tuple[object, ...]]:
    """A row for each turn, in the order of the table's columns."""
    c = plan.conversation
    asked = None
    for position, (turn, mac) in enumerate(zip(plan.turns, plan.macs, strict=True), plan.position):
        role = turn.role
        waited = turn.latency_ms
        if waited is None and role == "assistant" and asked is not None and c.clocked:
            waited = (turn.at - asked).total_seconds() * 1000
        asked = turn.at if role == "user" else None
        cost = None if turn.cost_usd is None else nanos(turn.cost_usd)
        at = micros(turn.at)
        yield (
            c.assistant,
            turn.id,
            c.id,
            position,
            role,
            mac,
            turn.confidence,
            turn.model,
            waited,
            cost,
            turn.act,
            at,
        )


@lru_cache(4096, typed=True)
def dumped(value: float | str | tuple[str, ...]) -> str:
    """`dumps`, remembered: outcomes repeat."""
    return dumps(value)


def outcome_row(
    assistant: str, conversation: str, outcome: Outcome, now: datetime
) -> dict[str, Any]:
    """A row of the outcomes table."""
    value = dumped(outcome.value)
    key = hashlib.sha256(f"{value}\0{micros(outcome.at)}\0{outcome.source}".encode()).hexdigest()[
        :32
    ]
    return {
        "assistant": assistant,
        "conversation": conversation,
        "name": outcome.name,
        "key": key,
        "value": value,
        "source": outcome.source,
        "at": micros(outcome.at),
        "reported_at": micros(now),
    }


def unnamed_customers(keyring: Keyring, assistant: str, conversation: str) -> set[str]:
    """The pseudonyms of a customer whom nothing but the conversation stands for."""
    name = unnamed(conversation)
    # the last: as it was before these customers had names of their own
    names = (name, f"{UNVERIFIED}{name}", root(conversation))
    return {keyring.pseudonym(assistant, each, "c") for each in names}
