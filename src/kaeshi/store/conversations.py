"""Conversations, their sealed texts, and the log of their outcomes."""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from pydantic_core import to_json
from sqlalchemy import bindparam, case, func, select, update

from kaeshi.errors import NotFound
from kaeshi.rules import conversation as rules
from kaeshi.store.tables import changes, conversations, customers, messages, outcomes, texts
from kaeshi.store.verbs import Verbs, chunks, dumps, micros, moment, nanos
from kaeshi.types import Consent, Conversation, Json, Outcome, Turn


@dataclass
class Added:
    """What became of a batch: conversations that were new, that grew, and those refused by index with the reason."""

    new: int = 0
    grown: int = 0
    messages: int = 0
    refused: list[tuple[int, str]] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True)
class Said:
    """One stored turn as collection reads it: its id, OpenAI's message, and the answer's confidence."""

    id: str
    message: Json
    confidence: float | None


@dataclass(frozen=True, kw_only=True)
class Stored:
    """A conversation read back, texts opened."""

    id: str
    customer: str
    consent: Consent
    intents: tuple[str, ...]
    started_at: datetime
    closed: bool
    version: int
    said: tuple[Said, ...]
    facts: Mapping[str, object]


@dataclass(frozen=True, kw_only=True)
class _Plan:
    """What one conversation adds."""

    conversation: Conversation
    customer: str
    position: int
    turns: tuple[Turn, ...]
    bodies: tuple[bytes, ...]
    macs: tuple[bytes, ...]
    is_new: bool


class ConversationVerbs(Verbs):
    """Verbs over who said what and how it ended."""

    async def add_conversations(self, batch: Sequence[Conversation], now: datetime) -> Added:
        """Store what is new of a batch of one assistant. A repeat changes nothing; an id that means something else by now is refused."""
        added = Added()
        if not batch:
            return added
        assistant = batch[0].assistant
        await self._one_writer(assistant)
        known = await self._known_conversations(assistant, [c.id for c in batch])
        places = await self._known_messages(assistant, [turn.id for c in batch for turn in c.turns])
        plans: list[_Plan] = []
        for index, conversation in enumerate(batch):
            outcome = self._plan(conversation, known, places)
            if isinstance(outcome, str):
                added.refused.append((index, outcome))
                continue
            plans.append(outcome)
            known[conversation.id] = (outcome.customer, outcome.position + len(outcome.turns))
            added.new += outcome.is_new
            added.grown += bool(outcome.turns) and not outcome.is_new
            added.messages += len(outcome.turns)
        await self._write_plans(assistant, plans, now)
        return added

    async def conversation_exists(self, assistant: str, conversation: str) -> bool:
        """Is there one of that id?"""
        return bool(await self._known_conversations(assistant, [conversation]))

    async def add_outcomes(self, assistant: str, conversation: str, reported: Sequence[Outcome], now: datetime) -> int:
        """Append reports; returns how many said something new. Raises NotFound for an unknown conversation."""
        if not await self.conversation_exists(assistant, conversation):
            msg = f"conversation {conversation!r} of assistant {assistant!r} is not stored; log it first"
            raise NotFound(msg)
        return await self._add_late_outcomes(assistant, {conversation: reported}, now)

    async def _add_late_outcomes(self, assistant: str, reported: Mapping[str, Sequence[Outcome]], now: datetime) -> int:
        """Append what is new, and have those conversations judged again; returns how many reports that was."""
        rows = [_outcome_row(assistant, conversation, outcome, now) for conversation, facts in reported.items() for outcome in facts]
        known: set[tuple[str, str, str]] = set()
        for part in chunks(list(reported)):
            o = outcomes.c
            statement = select(o.conversation, o.name, o.key).where(o.assistant == assistant, o.conversation.in_(part))
            known.update((row.conversation, row.name, row.key) for row in await self.connection.execute(statement))
        fresh = {place: row for row in rows if (place := (row["conversation"], row["name"], row["key"])) not in known}
        await self._add(outcomes, list(fresh.values()))
        touched = list(dict.fromkeys(row["conversation"] for row in fresh.values()))
        if touched:
            await self.mark_changed(assistant, touched)
            await self._judge_containment(assistant, touched)
        return len(fresh)

    async def _still_open(self, assistant: str, ids: Sequence[str]) -> list[str]:
        found: list[str] = []
        for part in chunks(ids):
            statement = select(conversations.c.id).where(conversations.c.assistant == assistant, conversations.c.id.in_(part))
            found += (await self.connection.execute(statement.where(conversations.c.closed_at.is_(None)))).scalars()
        return found

    async def facts(self, assistant: str, ids: Sequence[str]) -> dict[str, dict[str, object]]:
        """The latest value of every outcome, by conversation."""
        found: dict[str, dict[str, object]] = {}
        for part in chunks(ids):
            statement = (
                select(outcomes.c.conversation, outcomes.c.name, outcomes.c.value)
                .where(outcomes.c.assistant == assistant, outcomes.c.conversation.in_(part))
                .order_by(outcomes.c.at, outcomes.c.reported_at, outcomes.c.key)
            )
            for conversation, name, value in await self.connection.execute(statement):
                found.setdefault(conversation, {})[name] = json.loads(value)
        return found

    async def close_idle(self, assistant: str, before: datetime, now: datetime, limit: int) -> int:
        """Close conversations nobody has written in since `before`, and judge their containment; returns how many."""
        idle = select(conversations.c.id).where(
            conversations.c.assistant == assistant, conversations.c.closed_at.is_(None), conversations.c.last_at <= micros(before)
        )
        ids = list((await self.connection.execute(idle.order_by(conversations.c.last_at).limit(limit))).scalars())
        await self.close_conversations(assistant, ids, now)
        return len(ids)

    async def close_conversations(self, assistant: str, ids: Sequence[str], now: datetime) -> None:
        """End them; what they came to is judged from the outcomes known by now."""
        for part in chunks(ids):
            closing = update(conversations).where(
                conversations.c.assistant == assistant, conversations.c.id.in_(part), conversations.c.closed_at.is_(None)
            )
            await self.connection.execute(closing.values(closed_at=micros(now)))
        await self._judge_containment(assistant, ids)
        await self.mark_changed(assistant, ids)

    async def mark_changed(self, assistant: str, ids: Iterable[str]) -> None:
        """Have the next collection judge these again."""
        rows = [{"assistant": assistant, "conversation": c, "version": 1} for c in dict.fromkeys(ids)]
        await self._add(changes, rows, otherwise={"version": changes.c.version + 1})

    async def changed_conversations(self, assistant: str, after: str, limit: int, idle_before: datetime) -> list[Stored]:
        """Closed conversations that changed since they were last judged, in the order of their ids; `after` is the cursor."""
        statement = (
            select(changes.c.conversation, changes.c.version)
            .join(conversations, (conversations.c.assistant == changes.c.assistant) & (conversations.c.id == changes.c.conversation))
            .where(changes.c.assistant == assistant, changes.c.conversation > after)
            .where(conversations.c.closed_at.is_not(None) | (conversations.c.last_at <= micros(idle_before)))
            .order_by(changes.c.conversation)
            .limit(limit)
        )
        versions = {row.conversation: row.version for row in await self.connection.execute(statement)}
        return await self.read_conversations(assistant, list(versions), versions)

    async def settle_changes(self, assistant: str, judged: Sequence[Stored]) -> None:
        """They were judged at that version; one that changed again in the meantime stays on the list."""
        gone = changes.delete().where(
            changes.c.assistant == bindparam("a"), changes.c.conversation == bindparam("c"), changes.c.version == bindparam("v")
        )
        if judged:
            await self.connection.execute(gone, [{"a": assistant, "c": s.id, "v": s.version} for s in judged])

    async def read_conversations(self, assistant: str, ids: Sequence[str], versions: Mapping[str, int] | None = None) -> list[Stored]:
        """Conversations with their texts, in the order of `ids`; one whose customer was erased is left out."""
        found: dict[str, Stored] = {}
        for part in chunks(ids):
            said = await self._texts(assistant, part)
            facts = await self.facts(assistant, part)
            columns = (
                conversations.c.id,
                conversations.c.customer,
                conversations.c.consent,
                conversations.c.intents,
                conversations.c.started_at,
                conversations.c.closed_at,
            )
            for row in await self.connection.execute(
                select(*columns).where(conversations.c.assistant == assistant, conversations.c.id.in_(part))
            ):
                if row.id in said:
                    found[row.id] = Stored(
                        id=row.id,
                        customer=row.customer,
                        consent=row.consent,
                        intents=tuple(json.loads(row.intents)),
                        started_at=moment(row.started_at),
                        closed=row.closed_at is not None,
                        version=(versions or {}).get(row.id, 0),
                        said=tuple(said[row.id]),
                        facts=facts.get(row.id, {}),
                    )
        return [found[i] for i in ids if i in found]

    async def show_conversation(self, assistant: str, conversation: str) -> Json:
        """Everything stored about one conversation, texts opened. Raises NotFound."""
        stored = await self.read_conversations(assistant, [conversation])
        if not stored:
            msg = f"conversation {conversation!r} of assistant {assistant!r} is not stored"
            raise NotFound(msg)
        row = (
            await self.connection.execute(
                select(conversations).where(conversations.c.assistant == assistant, conversations.c.id == conversation)
            )
        ).one()
        turns = await self.connection.execute(
            select(messages).where(messages.c.assistant == assistant, messages.c.conversation == conversation).order_by(messages.c.position)
        )
        bodies = {said.id: said.message for said in stored[0].said}
        return {
            "conversation_id": conversation,
            "assistant": assistant,
            "customer": row.customer,
            "consent": row.consent,
            "started_at": moment(row.started_at).isoformat(),
            "closed_at": None if row.closed_at is None else moment(row.closed_at).isoformat(),
            "contained": row.contained,
            "experiment": row.experiment,
            "arm": row.arm,
            "outcome": dict(stored[0].facts),
            "messages": [
                {"message_id": t.id, "at": moment(t.at).isoformat(), "confidence": t.confidence, "model": t.model, **bodies.get(t.id, {})}
                for t in turns
            ],
        }

    async def count_conversations(self, assistant: str) -> int:
        """How many are stored."""
        return int((await self.connection.execute(select(func.count()).where(conversations.c.assistant == assistant))).scalar_one())

    async def data_keys(self, assistant: str, ids: Iterable[str], now: datetime) -> dict[str, bytes | None]:
        """The wrapped data key of each customer, made at first sight; None for one who was erased."""
        wanted = list(dict.fromkeys(ids))
        keys = await self._wrapped(assistant, wanted)
        missing: list[dict[str, Any]] = [
            {"assistant": assistant, "id": c, "wrapped_key": self.keyring.new_data_key(), "created_at": micros(now)}
            for c in wanted
            if c not in keys
        ]
        if missing:
            await self._add(customers, missing)
            keys.update(await self._wrapped(assistant, [row["id"] for row in missing]))
        return keys

    async def _wrapped(self, assistant: str, ids: Sequence[str]) -> dict[str, bytes | None]:
        found: dict[str, bytes | None] = {}
        for part in chunks(ids):
            found.update(
                {
                    row.id: row.wrapped_key
                    for row in await self.connection.execute(
                        select(customers.c.id, customers.c.wrapped_key).where(customers.c.assistant == assistant, customers.c.id.in_(part))
                    )
                }
            )
        return found

    async def _known_conversations(self, assistant: str, ids: Sequence[str]) -> dict[str, tuple[str, int]]:
        columns = (conversations.c.id, conversations.c.customer, conversations.c.message_count)
        found: dict[str, tuple[str, int]] = {}
        for part in chunks(ids):
            found.update(
                {
                    row.id: (row.customer, row.message_count)
                    for row in await self.connection.execute(
                        select(*columns).where(conversations.c.assistant == assistant, conversations.c.id.in_(part))
                    )
                }
            )
        return found

    async def _known_messages(self, assistant: str, ids: Sequence[str]) -> dict[str, tuple[str, bytes]]:
        columns = (messages.c.id, messages.c.conversation, messages.c.mac)
        found: dict[str, tuple[str, bytes]] = {}
        for part in chunks(ids):
            found.update(
                {
                    row.id: (row.conversation, row.mac)
                    for row in await self.connection.execute(
                        select(*columns).where(messages.c.assistant == assistant, messages.c.id.in_(part))
                    )
                }
            )
        return found

    def _plan(self, conversation: Conversation, known: Mapping[str, tuple[str, int]], places: dict[str, tuple[str, bytes]]) -> _Plan | str:
        """What of it is new, or why it is refused."""
        customer = self.keyring.pseudonym(conversation.assistant, conversation.customer, "c")
        before, count = known.get(conversation.id, (customer, 0))
        if before != customer:
            return f"conversation {conversation.id!r} belongs to another customer already"
        turns, bodies, macs, seen = [], [], [], {}
        for turn in conversation.turns:
            body = to_json(turn.message, inf_nan_mode="constants")
            mac = self.keyring.mac(body)
            stored = places.get(turn.id)
            if stored is not None and stored[0] != conversation.id:
                return f"message id {turn.id!r} belongs to conversation {stored[0]!r} already"
            if stored is not None and stored[1] != mac:
                return f"message {turn.id!r} is stored with another text; messages are never rewritten"
            if stored is None:
                turns.append(turn)
                bodies.append(body)
                macs.append(mac)
                seen[turn.id] = (conversation.id, mac)
        places.update(seen)
        return _Plan(
            conversation=conversation,
            customer=before,
            position=count,
            turns=tuple(turns),
            bodies=tuple(bodies),
            macs=tuple(macs),
            is_new=conversation.id not in known,
        )

    async def _write_plans(self, assistant: str, plans: Sequence[_Plan], now: datetime) -> None:
        keys = await self.data_keys(assistant, [plan.customer for plan in plans], now)
        heads, turns, sealed, reports, grown = [], [], [], [], []
        for plan in plans:
            c, key = plan.conversation, keys[plan.customer]
            if plan.is_new:
                heads.append(_head(plan, now))
            elif plan.turns:
                grown.append(plan)
            if plan.turns and key is not None:
                content = (
                    b"["
                    + b",".join(
                        b'{"id":%b,"confidence":%b,"message":%b}' % (to_json(t.id), to_json(t.confidence), body)
                        for t, body in zip(plan.turns, plan.bodies, strict=True)
                    )
                    + b"]"
                )
                spot = place(assistant, "messages", c.id, plan.position)
                sealed.append(
                    {
                        "assistant": assistant,
                        "kind": "messages",
                        "ref": c.id,
                        "part": plan.position,
                        "customer": plan.customer,
                        "sealed": self.keyring.seal(key, content, spot),
                    }
                )
            turns += _turn_rows(plan)
            if plan.is_new:
                reports += [_outcome_row(assistant, c.id, outcome, now) for outcome in c.outcomes]
        await self._add(conversations, heads)
        await self._add(messages, turns)
        await self._add(texts, sealed)
        await self._add(outcomes, reports)
        for plan in grown:
            await self._grow(plan)
        touched = [plan.conversation.id for plan in plans if plan.turns]
        await self.mark_changed(assistant, touched)
        known = [plan.conversation for plan in plans if not plan.is_new]
        await self._add_late_outcomes(assistant, {c.id: c.outcomes for c in known if c.outcomes}, now)
        closed = await self._still_open(assistant, [c.id for c in known if c.closed])
        if closed:
            await self.close_conversations(assistant, closed, now)

    async def _grow(self, plan: _Plan) -> None:
        """More was said: the conversation is longer and, if it was closed, open again."""
        c = plan.conversation
        statement = update(conversations).where(conversations.c.assistant == c.assistant, conversations.c.id == c.id)
        last = micros(plan.turns[-1].at)
        await self.connection.execute(
            statement.values(
                message_count=plan.position + len(plan.turns),
                last_at=case((conversations.c.last_at > last, conversations.c.last_at), else_=last),
                closed_at=None,
                contained=None,
            )
        )

    async def _judge_containment(self, assistant: str, ids: Sequence[str]) -> None:
        """Set what closed conversations came to; a late report judges anew."""
        facts = await self.facts(assistant, ids)
        rows = [{"c": i, "k": rules.contained(facts.get(i, {}))} for i in ids]
        statement = update(conversations).where(
            conversations.c.assistant == assistant, conversations.c.id == bindparam("c"), conversations.c.closed_at.is_not(None)
        )
        if rows:
            await self.connection.execute(statement.values(contained=bindparam("k")), rows)

    async def _texts(self, assistant: str, ids: Sequence[str]) -> dict[str, list[Said]]:
        statement = (
            select(texts.c.ref, texts.c.part, texts.c.sealed, customers.c.wrapped_key)
            .join(customers, (customers.c.assistant == texts.c.assistant) & (customers.c.id == texts.c.customer))
            .where(texts.c.assistant == assistant, texts.c.kind == "messages", texts.c.ref.in_(ids), customers.c.wrapped_key.is_not(None))
            .order_by(texts.c.ref, texts.c.part)
        )
        found: dict[str, list[Said]] = {}
        for ref, part, sealed, wrapped in await self.connection.execute(statement):
            body = json.loads(self.keyring.open(wrapped, sealed, place(assistant, "messages", ref, part)))
            found.setdefault(ref, []).extend(Said(id=m["id"], message=m["message"], confidence=m["confidence"]) for m in body)
        return found


def place(assistant: str, kind: str, ref: str, part: int) -> str:
    """Where a sealed text belongs; sealed for one place, it opens nowhere else."""
    return f"{assistant}/{kind}/{ref}/{part}"


def _head(plan: _Plan, now: datetime) -> dict[str, Any]:
    """A new conversation's row; one that comes closed is judged at once, from the outcomes it brings."""
    c = plan.conversation
    latest = {outcome.name: outcome.value for outcome in sorted(c.outcomes, key=lambda o: o.at)}
    return {
        "assistant": c.assistant,
        "id": c.id,
        "customer": plan.customer,
        "source": c.source,
        "domains": dumps(c.domains),
        "intents": dumps(c.intents),
        "consent": c.consent,
        "experiment": c.experiment,
        "arm": c.arm,
        "message_count": len(plan.turns),
        "closed_at": micros(now) if c.closed else None,
        "contained": rules.contained(latest) if c.closed else None,
        "started_at": micros(c.started_at),
        "last_at": micros(max(turn.at for turn in c.turns)),
    }


def _turn_rows(plan: _Plan) -> list[dict[str, Any]]:
    c, rows, asked = plan.conversation, [], None
    for position, (turn, mac) in enumerate(zip(plan.turns, plan.macs, strict=True), plan.position):
        waited = turn.latency_ms
        if waited is None and turn.role == "assistant" and asked is not None and c.clocked:
            waited = (turn.at - asked).total_seconds() * 1000
        asked = turn.at if turn.role == "user" else None
        rows.append(
            {
                "assistant": c.assistant,
                "id": turn.id,
                "conversation": c.id,
                "position": position,
                "role": turn.role,
                "mac": mac,
                "confidence": turn.confidence,
                "model": turn.model,
                "response_ms": waited,
                "cost_nano_usd": None if turn.cost_usd is None else nanos(turn.cost_usd),
                "act": turn.act,
                "at": micros(turn.at),
            }
        )
    return rows


def _outcome_row(assistant: str, conversation: str, outcome: Outcome, now: datetime) -> dict[str, Any]:
    value = dumps(outcome.value)
    key = hashlib.sha256(f"{value}\0{micros(outcome.at)}\0{outcome.source}".encode()).hexdigest()[:32]
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
