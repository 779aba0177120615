"""Statements on conversations, prepared once: composing one costs more than running it."""

from typing import Any

from sqlalchemy import Column, Select, Table, bindparam, select, update

from kaeshi.store.tables import (
    changes,
    conversations,
    customers,
    messages,
    outcomes,
    requests,
    texts,
)
from kaeshi.store.verbs import among


def _of(table: Table, key: Column[str], *columns: Column[Any]) -> Select[Any]:
    """Those columns of one assistant's rows whose key is one of `ids`."""
    return select(*columns).where(table.c.assistant == bindparam("assistant"), among(key, "ids"))


_c = conversations.c
_m = messages.c
_k = customers.c
_o = outcomes.c
_t = texts.c
WRAPPED_KEYS = _of(customers, _k.id, _k.id, _k.wrapped_key)
KNOWN_CONVERSATIONS = _of(conversations, _c.id, _c.id, _c.customer, _c.message_count)
OF_CUSTOMERS = _of(conversations, _c.customer, _c.id).order_by(_c.id)
KNOWN_MESSAGES = _of(messages, _m.id, _m.id, _m.conversation, _m.mac)
STILL_OPEN = _of(conversations, _c.id, _c.id).where(_c.closed_at.is_(None))
HEADS = _of(
    conversations,
    _c.id,
    _c.id,
    _c.customer,
    _c.source,
    _c.consent,
    _c.intents,
    _c.started_at,
    _c.closed_at,
    _c.is_verified,
    _c.network,
    _c.context,
)
REPLIES = _of(requests, requests.c.conversation, requests.c.id)
REPORTED = _of(outcomes, _o.conversation, _o.conversation, _o.name, _o.key)
FACTS = _of(outcomes, _o.conversation, _o.conversation, _o.name, _o.value).order_by(
    _o.at, _o.reported_at, _o.key
)
TEXTS = (
    _of(texts, _t.ref, _t.ref, _t.part, _t.sealed, _k.wrapped_key)
    .join_from(texts, customers, (_k.assistant == _t.assistant) & (_k.id == _t.customer))
    .where(_t.kind == "messages", _k.wrapped_key.is_not(None))
    .order_by(_t.ref, _t.part)
)
CHANGED = (
    select(changes.c.conversation, changes.c.version)
    .join(conversations, (_c.assistant == changes.c.assistant) & (_c.id == changes.c.conversation))
    .where(
        changes.c.assistant == bindparam("assistant"), changes.c.conversation > bindparam("after")
    )
    .where(_c.closed_at.is_not(None) | (_c.last_at <= bindparam("idle_before")))
    .order_by(changes.c.conversation)
    .limit(bindparam("at_most"))
)
SETTLED = changes.delete().where(
    changes.c.assistant == bindparam("a"),
    changes.c.conversation == bindparam("c"),
    changes.c.version == bindparam("v"),
)
JUDGED = (
    update(conversations)
    .where(_c.assistant == bindparam("a"), _c.id == bindparam("c"), _c.closed_at.is_not(None))
    .values(contained=bindparam("k"))
)
CLOSED = (
    update(conversations)
    .where(_c.assistant == bindparam("a"), _c.id == bindparam("c"), _c.closed_at.is_(None))
    .values(closed_at=bindparam("t"))
)
