"""Gateway traffic.

Requests, the conversations they belong to, offsets of spools, and mirrored answers.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, get_args

from sqlalchemy import bindparam, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.sql.elements import BooleanClauseList

from kaeshi.nouns import Conversation, Exchange, Json, Mirrored, Role, Turn
from kaeshi.rules.exchange import Head, Place, course, recognised
from kaeshi.rules.wire import replied, thread
from kaeshi.store.conversations import ConversationVerbs
from kaeshi.store.keys import Keyring
from kaeshi.store.tables import mirrors, prefixes, requests, spools
from kaeshi.store.verbs import Columns, Verbs, among, dumps, micros, nanos

_ROLES = frozenset(get_args(Role))
_KNOWN = select(requests.c.id).where(
    requests.c.assistant == bindparam("assistant"), among(requests.c.id, "ids")
)
_PREFIXES = select(prefixes.c.digest, prefixes.c.conversation, prefixes.c.position).where(
    prefixes.c.assistant == bindparam("assistant"), among(prefixes.c.digest, "ids")
)


@dataclass
class Recorded:
    """The result of storing exchanges.

    Requests stored, conversations that forked, and messages that cannot be stored.
    """

    requests: int = 0
    edited: int = 0
    refused: int = 0


@dataclass
class _Plan:
    """What exchanges add: conversations, requests, and the new places of digests."""

    assistant: str = ""
    conversations: list[Conversation] = field(default_factory=list)
    requests: list[dict[str, Any]] = field(default_factory=list)
    moved: dict[str, Place] = field(default_factory=dict)
    forks: int = 0
    unreadable: int = 0

    @property
    def prefixes(self) -> list[dict[str, Any]]:
        """Rows for the new places of digests."""
        return [
            {
                "assistant": self.assistant,
                "digest": digest,
                "conversation": place.conversation,
                "position": place.position,
            }
            for digest, place in self.moved.items()
        ]


def _is_readable(e: Exchange) -> bool:
    return all(message.get("role") in _ROLES for message in e.messages)


class ExchangeVerbs(Verbs):
    """Requests, spools and mirrored answers."""

    def __init__(
        self, connection: AsyncConnection, keyring: Keyring, conversations: ConversationVerbs
    ) -> None:
        super().__init__(connection, keyring)
        self._conversations = conversations

    def digest(self, exchange: Exchange, messages: Sequence[Json]) -> str:
        """The digest by which a conversation is recognised at that state."""
        return self.keyring.digest(exchange.assistant, exchange.scope, thread(messages))

    async def conversation_of(self, assistant: str, digest: str) -> str | None:
        """The one conversation in that state; empty where there are several."""
        found = await self._rows(_PREFIXES, assistant=assistant, ids=[digest])
        return found[0][1] or None if found else None

    async def add(self, batch: Sequence[Exchange], now: datetime) -> Recorded:
        """Store requests of one assistant, and what they add to conversations.

        A repeat changes nothing. rules/exchange.py decides which conversation a request belongs to.
        """
        done = Recorded()
        if not batch:
            return done
        assistant = batch[0].assistant
        await self._one_writer(assistant)
        fresh = await self._fresh(assistant, batch)
        plan = await self._planned(assistant, fresh)
        added = await self._conversations.add(plan.conversations, now)
        await self._put(prefixes, plan.prefixes)
        await self._add(requests, plan.requests)
        done.requests = len(plan.requests)
        done.edited = plan.forks
        done.refused = plan.unreadable + len(added.refused)
        return done

    async def _fresh(self, assistant: str, batch: Sequence[Exchange]) -> list[Exchange]:
        """Those that are not stored yet."""
        ids = [e.id for e in batch]
        stored = {name for (name,) in await self._rows(_KNOWN, assistant=assistant, ids=ids)}
        return [e for e in batch if e.id not in stored]

    async def _planned(self, assistant: str, fresh: Sequence[Exchange]) -> "_Plan":
        """What storing these exchanges writes, in order."""
        known = await self._conversations.known(assistant, [e.conversation for e in fresh])
        heads = {name: Head(*head) for name, head in known.items()}
        prior = {e.id: self._prior(e) for e in fresh}
        after = {e.id: self.digest(e, (*e.messages, e.reply)) for e in fresh if e.reply is not None}
        places = await self._places(assistant, {*prior.values(), *after.values()} - {""})
        plan = _Plan()
        for e in fresh:
            name = e.conversation
            if e.reply is not None and not _is_readable(e):
                plan.unreadable += 1
            elif e.reply is not None:
                name = self._add_to_plan(assistant, e, heads, name, places, prior, after, plan)
            plan.requests.append(_request_row(e, name))
        plan.assistant = assistant
        return plan

    def _add_to_plan(
        self,
        assistant: str,
        e: Exchange,
        heads: dict[str, Head],
        name: str,
        places: dict[str, Place],
        prior: dict[str, str],
        after: dict[str, str],
        plan: _Plan,
    ) -> str:
        customer = self.keyring.pseudonym(assistant, e.customer, "c")
        found = course(e, customer, heads.get(name), places.get(prior[e.id]))
        name = found.conversation
        added = _conversation(e, name, e.messages[found.new_from :], found.position)
        position = found.position + len(added.turns)
        heads[name] = Head(customer, position)
        place = recognised(found, position, places.get(after[e.id]))
        if place is not None:
            places[after[e.id]] = place
            plan.moved[after[e.id]] = place
        plan.forks += found.is_fork
        plan.conversations.append(added)
        return name

    def _prior(self, e: Exchange) -> str:
        """The digest of the messages up to the last reply; empty without one."""
        upto = replied(e.messages) if e.reply is not None else 0
        return self.digest(e, e.messages[:upto]) if upto else ""

    async def _places(self, assistant: str, digests: set[str]) -> dict[str, Place]:
        rows = await self._rows(_PREFIXES, assistant=assistant, ids=list(digests))
        return {digest: Place(name, position) for digest, name, position in rows}

    async def spool_taken(self, assistant: str, name: str) -> tuple[int, int]:
        """(stored bytes of a spool, requests that its owner could not log)."""
        statement = select(spools.c.taken, spools.c.dropped).where(
            spools.c.assistant == assistant, spools.c.name == name
        )
        row = (await self.connection.execute(statement)).first()
        return (0, 0) if row is None else (row.taken, row.dropped)

    async def take_spool(
        self, assistant: str, name: str, before: int, after: int, dropped: int, now: datetime
    ) -> bool:
        """Store a spool's new offset.

        False where another worker has advanced it from `before`, and so has stored the same.
        """
        row = {
            "assistant": assistant,
            "name": name,
            "taken": 0,
            "dropped": 0,
            "changed_at": micros(now),
        }
        await self._add(spools, [row])
        mine = (
            (spools.c.assistant == assistant) & (spools.c.name == name) & (spools.c.taken == before)
        )
        result = await self.connection.execute(
            update(spools).where(mine).values(taken=after, dropped=dropped, changed_at=micros(now))
        )
        return bool(result.rowcount)

    async def dropped_since(self, assistant: str, since: datetime) -> int:
        """Requests that gateways could not log, in spools written to since then."""
        statement = select(func.coalesce(func.sum(spools.c.dropped), 0)).where(
            spools.c.assistant == assistant, spools.c.changed_at >= micros(since)
        )
        return int((await self.connection.execute(statement)).scalar_one())

    async def count_requests(self, assistant: str) -> tuple[int, int]:
        """(logged, dropped) of all time."""
        logged = select(func.count()).where(requests.c.assistant == assistant)
        dropped = select(func.coalesce(func.sum(spools.c.dropped), 0)).where(
            spools.c.assistant == assistant
        )
        return int((await self.connection.execute(logged)).scalar_one()), int(
            (await self.connection.execute(dropped)).scalar_one()
        )

    async def add_mirrored(self, assistant: str, mirrored: Sequence[Mirrored]) -> None:
        """Store mirrored answers."""
        await self._add(
            mirrors,
            [
                m.model_dump(exclude={"cost_usd"})
                | {"assistant": assistant, "broken": dumps(m.broken), "at": micros(m.at)}
                | {"cost_nano_usd": None if m.cost_usd is None else nanos(m.cost_usd)}
                for m in mirrored
            ],
        )

    async def mirror_tally(self, assistant: str, experiment: str) -> Json:
        """Figures of a rollout's mirror.

        Counts by state, equal answers, the judge's preferences, and mean waiting times in
        milliseconds.
        """
        m = mirrors.c
        mine = (m.assistant == assistant) & (m.experiment == experiment)
        states = await self.connection.execute(
            select(m.state, func.count()).where(mine).group_by(m.state)
        )
        same, waited, production, broken = await self._answered_alike(m, mine)
        judged = (
            select(m.preferred, func.count())
            .where(mine, m.preferred.is_not(None))
            .group_by(m.preferred)
        )
        return {
            **dict.fromkeys(("answered", "failed", "dropped"), 0),
            **{str(state): int(count) for state, count in states},
            "same": same,
            "broken": broken,
            "preferred": {
                str(whose): int(count) for whose, count in await self.connection.execute(judged)
            },
            "latency_ms": waited,
            "production_ms": production,
        }

    async def _answered_alike(
        self, m: Columns, mine: BooleanClauseList
    ) -> tuple[Any, Any, Any, Any]:
        both = select(
            func.count().filter(m.same),
            func.avg(m.latency_ms),
            func.avg(m.production_ms),
            func.count().filter(m.broken != "[]"),
        )
        same, waited, production, broken = (
            await self.connection.execute(both.where(mine, m.state == "answered"))
        ).one()
        return same, waited, production, broken

    async def mirror_spent(self, assistant: str, since: datetime) -> int:
        """Billionths of a dollar that mirrors have cost since then."""
        statement = select(func.coalesce(func.sum(mirrors.c.cost_nano_usd), 0)).where(
            mirrors.c.assistant == assistant, mirrors.c.at >= micros(since)
        )
        return int((await self.connection.execute(statement)).scalar_one())


def _conversation(e: Exchange, name: str, messages: Sequence[Json], position: int) -> Conversation:
    """What an exchange adds: the new messages, and the reply."""
    assert e.reply is not None  # checked by the caller
    turns = [Turn(id=f"{name}#{position + i}", message=m, at=e.at) for i, m in enumerate(messages)]
    answered = e.at + timedelta(milliseconds=e.latency_ms or 0)
    turns.append(
        Turn(
            id=e.id,
            message=e.reply,
            at=answered,
            confidence=e.confidence,
            model=e.model,
            latency_ms=e.latency_ms,
            cost_usd=e.cost_usd,
        )
    )
    return Conversation(
        id=name,
        assistant=e.assistant,
        customer=e.customer,
        started_at=e.at,
        turns=tuple(turns),
        consent=e.consent,
        source="gateway",
        experiment=e.assignment.experiment if e.assignment else None,
        arm=e.assignment.arm if e.assignment else None,
        share=e.assignment.share if e.assignment else None,
    )


def _request_row(e: Exchange, conversation: str) -> dict[str, Any]:
    fields = (
        "id",
        "assistant",
        "epoch",
        "status",
        "failed",
        "model",
        "finish_reason",
        "streamed",
        "latency_ms",
        "first_token_ms",
    )
    return {
        **{name: getattr(e, name) for name in (*fields, "prompt_tokens", "completion_tokens")},
        "conversation": conversation,
        "experiment": e.assignment.experiment if e.assignment else None,
        "arm": e.assignment.arm if e.assignment else None,
        "share": e.assignment.share if e.assignment else None,
        "cost_nano_usd": None if e.cost_usd is None else nanos(e.cost_usd),
        "at": micros(e.at),
    }
