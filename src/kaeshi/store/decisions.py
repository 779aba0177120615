"""Reviewers' decisions, each under its name."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import bindparam, select

from kaeshi.rules.agreement import Decided
from kaeshi.store.tables import decisions
from kaeshi.store.verbs import Verbs, among, micros

_d = decisions.c
_ALL = (
    select(_d.ref, _d.by, _d.state, _d.expected, _d.about)
    .where(_d.assistant == bindparam("assistant"))
    .order_by(_d.at, _d.id)
)
_ABOUT = _ALL.where(among(_d.ref, "refs"))
_LATELY = _ALL.where(_d.at >= bindparam("since"))


class DecisionVerbs(Verbs):
    """What each reviewer decided."""

    async def add(self, assistant: str, identifier: str, decided: Decided, now: datetime) -> None:
        """Store one decision."""
        row = {"assistant": assistant, "id": identifier, **decided.model_dump(), "at": micros(now)}
        await self._add(decisions, [row])

    async def every(self, assistant: str) -> list[Decided]:
        """All decisions, the oldest first."""
        return [_decided(row) for row in await self._rows(_ALL, assistant=assistant)]

    async def about(self, assistant: str, refs: Sequence[str]) -> list[Decided]:
        """The decisions about these items, the oldest first."""
        rows = await self._rows(_ABOUT, assistant=assistant, refs=list(refs))
        return [_decided(row) for row in rows]

    async def since(self, assistant: str, since: datetime) -> list[Decided]:
        """The decisions since then, the oldest first."""
        rows = await self._rows(_LATELY, assistant=assistant, since=micros(since))
        return [_decided(row) for row in rows]


def _decided(row: Sequence[str]) -> Decided:
    ref, by, state, expected, about = row
    return Decided(ref=ref, by=by, state=state, expected=expected, about=about)
