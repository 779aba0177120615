"""Figures of conversations for reports and rollouts, and sent mails."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Table, func, not_, select, update
from sqlalchemy.engine.row import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from kaeshi.nouns import Report
from kaeshi.rules.report import metrics
from kaeshi.store.conversations import ConversationVerbs
from kaeshi.store.keys import Keyring
from kaeshi.store.tables import conversations, feedback_current, mails, messages, reports, rollouts
from kaeshi.store.verbs import Verbs, chunks, micros, moment


@dataclass(frozen=True, kw_only=True)
class Observed:
    """One conversation's figures; unknown metrics are not in `values`."""

    conversation: str
    customer: str
    arm: str | None
    started_at: datetime
    is_verified: bool
    values: dict[str, float]


def answered_by_production(table: Table) -> ColumnElement[bool]:
    """Restricts conversations or requests to those answered by today's production.

    A promoted candidate counts as production since its first customer.
    """
    promoted = (
        select(rollouts.c.id)
        .where(rollouts.c.assistant == table.c.assistant, rollouts.c.state == "full")
        .correlate(table)
    )
    was_promoted = func.coalesce(table.c.experiment, "").in_(promoted)
    by_candidate = table.c.arm == "candidate"
    return (
        table.c.arm.is_(None)
        | (was_promoted & by_candidate)
        | (not_(was_promoted) & not_(by_candidate))
    )


class ReportVerbs(Verbs):
    """Figures and mails."""

    def __init__(
        self, connection: AsyncConnection, keyring: Keyring, conversations: ConversationVerbs
    ) -> None:
        super().__init__(connection, keyring)
        self._conversations = conversations

    async def latest_start(self, assistant: str) -> datetime | None:
        """When the latest conversation began: the log's own clock."""
        latest = (
            await self.connection.execute(
                select(func.max(conversations.c.started_at)).where(
                    conversations.c.assistant == assistant
                )
            )
        ).scalar()
        return None if latest is None else moment(latest)

    async def latest(
        self, assistant: str, before: tuple[int, str] | None, limit: int
    ) -> Sequence[Any]:
        """Rows of conversations, the newest first, after the (start, id) of the last one seen."""
        c = conversations.c
        mine = c.assistant == assistant
        if before is not None:
            at, name = before
            mine &= (c.started_at < at) | ((c.started_at == at) & (c.id < name))
        statement = select(
            c.id, c.started_at, c.message_count, c.consent, c.arm, c.closed_at
        ).where(mine)
        ordered = statement.order_by(c.started_at.desc(), c.id.desc()).limit(limit)
        return (await self.connection.execute(ordered)).all()

    async def count_open(self, assistant: str) -> int:
        """How many are not closed."""
        statement = select(func.count()).where(
            conversations.c.assistant == assistant, conversations.c.closed_at.is_(None)
        )
        return int((await self.connection.execute(statement)).scalar_one())

    async def observed_between(
        self, assistant: str, since: datetime, until: datetime, *, of_production: bool = False
    ) -> list[Observed]:
        """Every conversation that began in [since, until).

        Optionally only those that today's production would have answered.
        """
        span = (conversations.c.started_at >= micros(since)) & (
            conversations.c.started_at < micros(until)
        )
        return await self._observed(
            assistant, span & answered_by_production(conversations) if of_production else span
        )

    async def observed(self, assistant: str, ids: Sequence[str]) -> dict[str, dict[str, float]]:
        """The present figures of these conversations; none for one that is not closed."""
        found: dict[str, dict[str, float]] = {}
        for part in chunks(ids):
            mine = conversations.c.id.in_(part) & conversations.c.closed_at.is_not(None)
            found |= {
                seen.conversation: seen.values for seen in await self._observed(assistant, mine)
            }
        return found

    async def starts(self, assistant: str) -> list[tuple[datetime, str]]:
        """When each conversation began, in that order."""
        statement = (
            select(conversations.c.started_at, conversations.c.id)
            .where(conversations.c.assistant == assistant)
            .order_by(conversations.c.started_at, conversations.c.id)
        )
        return [(moment(at), name) for at, name in await self.connection.execute(statement)]

    async def acts(self, assistant: str, ids: Sequence[str]) -> dict[str, dict[int, str]]:
        """By conversation the labelled actions of its messages, by position."""
        m = messages.c
        found = dict[str, dict[int, str]]()
        for part in chunks(ids):
            for row in await self.connection.execute(
                select(m.conversation, m.position, m.act).where(
                    m.assistant == assistant, m.conversation.in_(part), m.act.is_not(None)
                )
            ):
                found.setdefault(row.conversation, {})[row.position] = row.act
        return found

    async def put(self, report: Report, now: datetime) -> None:
        """Store a week's report; the latest of a week counts."""
        await self._put(
            reports,
            [
                {
                    "assistant": report.assistant,
                    "since": micros(report.since),
                    "body": report.model_dump_json(),
                    "made_at": micros(now),
                }
            ],
        )

    async def intend_mail(
        self, assistant: str, key: str, mailer: str, now: datetime
    ) -> tuple[str, str, bool]:
        """Record that a mail is about to be sent: (state, place, whether this call was first)."""
        row = {
            "assistant": assistant,
            "key": key,
            "state": "intended",
            "mailer": mailer,
            "place": "",
            "created_at": micros(now),
            "updated_at": micros(now),
        }
        first = await self._add(mails, [row]) == 1
        stored = (
            await self.connection.execute(
                select(mails.c.state, mails.c.place).where(
                    mails.c.assistant == assistant, mails.c.key == key
                )
            )
        ).one()
        return stored.state, stored.place, first

    async def refused_mails(self, assistant: str, now: datetime, pause: timedelta) -> list[str]:
        """Keys of refused mails that may be tried again.

        The pause is as long as the tries so far took, and at least `pause`: it doubles.
        """
        m = mails.c
        spent = m.updated_at - m.created_at
        least = int(pause / timedelta(microseconds=1))
        over = (m.updated_at + spent <= micros(now)) & (m.updated_at + least <= micros(now))
        statement = select(m.key).where(m.assistant == assistant, m.state == "refused", over)
        return list((await self.connection.execute(statement)).scalars())

    async def settle_mail(
        self, assistant: str, key: str, state: str, where: str, now: datetime
    ) -> None:
        """Record that it was sent (to that place), refused (and why), or that neither is known."""
        await self.connection.execute(
            update(mails)
            .where(mails.c.assistant == assistant, mails.c.key == key)
            .values(state=state, place=where, updated_at=micros(now))
        )

    async def _observed(self, assistant: str, condition: ColumnElement[bool]) -> list[Observed]:
        c = conversations.c
        rows = (
            await self.connection.execute(
                select(c.id, c.customer, c.arm, c.started_at, c.contained, c.is_verified)
                .where(c.assistant == assistant, condition)
                .order_by(c.started_at, c.id)
            )
        ).all()
        found: list[Observed] = []
        for part in chunks(rows):
            ids = [row.id for row in part]
            facts = await self._conversations.facts(assistant, ids)
            speed = await self._speed(assistant, ids)
            opinions = await self._opinions(assistant, ids)
            for row in part:
                _observed_one(speed, row, opinions, facts, found)
        return found

    async def _speed(
        self, assistant: str, ids: Sequence[str]
    ) -> dict[str, tuple[float | None, int | None]]:
        m = messages.c
        statement = (
            select(
                m.conversation,
                func.avg(m.response_ms).label("response"),
                func.sum(m.cost_nano_usd).label("cost"),
            )
            .where(m.assistant == assistant, m.conversation.in_(ids), m.role == "assistant")
            .group_by(m.conversation)
        )
        return {
            row.conversation: (row.response, None if row.cost is None else int(row.cost))
            for row in await self.connection.execute(statement)
        }

    async def _opinions(
        self, assistant: str, ids: Sequence[str]
    ) -> dict[str, tuple[list[int], list[str]]]:
        f = feedback_current.c
        m = messages.c
        statement = (
            select(m.conversation, f.metric, f.value)
            .join(feedback_current, (f.assistant == m.assistant) & (f.message == m.id))
            .where(
                m.assistant == assistant, m.conversation.in_(ids), f.metric.in_(("rating", "vote"))
            )
        )
        found: dict[str, tuple[list[int], list[str]]] = {}
        for conversation, metric, value in await self.connection.execute(statement):
            ratings, votes = found.setdefault(conversation, ([], []))
            if metric == "rating":
                ratings.append(int(value))
            else:
                votes.append(value)
        return found


def _observed_one(
    speed: dict[str, tuple[float | None, int | None]],
    row: Row[Any, Any, Any, Any, Any, Any],
    opinions: dict[str, tuple[list[int], list[str]]],
    facts: dict[str, dict[str, object]],
    found: list[Observed],
) -> None:
    response, cost = speed.get(row.id, (None, None))
    ratings, votes = opinions.get(row.id, ([], []))
    values = metrics(
        facts.get(row.id, {}),
        contained=row.contained,
        ratings=ratings,
        votes=votes,
        response_ms=response,
        cost_nano_usd=cost,
    )
    found.append(
        Observed(
            conversation=row.id,
            customer=row.customer,
            arm=row.arm,
            started_at=moment(row.started_at),
            is_verified=row.is_verified,
            values=values,
        )
    )
