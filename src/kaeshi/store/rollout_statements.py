"""The statements behind a rollout's evidence."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import func, select, union_all
from sqlalchemy.sql.base import ReadOnlyColumnCollection
from sqlalchemy.sql.elements import KeyedColumnElement
from sqlalchemy.sql.schema import Column
from sqlalchemy.sql.selectable import Select, Subquery

from kaeshi.nouns import (
    CANDIDATE_FAILED,
    Json,
    TrialRow,
)
from kaeshi.store.reports import answered_by_production
from kaeshi.store.tables import (
    conversations,
    outcomes,
    requests,
)
from kaeshi.store.verbs import Columns, dumps, micros


def first_conversations(
    c: Columns, assistant: str, rollout: str
) -> Select[Any, Any, Any, Any, Any, Any]:
    """Each customer's first conversation in a rollout."""
    mine = (c.assistant == assistant) & (c.experiment == rollout) & (c.share > 0) & (c.share < 1)
    began = (
        select(c.customer, func.min(c.started_at).label("at"))
        .where(c.assistant == assistant)
        .group_by(c.customer)
        .subquery()
    )
    return (
        select(
            c.customer,
            c.id,
            c.arm,
            c.share,
            c.started_at,
            began.c.at.label("first_at"),
            c.is_verified,
            c.network,
        )
        .join(began, began.c.customer == c.customer)
        .where(mine)
    )


def requests_statement(assistant: str, rollout: str) -> Select[Any, Any, Any]:
    """(arm, share, failed) of a rollout's requests, in order."""
    r = requests.c
    asked = select(r.at, r.id, r.arm, r.share, r.failed).where(
        r.assistant == assistant, r.experiment == rollout, r.share > 0, r.share < 1
    )
    both = union_all(logged_elsewhere(assistant, rollout), asked).subquery()
    return select(both.c.arm, both.c.share, both.c.bad).order_by(both.c.at, both.c.id)


def logged_elsewhere(assistant: str, rollout: str) -> Select[Any, Any, Any, Any, Any]:
    """Conversations of a rollout that did not come through the gateway, one request each."""
    c = conversations.c
    served = served_conversations(requests.c, assistant, rollout)
    failed = failed_conversations(outcomes.c, assistant)
    bad = failed.c.conversation.is_not(None).label("bad")
    return (
        select(c.last_at.label("at"), c.id, c.arm, c.share, bad)
        .outerjoin(failed, failed.c.conversation == c.id)
        .outerjoin(served, served.c.conversation == c.id)
        .where(
            c.assistant == assistant,
            c.experiment == rollout,
            c.share > 0,
            c.share < 1,
            served.c.conversation.is_(None),
        )
    )


def served_conversations(
    r: ReadOnlyColumnCollection[str, Column[Any]], assistant: str, rollout: str
) -> Subquery[ReadOnlyColumnCollection[str, KeyedColumnElement[Any]]]:
    """Conversations of a rollout that came through the gateway."""
    return (
        select(r.conversation)
        .where(r.assistant == assistant, r.experiment == rollout)
        .distinct()
        .subquery()
    )


def failed_conversations(
    o: ReadOnlyColumnCollection[str, Column[Any]], assistant: str
) -> Subquery[ReadOnlyColumnCollection[str, KeyedColumnElement[Any]]]:
    """Conversations in which the candidate failed."""
    return (
        select(o.conversation)
        .where(o.assistant == assistant, o.name == CANDIDATE_FAILED, o.value == "true")
        .distinct()
        .subquery()
    )


def counted_rows(
    rows: Sequence[TrialRow], assistant: str, rollout: str, number: Any, now: datetime
) -> list[Json]:
    """Rows of counted customers, numbered in order of entry."""
    return [
        row.model_dump(exclude={"started_at", "values", "foreseen"})
        | {"assistant": assistant, "rollout": rollout, "number": number + i}
        | {"values": dumps(row.values), "foreseen": dumps(row.foreseen)}
        | {"started_at": micros(row.started_at), "entered_at": micros(now)}
        for i, row in enumerate(rows)
    ]


def delays_statement(
    c: Columns,
    o: Columns,
    assistant: str,
    since: datetime,
    until: datetime,
) -> Select[Any, Any]:
    """Start and first conversion of production's conversations."""
    return (
        select(c.started_at, func.min(o.at))
        .join(
            outcomes,
            (o.assistant == c.assistant)
            & (o.conversation == c.id)
            & (o.name == "booked")
            & (o.value == "true"),
        )
        .where(
            c.assistant == assistant,
            c.started_at >= micros(since),
            c.started_at < micros(until),
            answered_by_production(conversations),
        )
        .group_by(c.id, c.started_at)
    )
