"""What the autopilot does and did."""

import json
from datetime import datetime
from typing import Any

from sqlalchemy import Row, select, update

from kaeshi.errors import Conflict, NotFound
from kaeshi.nouns import AutopilotRun, Plan
from kaeshi.store.tables import autopilot_runs
from kaeshi.store.verbs import Verbs, dumps, micros, moment

_r = autopilot_runs.c


class AutopilotVerbs(Verbs):
    """Runs of the autopilot, at most one of them open."""

    async def begin(self, run: AutopilotRun) -> bool:
        """Store a new run.

        False where another is open, or the same content was tried before: the table allows neither.
        """
        return await self._add(autopilot_runs, [_row(run)]) == 1

    async def save(self, run: AutopilotRun, now: datetime, **changed: Any) -> AutopilotRun:
        """Change a run as it was read. Raises Conflict where it has changed since."""
        after = run.model_copy(update={**changed, "version": run.version + 1, "changed_at": now})
        result = await self.connection.execute(
            update(autopilot_runs)
            .where(_r.assistant == run.assistant, _r.id == run.id, _r.version == run.version)
            .values(**_row(after))
        )
        if result.rowcount != 1:
            msg = f"autopilot run {run.id!r} was changed meanwhile; look again"
            raise Conflict(msg)
        return after

    async def every(self, assistant: str) -> list[AutopilotRun]:
        """All runs, the oldest first."""
        statement = (
            select(autopilot_runs).where(_r.assistant == assistant).order_by(_r.began_at, _r.id)
        )
        return [_run(row) for row in await self.connection.execute(statement)]

    async def open_run(self, assistant: str) -> AutopilotRun | None:
        """The run under way."""
        statement = select(autopilot_runs).where(_r.assistant == assistant, _r.is_open)
        row = (await self.connection.execute(statement)).first()
        return None if row is None else _run(row)

    async def get(self, assistant: str, identifier: str) -> AutopilotRun:
        """One run. Raises NotFound."""
        statement = select(autopilot_runs).where(_r.assistant == assistant, _r.id == identifier)
        row = (await self.connection.execute(statement)).first()
        if row is None:
            msg = (
                f"autopilot run {identifier!r} of assistant {assistant!r} is not stored; `kaeshi "
                "autopilot status` lists them"
            )
            raise NotFound(msg)
        return _run(row)


def _row(run: AutopilotRun) -> dict[str, Any]:
    return {
        **run.model_dump(exclude={"plan", "found", "began_at", "changed_at"}),
        "is_open": run.is_open,
        "fingerprint": run.plan.option.fingerprint,
        "plan": run.plan.model_dump_json(),
        "found": dumps(run.found),
        "began_at": micros(run.began_at),
        "changed_at": micros(run.changed_at),
    }


def _run(row: Row[Any]) -> AutopilotRun:
    values = dict(row._mapping)  # SQLAlchemy's documented way to a row as a mapping
    for name in ("is_open", "fingerprint"):
        del values[name]
    return AutopilotRun(
        **values
        | {
            "plan": Plan.model_validate_json(row.plan),
            "found": json.loads(row.found),
            "began_at": moment(row.began_at),
            "changed_at": moment(row.changed_at),
        }
    )
