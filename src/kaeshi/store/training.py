"""Intents and results of everything we ask a fine-tuning provider, and the candidates that come of it."""

import json
from datetime import datetime
from typing import Any

from sqlalchemy import Row, select, update

from kaeshi.errors import NotFound
from kaeshi.store.tables import candidates, training_files, training_runs
from kaeshi.store.verbs import Verbs, dumps, micros, moment
from kaeshi.types import Candidate, RunState, TrainingRun


class TrainingVerbs(Verbs):
    """Verbs over uploads, runs and candidates."""

    async def intend_upload(self, assistant: str, provider: str, sha256: str, now: datetime) -> tuple[str, str | None, bool]:
        """Say that a file is about to be uploaded: (state, file id, was it us who said so first)."""
        row = {
            "assistant": assistant,
            "provider": provider,
            "sha256": sha256,
            "state": "intended",
            "created_at": micros(now),
            "updated_at": micros(now),
        }
        first = await self._add(training_files, [row]) == 1
        where = (training_files.c.assistant == assistant, training_files.c.provider == provider, training_files.c.sha256 == sha256)
        stored = (await self.connection.execute(select(training_files.c.state, training_files.c.file_id).where(*where))).one()
        return stored.state, stored.file_id, first

    async def settle_upload(self, assistant: str, provider: str, sha256: str, file_id: str, now: datetime) -> None:
        """The file is there, under that id."""
        where = (training_files.c.assistant == assistant, training_files.c.provider == provider, training_files.c.sha256 == sha256)
        await self.connection.execute(
            update(training_files).where(*where).values(state="uploaded", file_id=file_id, updated_at=micros(now))
        )

    async def file_sha256(self, assistant: str, provider: str, file_id: str) -> str | None:
        """Which content stands behind a provider's file id."""
        where = (training_files.c.assistant == assistant, training_files.c.provider == provider, training_files.c.file_id == file_id)
        return (await self.connection.execute(select(training_files.c.sha256).where(*where))).scalar()

    async def intend_run(self, run: TrainingRun) -> tuple[TrainingRun, bool]:
        """Say that a job is about to be started; a run with the same key is returned instead, and False."""
        first = await self._add(training_runs, [_run_row(run)]) == 1
        found = (
            await self.connection.execute(
                select(training_runs).where(training_runs.c.assistant == run.assistant, training_runs.c.key == run.key)
            )
        ).one()
        return _run(found), first

    async def settle_run(self, run: TrainingRun, **changed: str | None) -> TrainingRun:
        """Write what is known about a run by now."""
        values = {**changed, "updated_at": micros(run.updated_at)}
        await self.connection.execute(
            update(training_runs).where(training_runs.c.assistant == run.assistant, training_runs.c.id == run.id).values(**values)
        )
        return run.model_copy(update=dict(changed))

    async def runs(self, assistant: str, states: tuple[RunState, ...] = ()) -> list[TrainingRun]:
        """Every run, the latest first."""
        statement = (
            select(training_runs)
            .where(training_runs.c.assistant == assistant)
            .order_by(training_runs.c.created_at.desc(), training_runs.c.id)
        )
        if states:
            statement = statement.where(training_runs.c.state.in_(states))
        return [_run(row) for row in await self.connection.execute(statement)]

    async def run(self, assistant: str, name: str) -> TrainingRun:
        """The run with that id, or the one behind a provider's job id. Raises NotFound."""
        statement = select(training_runs).where(
            training_runs.c.assistant == assistant, (training_runs.c.id == name) | (training_runs.c.job_id == name)
        )
        row = (await self.connection.execute(statement)).first()
        if row is None:
            msg = f"training run {name!r} of assistant {assistant!r} is not known; `kaeshi training list` shows those that are"
            raise NotFound(msg)
        return _run(row)

    async def add_candidate(self, candidate: Candidate) -> Candidate:
        """Register something that changes answers; the same model is registered once, and its newer evidence is added."""
        row = candidate.model_dump() | {"evidence": dumps(candidate.evidence), "created_at": micros(candidate.created_at)}
        if await self._add(candidates, [row]) == 0:
            stored = await self.candidate(candidate.assistant, candidate.model)
            if candidate.evidence:
                merged = stored.evidence | candidate.evidence
                await self.connection.execute(
                    update(candidates)
                    .where(candidates.c.assistant == candidate.assistant, candidates.c.id == stored.id)
                    .values(evidence=dumps(merged))
                )
                stored = stored.model_copy(update={"evidence": merged})
            return stored
        return candidate

    async def candidate(self, assistant: str, name: str) -> Candidate:
        """By id or by model. Raises NotFound."""
        statement = select(candidates).where(candidates.c.assistant == assistant, (candidates.c.id == name) | (candidates.c.model == name))
        row = (await self.connection.execute(statement)).first()
        if row is None:
            msg = f"candidate {name!r} of assistant {assistant!r} is not registered"
            raise NotFound(msg)
        return as_candidate(row)


def as_candidate(row: Row[Any]) -> Candidate:
    """A candidate from its row."""
    return Candidate(
        id=row.id,
        assistant=row.assistant,
        kind=row.kind,
        model=row.model,
        run=row.run,
        evidence=json.loads(row.evidence),
        created_at=moment(row.created_at),
    )


def _run_row(run: TrainingRun) -> dict[str, object]:
    return run.model_dump() | {"created_at": micros(run.created_at), "updated_at": micros(run.updated_at)}


def _run(row: object) -> TrainingRun:
    values = dict(row._mapping)  # type: ignore[attr-defined]  # SQLAlchemy's documented way to a row as a mapping
    return TrainingRun(**values | {"created_at": moment(values["created_at"]), "updated_at": moment(values["updated_at"])})
