"""Gateway traffic.

Requests, the conversations they belong to, offsets of spools, and mirrored answers.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, get_args

from sqlalchemy import bindparam, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.sql.elements import BooleanClauseList

from kaeshi.nouns import ConsentStatement, Conversation, Exchange, Json, Mirrored, Role, Turn
from kaeshi.rules.exchange import Head, Place, as_context, continued, course, recognised
from kaeshi.rules.threads import State, root, scoped, states_after, states_before, unnamed
from kaeshi.rules.wire import replied
from kaeshi.store.consents import ConsentVerbs
from kaeshi.store.conversations import GATEWAY, ConversationVerbs
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
    heads: dict[str, Head] = field(default_factory=dict)
    places: dict[str, Place] = field(default_factory=dict)
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


@dataclass(frozen=True, kw_only=True)
class _States:
    """Digests of the states that are continued, and of those led to."""

    before: list[tuple[str, State]]
    after: list[str]

    @property
    def digests(self) -> list[str]:
        """All of them."""
        return [*(digest for digest, _ in self.before), *self.after]

    def prior(self, places: Mapping[str, Place]) -> tuple[Place | None, State]:
        """The strongest known state, and its place."""
        known = ((places[d], state) for d, state in self.before if d in places)
        return next(known, (None, State("")))


def _withdraws(e: Exchange) -> bool:
    return e.consent == "none" and e.consent_from == "request"


def _withdrawal(e: Exchange) -> ConsentStatement:
    return ConsentStatement(consent="none", how="request", said_at=e.at, text=e.consent_text)


def _is_stored(e: Exchange) -> bool:
    """Whether it adds messages to a conversation."""
    return (
        e.is_turn
        and e.reply is not None
        and all(message.get("role") in _ROLES for message in e.messages)
    )


class ExchangeVerbs(Verbs):
    """Requests, spools and mirrored answers."""

    def __init__(
        self, connection: AsyncConnection, keyring: Keyring, conversations: ConversationVerbs
    ) -> None:
        super().__init__(connection, keyring)
        self._conversations = conversations
        self._consents = ConsentVerbs(connection, keyring)

    def digest(self, exchange: Exchange, state: State) -> str:
        """The digest by which a conversation is recognised at that state."""
        scope = "" if state.is_id else scoped(exchange.scope, exchange.network)
        return self.keyring.digest(exchange.assistant, scope, state.key)

    async def conversation_of(self, assistant: str, digests: Sequence[str]) -> str | None:
        """The conversation in the first of these states that is known.

        Empty where several are in that state, None where none of them is known.
        """
        found = await self._places(assistant, set(digests))
        return next((found[d].conversation for d in digests if d in found), None)

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
        await self._withdraw(assistant, [e for e in fresh if _withdraws(e)], now)
        done.requests = len(plan.requests)
        done.edited = plan.forks
        done.refused = plan.unreadable + len(added.refused)
        return done

    async def _withdraw(self, assistant: str, said: Sequence[Exchange], now: datetime) -> None:
        """Take withdrawals whatever became of the answers: of the conversation that is named.

        And of its forks, where they are of the same customer.
        """
        if not said:
            return
        names = await self._consents.family(assistant, [e.conversation for e in said])
        owners = await self._conversations.known(assistant, names)
        found = []
        for e in said:
            own = self.keyring.pseudonym(assistant, e.customer, "c")
            found += [
                (name, _withdrawal(e))
                for name, (customer, _) in owners.items()
                if customer == own and root(name) == root(e.conversation)
            ]
        await self._consents.settle(assistant, found, now)

    async def _fresh(self, assistant: str, batch: Sequence[Exchange]) -> list[Exchange]:
        """Those that are not stored yet."""
        # a stream is logged when its answer is complete, and again once its usage has come
        latest = {e.id: e for e in batch}
        rows = await self._rows(_KNOWN, assistant=assistant, ids=list(latest))
        stored = {name for (name,) in rows}
        return [e for e in latest.values() if e.id not in stored]

    async def _planned(self, assistant: str, fresh: Sequence[Exchange]) -> "_Plan":
        """What storing these exchanges writes, in order."""
        states = {e.id: self._states(e) for e in fresh if _is_stored(e)}
        digests = {digest for each in states.values() for digest in each.digests}
        plan = _Plan(assistant=assistant)
        plan.places = await self._places(assistant, digests)
        names = {e.conversation for e in fresh} | {p.conversation for p in plan.places.values()}
        known = await self._conversations.known(assistant, sorted(names))
        plan.heads = {name: Head(*head) for name, head in known.items()}
        for e in fresh:
            name = e.conversation
            if e.id in states:
                name = self._add_to_plan(e, states[e.id], plan)
            elif e.reply is not None and e.is_turn:
                plan.unreadable += 1
            plan.requests.append(_request_row(e, name))
        return plan

    def _add_to_plan(self, e: Exchange, states: "_States", plan: "_Plan") -> str:
        prior, state = states.prior(plan.places)
        name = continued(e, prior)
        head = plan.heads.get(name)
        customer = self._customer_of(e, head, prior)
        found = course(e, customer, head, prior, is_window=state.is_window, covered=state.replies)
        name = found.conversation
        added = _conversation(e, name, e.messages[found.new_from :], found.position)
        position = found.position + len(added.turns)
        plan.heads[name] = Head(customer, position)
        for digest in states.after:
            place = recognised(found, position, plan.places.get(digest))
            if place is not None:
                plan.places[digest] = place
                plan.moved[digest] = place
        plan.forks += found.is_fork
        plan.conversations.append(added)
        return name

    def _customer_of(self, e: Exchange, head: Head | None, prior: Place | None) -> str:
        """The customer's pseudonym; of an unnamed one who is recognised, the conversation's."""
        if head is not None and prior is not None and e.customer == unnamed(e.conversation):
            return head.customer
        return self.keyring.pseudonym(e.assistant, e.customer, "c")

    def _states(self, e: Exchange) -> "_States":
        """The digests that an exchange continues from, and those that it leads to."""
        assert e.reply is not None  # checked by the caller
        before = states_before(e.messages, replied(e.messages), e.refers, is_named=bool(e.scope))
        after = states_after(e.messages, e.reply, e.gave, is_delta=e.is_delta)
        for other in e.others:
            after += states_after(e.messages, other, (), is_delta=e.is_delta)
        return _States(
            before=[(self.digest(e, state), state) for state in before],
            after=[self.digest(e, state) for state in after],
        )

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

    async def recognised(self, assistant: str, since: datetime) -> Json:
        """Requests since then, those of unknown customers, and unread answers by dialect."""
        mine = (requests.c.assistant == assistant) & (requests.c.at >= micros(since))
        total, unknown = (
            await self.connection.execute(
                select(func.count(), func.count().filter(requests.c.is_unknown)).where(mine)
            )
        ).one()
        dialects = await self.connection.execute(
            select(requests.c.unread, func.count())
            .where(mine, requests.c.unread.is_not(None))
            .group_by(requests.c.unread)
        )
        return {
            "requests": int(total),
            "unknown_customers": int(unknown),
            "unread": {str(dialect): int(count) for dialect, count in dialects},
        }

    async def message_of(self, assistant: str, answer: str) -> str | None:
        """The message that an answer of the provider's id was stored as."""
        # some servers count their answers from zero: the latest is meant
        statement = (
            select(requests.c.id)
            .where(requests.c.assistant == assistant, requests.c.answer_id == answer)
            .order_by(requests.c.at.desc())
        )
        found = (await self.connection.execute(statement)).first()
        return None if found is None else str(found.id)

    async def count_requests(self, assistant: str) -> tuple[int, int]:
        """(logged, dropped) of all time."""
        logged = select(func.count()).where(requests.c.assistant == assistant)
        dropped = select(func.coalesce(func.sum(spools.c.dropped), 0)).where(
            spools.c.assistant == assistant
        )
        return int((await self.connection.execute(logged)).scalar_one()), int(
            (await self.connection.execute(dropped)).scalar_one()
        )

    async def failures(self, assistant: str, experiment: str) -> list[Json]:
        """Requests of each arm of a rollout, those that failed, and why, the most common first."""
        r = requests.c
        mine = (r.assistant == assistant) & (r.experiment == experiment)
        counted = select(r.arm, r.failed, r.failure, func.count()).where(mine)
        rows = await self.connection.execute(counted.group_by(r.arm, r.failed, r.failure))
        arms: dict[str, Json] = {}
        for arm, failed, why, count in rows:
            found = arms.setdefault(arm, {"arm": arm, "requests": 0, "failed": 0, "why": {}})
            found["requests"] += count
            if failed:
                found["failed"] += count
                found["why"][why or "not recorded"] = count
        return [arms[arm] for arm in sorted(arms, reverse=True)]

    async def mirror_failures(self, assistant: str, experiment: str) -> dict[str, int]:
        """Mirrored answers that failed, by reason."""
        m = mirrors.c
        counted = select(m.failure, func.count()).where(
            m.assistant == assistant, m.experiment == experiment, m.state == "failed"
        )
        rows = await self.connection.execute(counted.group_by(m.failure))
        return {str(why) or "not recorded": int(count) for why, count in rows}

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
    sent = [as_context(message) for message in messages]
    turns = [Turn(id=f"{name}#{position + i}", message=m, at=e.at) for i, m in enumerate(sent)]
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
        consent_from=e.consent_from,
        consent_text=e.consent_text,
        context=e.context,
        source=GATEWAY,
        is_verified=e.is_verified,
        network=e.network,
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
        "failure",
        "model",
        "finish_reason",
        "streamed",
        "latency_ms",
        "first_token_ms",
        "answer_id",
        "unread",
        "is_unknown",
        "is_estimated",
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
