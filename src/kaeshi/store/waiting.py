"""How much waits for a person."""

from typing import Any

from sqlalchemy import BindParameter, Select, bindparam, func, select

from kaeshi.store.examples import WAITS
from kaeshi.store.tables import (
    conversations,
    corrections,
    entries,
    examples,
    feedback_current,
    training_runs,
)
from kaeshi.store.verbs import Verbs

_e = examples.c
_f = feedback_current.c
_t = training_runs.c
_ASSISTANT: BindParameter[str] = bindparam("assistant")
_DECIDED = select(corrections.c.submission).where(corrections.c.assistant == _ASSISTANT)
_COUNTED: dict[str, Select[Any]] = {
    "examples": select(func.count()).where(_e.assistant == _ASSISTANT, _e.kept, WAITS),
    "entries": select(func.count()).where(
        entries.c.assistant == _ASSISTANT, entries.c.state == "proposed"
    ),
    "corrections": select(func.count()).where(
        _f.assistant == _ASSISTANT, _f.metric == "correction", _f.submission.not_in(_DECIDED)
    ),
    "runs": select(func.count()).where(
        _t.assistant == _ASSISTANT, _t.state == "unknown", _t.job_id.is_(None)
    ),
    "silent": select(func.count()).where(
        conversations.c.assistant == _ASSISTANT, conversations.c.consent == "none"
    ),
}


class WaitingVerbs(Verbs):
    """Counts of what a person has to decide."""

    async def counts(self, assistant: str) -> dict[str, int]:
        """How much waits, by kind; rules/todo.py says it in words."""
        found = {}
        for name, statement in _COUNTED.items():
            rows = await self.connection.execute(statement, {"assistant": assistant})
            found[name] = int(rows.scalar_one())
        return found
