"""Whole conversations as log records, for files that leave the store."""

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, select

from kaeshi.nouns import Json, Opinion
from kaeshi.store.conversations import ConversationVerbs
from kaeshi.store.feedback import FeedbackVerbs
from kaeshi.store.tables import conversations, messages
from kaeshi.store.verbs import Verbs, among, loads, micros, moment, usd

_c = conversations.c
_m = messages.c
_IDS = (
    select(_c.started_at, _c.id)
    .where(
        _c.assistant == bindparam("assistant"),
        (_c.started_at > bindparam("after_at"))
        | ((_c.started_at == bindparam("after_at")) & (_c.id > bindparam("after_id"))),
        _c.started_at < bindparam("before"),
    )
    .order_by(_c.started_at, _c.id)
    .limit(bindparam("at_most"))
)
_HEADS = select(conversations).where(_c.assistant == bindparam("assistant"), among(_c.id, "ids"))
_TURNS = (
    select(_m.conversation, _m.id, _m.at, _m.model, _m.response_ms, _m.cost_nano_usd, _m.act)
    .where(_m.assistant == bindparam("assistant"), among(_m.conversation, "ids"))
    .order_by(_m.conversation, _m.position)
)
Cursor = tuple[int, str]
START: Cursor = (-1, "")
FOREVER = 2**62


class ExportVerbs(Verbs):
    """Reads conversations with everything that is stored about them."""

    def __init__(self, tx: Any, said: ConversationVerbs, feedback: FeedbackVerbs) -> None:
        super().__init__(tx, said.keyring)
        self._said = said
        self._feedback = feedback

    async def page(
        self, assistant: str, after: Cursor, before: datetime | None, limit: int
    ) -> list[Cursor]:
        """(start, id) of conversations that began before a time, in that order."""
        rows = await self._rows(
            _IDS,
            assistant=assistant,
            after_at=after[0],
            after_id=after[1],
            before=FOREVER if before is None else micros(before),
            at_most=limit,
        )
        return [(int(at), str(name)) for at, name in rows]

    async def records(self, assistant: str, ids: Sequence[str]) -> list[Json]:
        """Those conversations in the log format of docs/conversation.md, texts decrypted.

        Customers and authors are pseudonyms. Those of erased customers and damaged ones are left
        out.
        """
        stored = await self._said.read(assistant, ids)
        heads = {
            row.id: row
            for row in await self.connection.execute(
                _HEADS, {"assistant": assistant, "ids": json.dumps(list(ids))}
            )
        }
        opinions = await self._feedback.on(assistant, ids)
        turns: dict[str, dict[str, Any]] = {}
        for conversation, name, *about in await self._rows(
            _TURNS, assistant=assistant, ids=list(ids)
        ):
            turns.setdefault(conversation, {})[name] = about
        return [
            _head(heads[one.id], one.facts)
            | one.context
            | {
                "messages": [
                    _message(said, turns[one.id][said.id], _about(opinions.get(one.id, []), i))
                    for i, said in enumerate(one.said)
                ]
            }
            for one in stored
        ]


def _head(row: Any, facts: Any) -> Json:
    return {
        "conversation_id": row.id,
        "assistant": row.assistant,
        "customer_id": row.customer,
        "consent": row.consent,
        "source": row.source,
        "started_at": moment(row.started_at).isoformat(),
        "domains": loads(row.domains, []),
        "intents": loads(row.intents, []),
        "experiment": row.experiment,
        "arm": row.arm,
        "share": row.share,
        "closed": row.closed_at is not None,
        "outcome": dict(facts),
    }


def _message(said: Any, about: Sequence[Any], feedback: list[Json]) -> Json:
    at, model, latency_ms, cost, act = about
    known = {
        "message_id": said.id,
        "at": moment(at).isoformat(),
        "confidence": said.confidence,
        "model": model,
        "latency_ms": latency_ms,
        "cost_usd": None if cost is None else str(usd(cost)),
        "act": act,
    }
    known = {name: value for name, value in known.items() if value is not None}
    return {**said.message, **known, **({"feedback": feedback} if feedback else {})}


def _about(opinions: Sequence[tuple[int, Opinion]], position: int) -> list[Json]:
    """What was said about one message, without words."""
    return [
        {
            name: value
            for name, value in opinion.model_dump(
                include={"author", "vote", "rating", "helpful", "accurate"}
            ).items()
            if value is not None and value != ""
        }
        for place, opinion in opinions
        if place == position
    ]
