"""Feedback that came before its message: it waits, encrypted, and joins it when it arrives."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import bindparam, delete, exists, func, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from kaeshi.errors import Damaged, TooMany
from kaeshi.nouns import Feedback
from kaeshi.store.conversation_rows import place
from kaeshi.store.conversations import ConversationVerbs
from kaeshi.store.feedback_rows import address
from kaeshi.store.keys import Keyring
from kaeshi.store.tables import (
    conversations,
    customers,
    messages,
    parked_feedback,
    requests,
    texts,
)
from kaeshi.store.verbs import Verbs, among, log, micros, moment

MOST = 100_000  # of one assistant: whoever may send feedback must not fill the disk
EXPIRED = 1_000  # deleted at once
KIND = "parked"
_p = parked_feedback.c
_COUNT = select(func.count()).where(_p.assistant == bindparam("assistant"))
# what it is about is stored by now
_ARRIVED = or_(
    (_p.target == "message_id")
    & exists().where(messages.c.assistant == _p.assistant, messages.c.id == _p.about),
    (_p.target == "conversation_id")
    & exists().where(conversations.c.assistant == _p.assistant, conversations.c.id == _p.about),
    (_p.target == "response_id")
    & (
        exists().where(requests.c.assistant == _p.assistant, requests.c.answer_id == _p.about)
        | exists().where(messages.c.assistant == _p.assistant, messages.c.id == _p.about)
    ),
)
_PAGE = (
    select(_p.id, _p.target, _p.about, _p.at, texts.c.sealed, customers.c.wrapped_key)
    .join_from(
        parked_feedback,
        texts,
        (texts.c.assistant == _p.assistant)
        & (texts.c.customer == _p.customer)
        & (texts.c.kind == KIND),
    )
    .join(customers, (customers.c.assistant == _p.assistant) & (customers.c.id == _p.customer))
    .where(_p.assistant == bindparam("assistant"), _p.id > bindparam("after"), _ARRIVED)
    .order_by(_p.id)
    .limit(bindparam("at_most"))
)
_OWNERS = select(_p.customer).where(_p.assistant == bindparam("assistant"), among(_p.id, "ids"))


class Parked(NamedTuple):
    """Feedback, since when it waits, and what `feedback.message_id` is the id of."""

    id: str
    target: str
    feedback: Feedback
    at: datetime


class ParkedVerbs(Verbs):
    """Feedback that waits for its message."""

    def __init__(
        self, connection: AsyncConnection, keyring: Keyring, conversations: ConversationVerbs
    ) -> None:
        super().__init__(connection, keyring)
        self._conversations = conversations

    async def count(self, assistant: str) -> int:
        """How much waits."""
        return int((await self._rows(_COUNT, assistant=assistant))[0][0])

    async def park(
        self, assistant: str, identifier: str, target: str, said: Feedback, now: datetime
    ) -> None:
        """Keep it; once under one id. Raises TooMany where too much waits."""
        if await self.count(assistant) >= MOST:
            msg = f"{MOST} pieces of feedback wait for their messages; log these first"
            raise TooMany(msg)
        customer = self.keyring.pseudonym(assistant, f"{KIND}\0{identifier}", "c")
        row = {
            "assistant": assistant,
            "id": identifier,
            "target": target,
            "about": said.message_id,
            "customer": customer,
            "at": micros(now),
        }
        if await self._add(parked_feedback, [row]):
            await self._seal(assistant, identifier, customer, said, now)

    async def _seal(
        self, assistant: str, identifier: str, customer: str, said: Feedback, now: datetime
    ) -> None:
        key = (await self._conversations.data_keys(assistant, [customer], now))[customer]
        assert key is not None  # just made
        ref = address(identifier)
        sealed = self.keyring.seal(
            key, said.model_dump_json().encode(), place(assistant, KIND, ref, 0)
        )
        text = {"assistant": assistant, "kind": KIND, "ref": ref, "part": 0}
        await self._put(texts, [text | {"customer": customer, "sealed": sealed}])

    async def arrived(self, assistant: str, after: str, limit: int) -> tuple[list[Parked], str]:
        """What waits for something that is stored by now, and the last id: the next cursor.

        What cannot be decrypted is left out; the cursor is empty at the end.
        """
        rows = await self._rows(_PAGE, assistant=assistant, after=after, at_most=limit)
        found = [one for row in rows if (one := self._opened(assistant, row)) is not None]
        return found, rows[-1][0] if rows else ""

    async def expire(self, assistant: str, before: datetime) -> None:
        """Delete what came before that time, readable or not."""
        late = await self.connection.execute(
            select(_p.id).where(_p.assistant == assistant, _p.at < micros(before)).limit(EXPIRED)
        )
        await self.forget(assistant, list(late.scalars()))

    def _opened(self, assistant: str, row: Sequence[Any]) -> Parked | None:
        identifier, target, _, at, sealed, key = row
        where = place(assistant, KIND, address(identifier), 0)
        try:
            raw = self.keyring.open(key, sealed, where)
        except Damaged:
            log.exception("feedback that waits for its message is left out")
            return None
        return Parked(identifier, target, Feedback.model_validate_json(raw), moment(at))

    async def forget(self, assistant: str, ids: Sequence[str]) -> None:
        """Delete it with its text and key."""
        if not ids:
            return
        owners = [row[0] for row in await self._rows(_OWNERS, assistant=assistant, ids=list(ids))]
        for table, column, values in (
            (texts, texts.c.customer, owners),
            (customers, customers.c.id, owners),
            (parked_feedback, _p.id, list(ids)),
        ):
            await self.connection.execute(
                delete(table).where(table.c.assistant == assistant, column.in_(values))
            )
