"""Intents and results of calls to fine-tuning providers, and candidates."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal

from sqlalchemy import func, select, update
from sqlalchemy.sql.elements import ColumnElement

from kaeshi.errors import NotFound
from kaeshi.nouns import RunState, TrainingEvent, TrainingRun
from kaeshi.store.tables import spendings, training_events, training_files, training_runs
from kaeshi.store.verbs import Verbs, dumps, maybe_moment, micros, moment, nanos, usd


class TrainingVerbs(Verbs):
    """Uploads and training runs."""

    async def intend_upload(
        self,
        assistant: str,
        provider: str,
        sha256: str,
        tokens: int,
        now: datetime,
        expired_before: datetime,
    ) -> tuple[str | None, bool]:
        """Record that a file of so many tokens is about to be uploaded.

        (file id, whether this call was first). A file uploaded before `expired_before` has expired
        at the provider, and is uploaded again.
        """
        row = {
            "assistant": assistant,
            "provider": provider,
            "sha256": sha256,
            "state": "intended",
            "tokens": tokens,
            "created_at": micros(now),
            "updated_at": micros(now),
        }
        first = await self._add(training_files, [row]) == 1
        where = (
            training_files.c.assistant == assistant,
            training_files.c.provider == provider,
            training_files.c.sha256 == sha256,
        )
        return await self._file_of(where, expired_before, now, first)

    async def _file_of(
        self,
        where: tuple[ColumnElement[bool], ColumnElement[bool], ColumnElement[bool]],
        expired_before: datetime,
        now: datetime,
        first: bool,
    ) -> tuple[str | None, bool]:
        file_id, uploaded_at = (
            await self.connection.execute(
                select(training_files.c.file_id, training_files.c.updated_at).where(*where)
            )
        ).one()
        if file_id is not None and uploaded_at < micros(expired_before):
            await self.connection.execute(
                update(training_files)
                .where(*where)
                .values(state="intended", file_id=None, updated_at=micros(now))
            )
            return None, True
        return file_id, first

    async def settle_upload(
        self, assistant: str, provider: str, sha256: str, file_id: str, now: datetime
    ) -> None:
        """Record the file's id at the provider."""
        where = (
            training_files.c.assistant == assistant,
            training_files.c.provider == provider,
            training_files.c.sha256 == sha256,
        )
        await self.connection.execute(
            update(training_files)
            .where(*where)
            .values(state="uploaded", file_id=file_id, updated_at=micros(now))
        )

    async def uploaded(self, assistant: str, provider: str, file_id: str) -> tuple[str, int] | None:
        """(sha256, tokens of one epoch) of a provider's file id."""
        where = (
            training_files.c.assistant == assistant,
            training_files.c.provider == provider,
            training_files.c.file_id == file_id,
        )
        found = (
            await self.connection.execute(
                select(training_files.c.sha256, training_files.c.tokens).where(*where)
            )
        ).first()
        return None if found is None else (found.sha256, found.tokens)

    async def intend_run(self, run: TrainingRun) -> tuple[TrainingRun, bool]:
        """Record that a job is about to be started.

        (run, True); for a key on record the existing run and False.
        """
        first = await self._add(training_runs, [_run_row(run)]) == 1
        found = (
            await self.connection.execute(
                select(training_runs).where(
                    training_runs.c.assistant == run.assistant, training_runs.c.key == run.key
                )
            )
        ).one()
        return _run(found), first

    async def committed_usd(self, assistant: str, month_start: datetime) -> Decimal:
        """Dollars spent, and reserved by what has not ended, since then.

        Callers that reserve are serialised.
        """
        await self._one_writer(assistant)
        since = micros(month_start)
        committed = 0
        for table, at in (
            (training_runs, training_runs.c.created_at),
            (spendings, spendings.c.at),
        ):
            spent = func.coalesce(table.c.booked_nano_usd, table.c.reserved_nano_usd)
            statement = select(func.coalesce(func.sum(spent), 0)).where(
                table.c.assistant == assistant, at >= since
            )
            committed += int((await self.connection.execute(statement)).scalar_one())
        return usd(committed)

    async def run_of(self, assistant: str, key: str) -> TrainingRun | None:
        """The run with that key, if there is one."""
        row = (
            await self.connection.execute(
                select(training_runs).where(
                    training_runs.c.assistant == assistant, training_runs.c.key == key
                )
            )
        ).first()
        return None if row is None else _run(row)

    async def add_events(self, run: TrainingRun, events: Sequence[TrainingEvent]) -> None:
        """Store events; existing ones stay."""
        kept = {event.id for event in await self.events(run)}
        rows: list[Mapping[str, object]] = [
            {
                "assistant": run.assistant,
                "run": run.id,
                "id": event.id,
                "number": number,
                "at": micros(event.at),
                "message": event.message,
                "figures": dumps(event.figures),
            }
            for number, event in enumerate(
                (event for event in events if event.id not in kept), len(kept)
            )
        ]
        await self._add(training_events, rows)

    async def events(self, run: TrainingRun) -> list[TrainingEvent]:
        """The stored events, the oldest first."""
        statement = (
            select(training_events)
            .where(training_events.c.assistant == run.assistant, training_events.c.run == run.id)
            .order_by(training_events.c.number, training_events.c.id)
        )
        return [
            TrainingEvent(
                id=row.id, at=moment(row.at), message=row.message, figures=json.loads(row.figures)
            )
            for row in await self.connection.execute(statement)
        ]

    async def claim_ask(self, run: TrainingRun, now: datetime) -> bool:
        """Claim the right to ask the provider for this run's job once more.

        Of several callers, one gets it.
        """
        taken = await self.connection.execute(
            update(training_runs)
            .where(
                training_runs.c.assistant == run.assistant,
                training_runs.c.id == run.id,
                training_runs.c.job_id.is_(None),
                training_runs.c.state == "intent",
                training_runs.c.asks == run.asks,
            )
            .values(asks=run.asks + 1, asked_at=micros(now), updated_at=micros(now))
        )
        return taken.rowcount == 1

    async def settle_run(self, run: TrainingRun, now: datetime, **changed: object) -> TrainingRun:
        """Store what is known about a run, unless it has ended.

        Returns the run as it then is.
        """
        values = {
            "updated_at": micros(now),
            **{_COLUMNS.get(name, name): _stored(name, value) for name, value in changed.items()},
        }
        await self.connection.execute(
            update(training_runs)
            .where(
                training_runs.c.assistant == run.assistant,
                training_runs.c.id == run.id,
                training_runs.c.state.not_in(("succeeded", "failed", "cancelled")),
            )
            .values(**values)
        )
        return await self.run(run.assistant, run.id)

    async def adopted(self, assistant: str, provider: str) -> set[str]:
        """Jobs at that provider that belong to some run."""
        statement = select(training_runs.c.job_id).where(
            training_runs.c.assistant == assistant,
            training_runs.c.provider == provider,
            training_runs.c.job_id.is_not(None),
        )
        return set((await self.connection.execute(statement)).scalars())

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
            training_runs.c.assistant == assistant,
            (training_runs.c.id == name) | (training_runs.c.job_id == name),
        )
        row = (await self.connection.execute(statement)).first()
        if row is None:
            msg = (
                f"training run {name!r} of assistant {assistant!r} is not known; `kaeshi "
                "training list` shows those that are"
            )
            raise NotFound(msg)
        return _run(row)


_COLUMNS = {"reserved_usd": "reserved_nano_usd", "booked_usd": "booked_nano_usd"}


def _stored(name: str, value: object) -> object:
    if value is None:
        return None
    if name in _COLUMNS:
        return nanos(value)  # type: ignore[arg-type]  # the fields of money hold Decimal
    return micros(value) if isinstance(value, datetime) else value


def _run_row(run: TrainingRun) -> dict[str, object]:
    return {
        _COLUMNS.get(name, name): _stored(name, value) for name, value in run.model_dump().items()
    }


def _run(row: object) -> TrainingRun:
    values = dict(row._mapping)  # type: ignore[attr-defined]  # SQLAlchemy's documented way to a row as a mapping
    reserved = values.pop("reserved_nano_usd")
    booked = values.pop("booked_nano_usd")
    times = {name: maybe_moment(values[name]) for name in ("created_at", "updated_at", "asked_at")}
    return TrainingRun(
        **values
        | times
        | {"reserved_usd": usd(reserved), "booked_usd": None if booked is None else usd(booked)}
    )
