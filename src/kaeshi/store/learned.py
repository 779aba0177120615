"""What was learned between two times."""

from datetime import datetime

from sqlalchemy import BindParameter, bindparam, func, select

from kaeshi.rules.learned import Learned
from kaeshi.store.examples import WAITS
from kaeshi.store.tables import decisions, entries, examples
from kaeshi.store.verbs import Verbs, micros

_e = examples.c
_ASSISTANT: BindParameter[str] = bindparam("assistant")
_SINCE: BindParameter[int] = bindparam("since")
_UNTIL: BindParameter[int] = bindparam("until")
_EXAMPLES = select(
    func.count().filter(_e.kept),
    func.count(_e.account.distinct()).filter(_e.kept & (_e.account != "")),
    func.count().filter(_e.kept & (_e.account == "")),
    func.count().filter(_e.kept & WAITS),
    func.count().filter(_e.reason == "doubtful"),
).where(_e.assistant == _ASSISTANT, _e.judged_at >= _SINCE, _e.judged_at < _UNTIL)
_ENTRIES = (
    select(entries.c.by, func.count())
    .where(
        entries.c.assistant == _ASSISTANT,
        entries.c.at >= _SINCE,
        entries.c.at < _UNTIL,
        entries.c.state.in_(("approved", "corrected")),
    )
    .group_by(entries.c.by)
)
_DECISIONS = (
    select(decisions.c.by, func.count(decisions.c.ref.distinct()))
    .where(
        decisions.c.assistant == _ASSISTANT,
        decisions.c.at >= _SINCE,
        decisions.c.at < _UNTIL,
        decisions.c.expected == "",
    )
    .group_by(decisions.c.by)
)


class LearnedVerbs(Verbs):
    """Counts of what was learned."""

    async def between(self, assistant: str, since: datetime, until: datetime) -> Learned:
        """What was learned in [since, until)."""
        given = {"assistant": assistant, "since": micros(since), "until": micros(until)}
        (counted,) = (await self.connection.execute(_EXAMPLES, given)).all()
        approved = (await self.connection.execute(_ENTRIES, given)).all()
        decided = (await self.connection.execute(_DECISIONS, given)).all()
        kept, customers, logged, waiting, doubtful = map(int, counted)
        return Learned(
            kept=kept,
            customers=customers,
            logged=logged,
            waiting=waiting,
            doubtful=doubtful,
            entries={by or "unknown": count for by, count in approved},
            decisions=dict(tuple(row) for row in decided),
        )
