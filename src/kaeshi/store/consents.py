"""Statements of consent, and what a withdrawal takes back."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, case, null, select, update

from kaeshi.nouns import ConsentStatement
from kaeshi.rules.consent import effect, is_withdrawn
from kaeshi.rules.threads import root
from kaeshi.store.conversation_rows import Plan, raised
from kaeshi.store.conversation_statements import OF_CUSTOMERS
from kaeshi.store.tables import changes, consents, conversations, entries, examples
from kaeshi.store.verbs import Verbs, among, maybe_moment, micros

_HISTORY = (
    select(
        consents.c.conversation,
        consents.c.consent,
        consents.c.how,
        consents.c.said_at,
        consents.c.text,
        consents.c.entered_by,
    )
    .where(consents.c.assistant == bindparam("assistant"), among(consents.c.conversation, "ids"))
    .order_by(consents.c.conversation, consents.c.number)
)
_STANDS = (
    update(conversations)
    .where(
        conversations.c.assistant == bindparam("a"),
        conversations.c.id == bindparam("c"),
    )
    .values(consent=bindparam("k"))
)
# a correction's text is deleted with the rest, so that decision cannot stay; a rejection does
_UNLEARNED = (
    update(examples)
    .where(examples.c.assistant == bindparam("a"), examples.c.conversation == bindparam("c"))
    .values(
        kept=False,
        reason="no_consent",
        consent="none",
        messages=null(),
        review=case((examples.c.review == "corrected", "proposed"), else_=examples.c.review),
    )
)
_UNSAID = (
    update(entries)
    .where(
        entries.c.assistant == bindparam("a"),
        entries.c.conversation == bindparam("c"),
        entries.c.state != "rejected",
    )
    .values(state="rejected", by="kaeshi", note="consent was withdrawn", at=bindparam("t"))
)


@dataclass
class Settled:
    """Conversations whose consent changed, those of them that were withdrawn.

    `refused`: grants that a withdrawal stands against.
    """

    changed: list[str] = field(default_factory=list)
    withdrawn: list[str] = field(default_factory=list)
    refused: int = 0


class ConsentVerbs(Verbs):
    """What was said about consent."""

    async def history(
        self, assistant: str, ids: Sequence[str]
    ) -> dict[str, list[ConsentStatement]]:
        """The statements that were taken, in order, by conversation."""
        found: dict[str, list[ConsentStatement]] = {name: [] for name in ids}
        rows = await self._rows(_HISTORY, assistant=assistant, ids=list(found))
        for name, consent, how, said_at, words, by in rows:
            found[name].append(
                ConsentStatement(
                    consent=consent, how=how, said_at=maybe_moment(said_at), text=words, by=by
                )
            )
        return found

    async def of_customers(self, assistant: str, customers: Collection[str]) -> list[str]:
        """The conversations of these customers' pseudonyms."""
        rows = await self._rows(OF_CUSTOMERS, assistant=assistant, ids=sorted(customers))
        return [identifier for (identifier,) in rows]

    async def settle_all(self, assistant: str, plans: Sequence[Plan], now: datetime) -> Settled:
        """Take the statements that came with conversations."""
        said = [(plan.conversation.id, plan.conversation.consent_said) for plan in plans]
        new = {plan.conversation.id for plan in plans if plan.is_new}
        heirs = await self._inherit(assistant, [name for name in new if root(name) != name], now)
        return await self.settle(assistant, said, now, new - heirs)

    async def _inherit(self, assistant: str, forks: Sequence[str], now: datetime) -> set[str]:
        """Give forks of withdrawn conversations the statements of their origins; returns these."""
        if not forks:
            return set()
        origins = await self.history(assistant, [root(name) for name in forks])
        heirs = [name for name in forks if is_withdrawn(origins[root(name)])]
        rows = [
            _row(assistant, name, number, said, now)
            for name in heirs
            for number, said in enumerate(origins[root(name)], 1)
        ]
        await self._add(consents, rows)
        await self._stand(assistant, dict.fromkeys(heirs, "none"))
        return set(heirs)

    async def family(self, assistant: str, ids: Sequence[str]) -> list[str]:
        """The conversations with these ids, and all that were forked from the same ones."""
        found: list[str] = []
        for origin in dict.fromkeys(map(root, ids)):
            c = conversations.c
            statement = select(c.id).where(
                c.assistant == assistant,
                (c.id == origin) | c.id.in_(ids) | c.id.startswith(f"{origin}~", autoescape=True),
            )
            found += (await self.connection.execute(statement.order_by(c.id))).scalars()
        return list(dict.fromkeys(found))

    async def settle(
        self,
        assistant: str,
        said: Sequence[tuple[str, ConsentStatement]],
        now: datetime,
        new: Collection[str] = (),
    ) -> Settled:
        """Take (conversation, statement) pairs in order; a withdrawal takes effect at once.

        `new`: conversations of this transaction, whose history is known to be empty. What was
        collected from a withdrawn conversation is deleted, its knowledge entries are rejected, and
        whatever changed is judged again.
        """
        stated = [(name, each) for name, each in said if each.how != "unstated"]
        if not stated:
            return Settled()
        history = await self.history(assistant, [name for name, _ in stated if name not in new])
        rows, refused = _taken(assistant, stated, history, now)
        await self._add(consents, rows)
        stands = {
            row["conversation"]: row["consent"]
            for row in rows
            if row["conversation"] not in new or row["number"] > 1
        }
        await self._stand(assistant, stands)
        withdrawn = [name for name, consent in stands.items() if consent == "none"]
        await self._take_back(assistant, withdrawn, now)
        return Settled(changed=list(stands), withdrawn=withdrawn, refused=refused)

    async def _stand(self, assistant: str, stands: Mapping[str, str]) -> None:
        await self._each(
            _STANDS, [{"a": assistant, "c": name, "k": k} for name, k in stands.items()]
        )
        marks = [{"assistant": assistant, "conversation": c, "version": 1} for c in stands]
        await self._add(changes, marks, otherwise=raised)

    async def _take_back(self, assistant: str, withdrawn: Sequence[str], now: datetime) -> None:
        gone = [{"a": assistant, "c": name} for name in withdrawn]
        await self._each(_UNLEARNED, gone)
        await self._each(_UNSAID, [{**row, "t": micros(now)} for row in gone])


def _taken(
    assistant: str,
    said: Sequence[tuple[str, ConsentStatement]],
    history: dict[str, list[ConsentStatement]],
    now: datetime,
) -> tuple[list[dict[str, Any]], int]:
    """(rows of the statements that are taken, grants that a withdrawal stopped)."""
    rows = []
    refused = 0
    for name, statement in said:
        known = history.setdefault(name, [])
        taken = effect(known, statement)
        refused += taken == "withdrawn"
        if taken == "taken":
            known.append(statement)
            rows.append(_row(assistant, name, len(known), statement, now))
    return rows, refused


def _row(
    assistant: str, name: str, number: int, said: ConsentStatement, now: datetime
) -> dict[str, Any]:
    return {
        "assistant": assistant,
        "conversation": name,
        "number": number,
        "consent": said.consent,
        "how": said.how,
        "text": said.text,
        "entered_by": said.by,
        "said_at": None if said.said_at is None else micros(said.said_at),
        "recorded_at": micros(now),
    }
