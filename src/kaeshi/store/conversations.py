"""Conversations, their sealed texts, and the log of their outcomes."""

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from pydantic_core import from_json, to_json
from sqlalchemy import case, func, select, update
from sqlalchemy.engine.cursor import CursorResult
from sqlalchemy.engine.row import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from kaeshi.errors import Damaged, NotFound
from kaeshi.nouns import Conversation, Json, Outcome
from kaeshi.rules import conversation as rules
from kaeshi.store.consents import ConsentVerbs, Settled
from kaeshi.store.contexts import ContextVerbs, context_id
from kaeshi.store.conversation_rows import (
    Plan,
    Said,
    Stored,
    conversation_shown,
    head_row,
    outcome_row,
    place,
    raised,
    turn_rows,
    unnamed_customers,
)
from kaeshi.store.conversation_statements import (
    CHANGED,
    CLOSED,
    FACTS,
    HEADS,
    JUDGED,
    KNOWN_CONVERSATIONS,
    KNOWN_MESSAGES,
    REPLIES,
    REPORTED,
    SETTLED,
    STILL_OPEN,
    TEXTS,
    WRAPPED_KEYS,
)
from kaeshi.store.key_use import KeyVerbs
from kaeshi.store.keys import OWN_NETWORK, Keyring
from kaeshi.store.tables import (
    changes,
    conversations,
    customers,
    messages,
    outcomes,
    texts,
)
from kaeshi.store.verbs import Verbs, loads, micros, moment


@dataclass
class Added:
    """The result of a batch.

    New conversations, grown ones, and those refused by index with the reason; what became of
    statements of consent.
    """

    new: int = 0
    grown: int = 0
    messages: int = 0
    refused: list[tuple[int, str]] = field(default_factory=list)
    silent: int = 0  # new ones without consent
    consents: Settled = field(default_factory=Settled)

    def count(self, plan: Plan) -> None:
        """Add what a conversation brings."""
        self.new += plan.is_new
        self.silent += plan.is_new and plan.conversation.consent == "none"
        self.grown += bool(plan.turns) and not plan.is_new
        self.messages += len(plan.turns)


GATEWAY = "gateway"  # the source of what came through it
log = logging.getLogger("kaeshi")


class ConversationVerbs(Verbs):
    """Conversations, their texts and outcomes."""

    def __init__(self, connection: AsyncConnection, keyring: Keyring) -> None:
        super().__init__(connection, keyring)
        self._contexts = ContextVerbs(connection, keyring)
        self._keys = KeyVerbs(connection, keyring)
        self._consents = ConsentVerbs(connection, keyring)

    async def add(self, batch: Sequence[Conversation], now: datetime) -> Added:
        """Store the new parts of a batch of one assistant.

        A repeat changes nothing; an id that now stands for another conversation is refused.
        """
        added = Added()
        if not batch:
            return added
        assistant = batch[0].assistant
        await self._one_writer(assistant)
        known = await self.known(assistant, [c.id for c in batch])
        places = await self._known_messages(assistant, [turn.id for c in batch for turn in c.turns])
        plans: list[Plan] = []
        for index, conversation in enumerate(batch):
            outcome = self._plan(conversation, known, places)
            if isinstance(outcome, str):
                added.refused.append((index, outcome))
                continue
            plans.append(outcome)
            known[conversation.id] = (outcome.customer, outcome.position + len(outcome.turns))
            added.count(outcome)
        await self._write_plans(assistant, plans, now)
        added.consents = await self._consents.settle_all(assistant, plans, now)
        return added

    async def exists(self, assistant: str, conversation: str) -> bool:
        """Whether the conversation is stored."""
        return bool(await self.known(assistant, [conversation]))

    async def add_outcomes(
        self, assistant: str, conversation: str, reported: Sequence[Outcome], now: datetime
    ) -> int:
        """Append reports; returns how many were new.

        Raises NotFound for an unknown conversation.
        """
        if not await self.exists(assistant, conversation):
            msg = (
                f"conversation {conversation!r} of assistant {assistant!r} is not stored; log it "
                "first"
            )
            raise NotFound(msg)
        return await self._add_late_outcomes(assistant, {conversation: reported}, now)

    async def _add_late_outcomes(
        self, assistant: str, reported: Mapping[str, Sequence[Outcome]], now: datetime
    ) -> int:
        """Append new reports, and mark their conversations as changed.

        Returns how many were new.
        """
        fresh = await self._fresh_outcomes(reported, assistant, now)
        await self._add(outcomes, list(fresh.values()))
        touched = list(dict.fromkeys(row["conversation"] for row in fresh.values()))
        if touched:
            await self.mark_changed(assistant, touched)
            await self._judge_containment(assistant, touched)
        return len(fresh)

    async def _fresh_outcomes(
        self, reported: Mapping[str, Sequence[Outcome]], assistant: str, now: datetime
    ) -> dict[tuple[Any, Any, Any], Json]:
        rows = [
            outcome_row(assistant, conversation, outcome, now)
            for conversation, facts in reported.items()
            for outcome in facts
        ]
        known = {
            tuple(row)
            for row in await self._rows(REPORTED, assistant=assistant, ids=list(reported))
        }
        return {
            place: row
            for row in rows
            if (place := (row["conversation"], row["name"], row["key"])) not in known
        }

    async def _still_open(self, assistant: str, ids: Sequence[str]) -> list[str]:
        return (
            [
                identifier
                for (identifier,) in await self._rows(
                    STILL_OPEN, assistant=assistant, ids=list(ids)
                )
            ]
            if ids
            else []
        )

    async def facts(self, assistant: str, ids: Sequence[str]) -> dict[str, dict[str, object]]:
        """The latest value of every outcome, by conversation."""
        found: dict[str, dict[str, object]] = {}
        for conversation, name, value in await self._rows(
            FACTS, assistant=assistant, ids=list(ids)
        ):
            known = found.setdefault(conversation, {})
            known[name] = loads(value, known.get(name))
        return found

    async def close_idle(self, assistant: str, before: datetime, now: datetime, limit: int) -> int:
        """Close conversations without a message since `before`, and set their containment.

        Returns how many.
        """
        idle = select(conversations.c.id).where(
            conversations.c.assistant == assistant,
            conversations.c.closed_at.is_(None),
            conversations.c.last_at <= micros(before),
        )
        ids = list(
            (
                await self.connection.execute(idle.order_by(conversations.c.last_at).limit(limit))
            ).scalars()
        )
        await self.close(assistant, ids, now)
        return len(ids)

    async def close(self, assistant: str, ids: Sequence[str], now: datetime) -> None:
        """Close conversations, and set their containment from the outcomes known by now."""
        await self._each(CLOSED, [{"a": assistant, "c": c, "t": micros(now)} for c in ids])
        await self._judge_containment(assistant, ids)
        await self.mark_changed(assistant, ids)

    async def mark_changed(self, assistant: str, ids: Iterable[str]) -> None:
        """Mark conversations as changed, so that the next collection judges them."""
        rows = [
            {"assistant": assistant, "conversation": c, "version": 1} for c in dict.fromkeys(ids)
        ]
        await self._add(changes, rows, otherwise=raised)

    async def changed(
        self, assistant: str, after: str, limit: int, idle_before: datetime
    ) -> list[Stored]:
        """Closed conversations that changed since they were last judged, ordered by id.

        `after` is the cursor.
        """
        rows = await self._rows(
            CHANGED,
            assistant=assistant,
            after=after,
            at_most=limit,
            idle_before=micros(idle_before),
        )
        versions = dict(rows)
        return await self.read(assistant, list(versions), versions)

    async def settle_changes(self, assistant: str, judged: Sequence[Stored]) -> None:
        """Mark them as judged at that version.

        One that has changed again stays marked.
        """
        await self._each(SETTLED, [{"a": assistant, "c": s.id, "v": s.version} for s in judged])

    async def read(
        self, assistant: str, ids: Sequence[str], versions: Mapping[str, int] | None = None
    ) -> list[Stored]:
        """Conversations with their texts, in the order of `ids`.

        Those of erased customers are left out, and damaged ones unless `versions` are given.
        """
        said, damaged = await self._texts(assistant, ids)
        if damaged and versions is None:
            log.error("%d conversations cannot be decrypted, such as %r", len(damaged), damaged[0])
        facts = await self.facts(assistant, ids)
        found = {
            name: Stored(
                **head,
                version=(versions or {}).get(name, 0),
                said=tuple(said[name]),
                is_damaged=name in damaged,
                facts=facts.get(name, {}),
            )
            for name, head in (await self._heads(assistant, ids)).items()
            if name in said and (versions is not None or name not in damaged)
        }
        return [found[i] for i in ids if i in found]

    async def _heads(self, assistant: str, ids: Sequence[str]) -> dict[str, dict[str, Any]]:
        """The conversations themselves, by id, as fields of a Stored."""
        heads = await self._rows(HEADS, assistant=assistant, ids=list(ids))
        offered = await self._contexts.of(assistant, {head[-1] for head in heads})
        replies = await self._rows(REPLIES, assistant=assistant, ids=list(ids))
        given = {"replies": frozenset(name for (name,) in replies)}
        return {
            head[0]: self._head(assistant, head) | given | {"context": offered.get(head[-1], {})}
            for head in heads
        }

    def _head(self, assistant: str, head: Sequence[Any]) -> dict[str, Any]:
        """A row of HEADS as the fields of a Stored."""
        identifier, customer, source, consent, intents, started, closed, signed, network, _ = head
        is_from_gateway = source == GATEWAY
        without_name = unnamed_customers(self.keyring, assistant, identifier)
        return {
            "id": identifier,
            "customer": customer,
            "consent": consent,
            "intents": tuple(loads(intents, ())),
            "started_at": moment(started),
            "closed": closed is not None,
            "is_from_gateway": is_from_gateway,
            "is_unnamed": is_from_gateway and customer in without_name,
            "is_vouched": not is_from_gateway or bool(signed),
            "network": "" if network.startswith(f"{OWN_NETWORK}_") else network,
        }

    async def show(self, assistant: str, conversation: str) -> Json:
        """Everything stored about one conversation, texts decrypted. Raises NotFound."""
        stored = await self.read(assistant, [conversation])
        if not stored:
            msg = f"conversation {conversation!r} of assistant {assistant!r} is not stored"
            raise NotFound(msg)
        row, turns = await self._head_and_turns(assistant, conversation)
        bodies = {said.id: said.message for said in stored[0].said}
        said = await self._consents.history(assistant, [conversation])
        return conversation_shown(row, stored[0], turns, bodies, said[conversation])

    async def _head_and_turns(
        self, assistant: str, conversation: str
    ) -> tuple[Row[*tuple[Any, ...]], CursorResult[*tuple[Any, ...]]]:
        head = select(conversations).where(
            conversations.c.assistant == assistant, conversations.c.id == conversation
        )
        row = (await self.connection.execute(head)).one()
        turns = await self.connection.execute(
            select(messages)
            .where(messages.c.assistant == assistant, messages.c.conversation == conversation)
            .order_by(messages.c.position)
        )
        return row, turns

    async def count(self, assistant: str) -> int:
        """How many are stored."""
        statement = select(func.count()).where(conversations.c.assistant == assistant)
        return int((await self.connection.execute(statement)).scalar_one())

    async def data_keys(
        self, assistant: str, ids: Iterable[str], now: datetime
    ) -> dict[str, bytes | None]:
        """The wrapped data key of each customer, created at first use.

        None for an erased customer.
        """
        wanted = list(dict.fromkeys(ids))
        keys = await self._wrapped(assistant, wanted)
        missing: list[dict[str, Any]] = [
            {
                "assistant": assistant,
                "id": c,
                "wrapped_key": self.keyring.new_data_key(),
                "created_at": micros(now),
            }
            for c in wanted
            if c not in keys
        ]
        if missing:
            await self._keys.check()
            await self._add(customers, missing)
            keys.update(await self._wrapped(assistant, [row["id"] for row in missing]))
        return keys

    async def _wrapped(self, assistant: str, ids: Sequence[str]) -> dict[str, bytes | None]:
        return dict(await self._rows(WRAPPED_KEYS, assistant=assistant, ids=list(ids)))

    async def known(self, assistant: str, ids: Sequence[str]) -> dict[str, tuple[str, int]]:
        """(customer's pseudonym, length in messages) of the conversations that are stored."""
        rows = await self._rows(KNOWN_CONVERSATIONS, assistant=assistant, ids=list(ids))
        return {identifier: (customer, count) for identifier, customer, count in rows}

    async def _known_messages(
        self, assistant: str, ids: Sequence[str]
    ) -> dict[str, tuple[str, bytes]]:
        rows = await self._rows(KNOWN_MESSAGES, assistant=assistant, ids=list(ids))
        return {identifier: (conversation, mac) for identifier, conversation, mac in rows}

    def _plan(
        self,
        conversation: Conversation,
        known: Mapping[str, tuple[str, int]],
        places: dict[str, tuple[str, bytes]],
    ) -> Plan | str:
        """The new parts of a conversation, or why it is refused."""
        customer = self.keyring.pseudonym(conversation.assistant, conversation.customer, "c")
        before, count = known.get(conversation.id, (customer, 0))
        if before != customer:
            return f"conversation {conversation.id!r} belongs to another customer"
        turns = []
        macs = []
        seen = {}
        for turn in conversation.turns:
            mac = self.keyring.mac(to_json(turn.message, inf_nan_mode="constants"))
            stored = places.get(turn.id)
            if stored is not None and stored[0] != conversation.id:
                return f"message id {turn.id!r} belongs to conversation {stored[0]!r} already"
            if stored is not None and stored[1] != mac:
                return (
                    f"message {turn.id!r} is stored with another text; messages are never rewritten"
                )
            if stored is None:
                turns.append(turn)
                macs.append(mac)
                seen[turn.id] = (conversation.id, mac)
        places.update(seen)
        return Plan(
            conversation=conversation,
            customer=before,
            position=count,
            turns=tuple(turns),
            macs=tuple(macs),
            is_new=conversation.id not in known,
        )

    async def _write_plans(self, assistant: str, plans: Sequence[Plan], now: datetime) -> None:
        keys = await self.data_keys(assistant, [plan.customer for plan in plans], now)
        await self._contexts.add(assistant, [plan.conversation.context for plan in plans])
        new = [plan for plan in plans if plan.is_new]
        await self._add(conversations, [head_row(plan, now) for plan in new])
        await self._add_many(messages, [row for plan in plans for row in turn_rows(plan)])
        await self._add(texts, self._all_sealed(plans, keys))
        reports = [
            outcome_row(assistant, plan.conversation.id, outcome, now)
            for plan in new
            for outcome in plan.conversation.outcomes
        ]
        await self._add(outcomes, reports)
        for plan in plans:
            if plan.turns and not plan.is_new:
                await self._grow(plan)
        await self._settle_known(plans, assistant, now)

    def _all_sealed(
        self, plans: Sequence[Plan], keys: Mapping[str, bytes | None]
    ) -> list[dict[str, Any]]:
        return [
            self._sealed(plan, key)
            for plan in plans
            if plan.turns and (key := keys[plan.customer]) is not None
        ]

    def _sealed(self, plan: Plan, key: bytes) -> dict[str, Any]:
        """A row of a plan's texts, sealed under its customer's key."""
        c = plan.conversation
        said = [(turn.id, turn.confidence, turn.message) for turn in plan.turns]
        content = to_json(said, inf_nan_mode="constants")
        spot = place(c.assistant, "messages", c.id, plan.position)
        return {
            "assistant": c.assistant,
            "kind": "messages",
            "ref": c.id,
            "part": plan.position,
            "customer": plan.customer,
            "sealed": self.keyring.seal(key, content, spot),
        }

    async def _settle_known(self, plans: Sequence[Plan], assistant: str, now: datetime) -> None:
        touched = [plan.conversation.id for plan in plans if plan.turns]
        await self.mark_changed(assistant, touched)
        known = [plan.conversation for plan in plans if not plan.is_new]
        await self._add_late_outcomes(
            assistant, {c.id: c.outcomes for c in known if c.outcomes}, now
        )
        closed = await self._still_open(assistant, [c.id for c in known if c.closed])
        if closed:
            await self.close(assistant, closed, now)

    async def _grow(self, plan: Plan) -> None:
        """Lengthen a conversation, and reopen it if it was closed."""
        c = plan.conversation
        statement = update(conversations).where(
            conversations.c.assistant == c.assistant, conversations.c.id == c.id
        )
        last = micros(plan.turns[-1].at)
        await self.connection.execute(
            statement.values(
                message_count=plan.position + len(plan.turns),
                last_at=case((conversations.c.last_at > last, conversations.c.last_at), else_=last),
                closed_at=None,
                contained=None,
                **({"context": context_id(c.context)} if c.context else {}),
            )
        )

    async def _judge_containment(self, assistant: str, ids: Sequence[str]) -> None:
        """Set the containment of closed conversations; a late report sets it again."""
        facts = await self.facts(assistant, ids)
        await self._each(
            JUDGED, [{"a": assistant, "c": i, "k": rules.contained(facts.get(i, {}))} for i in ids]
        )

    async def _texts(
        self, assistant: str, ids: Sequence[str]
    ) -> tuple[dict[str, list[Said]], list[str]]:
        """(texts by conversation, conversations with a text that was damaged)."""
        found: dict[str, list[Said]] = {}
        damaged: list[str] = []
        rows = await self._rows(TEXTS, assistant=assistant, ids=list(ids))
        for ref, part, sealed, wrapped in rows:
            try:
                raw = self.keyring.open(wrapped, sealed, place(assistant, "messages", ref, part))
            except Damaged:  # one text must not stop the others
                damaged.append(ref)
                raw = b"[]"
            found.setdefault(ref, []).extend([Said(*said) for said in from_json(raw)])
        return found, damaged
