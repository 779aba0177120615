"""Approved questions and answers, the vectors of questions, and index builds."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import func, or_, select, update

from kaeshi.errors import NotFound
from kaeshi.nouns import Entry, Json, ReviewState
from kaeshi.store.tables import conversations, entries, index_builds, index_entries, vectors
from kaeshi.store.verbs import Verbs, chunks, dumps, micros, moment

NEVER = 0  # when a build was made current that is only a candidate's
# an entry of a conversation without consent: somebody withdrew it after the entry was proposed
_WITHDRAWN = (
    select(conversations.c.id)
    .where(
        conversations.c.assistant == entries.c.assistant,
        conversations.c.id == entries.c.conversation,
        conversations.c.consent == "none",
    )
    .exists()
)


class KnowledgeVerbs(Verbs):
    """Entries and index builds."""

    async def propose(self, proposed: Sequence[tuple[Entry, int]]) -> int:
        """Add proposals with their score; an existing entry keeps its state.

        Returns how many were new.
        """
        new = 0
        for entry, score in proposed:
            new += await self._add(entries, [_row(entry, score)])
        return new

    async def renew(self, written: Sequence[Entry]) -> int:
        """Take over since when and until when entries hold; returns how many changed."""
        changed = 0
        for entry in written:
            row = _row(entry, 0)
            times = {name: row[name] for name in ("valid_from", "valid_until")}
            differs = [
                getattr(entries.c, name).is_distinct_from(value) for name, value in times.items()
            ]
            result = await self.connection.execute(
                update(entries)
                .where(
                    entries.c.assistant == entry.assistant, entries.c.id == entry.id, or_(*differs)
                )
                .values(**times)
            )
            changed += result.rowcount
        return changed

    async def entries(
        self, assistant: str, states: Sequence[ReviewState], limit: int = 1_000_000
    ) -> list[tuple[Entry, int]]:
        """Entries with their score, the oldest first.

        Not those of conversations that may not be learned from any more, unless they are rejected.
        """
        statement = (
            select(entries)
            .where(
                entries.c.assistant == assistant,
                entries.c.state.in_(states),
                (entries.c.state == "rejected") | ~_WITHDRAWN,
            )
            .order_by(entries.c.at, entries.c.id)
            .limit(limit)
        )
        return [(_entry(row), row.score) for row in await self.connection.execute(statement)]

    async def open_among(
        self, assistant: str, ids: Sequence[str], now: datetime | None = None
    ) -> set[str]:
        """Those of these entries that are neither rejected nor withdrawn, and hold `now`."""
        statement = select(entries.c.id).where(
            entries.c.assistant == assistant,
            entries.c.id.in_(ids),
            entries.c.state.in_(("approved", "corrected")),
            ~_WITHDRAWN,
        )
        if now is not None:
            at = micros(now)
            statement = statement.where(
                func.coalesce(entries.c.valid_from, at) <= at,
                func.coalesce(entries.c.valid_until, at + 1) > at,
            )
        return set((await self.connection.execute(statement)).scalars())

    async def decide(
        self,
        assistant: str,
        identifier: str,
        state: ReviewState,
        by: str,
        note: str,
        now: datetime,
        answer: str | None = None,
    ) -> None:
        """Store a reviewer's decision. Raises NotFound."""
        values: dict[str, object] = {"state": state, "by": by, "note": note, "at": micros(now)}
        if answer is not None:
            values |= {"answer": answer, "version": entries.c.version + 1}
        result = await self.connection.execute(
            update(entries)
            .where(entries.c.assistant == assistant, entries.c.id == identifier)
            .values(**values)
        )
        if result.rowcount != 1:
            msg = (
                f"entry {identifier!r} of assistant {assistant!r} is not stored; `kaeshi review "
                "list` shows the queue"
            )
            raise NotFound(msg)

    async def known_vectors(
        self, assistant: str, model: str, digests: Sequence[str]
    ) -> dict[str, bytes]:
        """Stored vectors, by the sha256 of their text."""
        found: dict[str, bytes] = {}
        for part in chunks(digests):
            statement = select(vectors.c.sha256, vectors.c.vector).where(
                vectors.c.assistant == assistant,
                vectors.c.model == model,
                vectors.c.sha256.in_(part),
            )
            found.update(
                {row.sha256: row.vector for row in await self.connection.execute(statement)}
            )
        return found

    async def keep_vectors(self, assistant: str, model: str, made: Mapping[str, bytes]) -> None:
        """Store new vectors."""
        await self._add(
            vectors,
            [
                {"assistant": assistant, "sha256": digest, "model": model, "vector": vector}
                for digest, vector in made.items()
            ],
        )

    async def add_index_build(
        self, assistant: str, build: str, path: str, manifest: Json, ordered: Sequence[str]
    ) -> None:
        """Store a build, with the entries at its positions; it is not the current one by that."""
        row = {
            "assistant": assistant,
            "id": build,
            "path": path,
            "count": len(ordered),
            "manifest": dumps(manifest),
            "at": NEVER,
        }
        if await self._add(index_builds, [row]):
            for part in chunks(list(enumerate(ordered))):
                await self._add(
                    index_entries,
                    [
                        {"assistant": assistant, "build": build, "position": p, "entry": e}
                        for p, e in part
                    ],
                )

    async def make_current(self, assistant: str, build: str, now: datetime) -> None:
        """Note since when a build is the current one."""
        await self.connection.execute(
            update(index_builds)
            .where(index_builds.c.assistant == assistant, index_builds.c.id == build)
            .values(at=micros(now))
        )

    async def build(self, assistant: str, build: str) -> Json | None:
        """A build's manifest; None where it is not stored."""
        statement = select(index_builds.c.manifest).where(
            index_builds.c.assistant == assistant, index_builds.c.id == build
        )
        found = (await self.connection.execute(statement)).scalar_one_or_none()
        return None if found is None else dict(json.loads(found))

    async def builds(self, assistant: str) -> list[Json]:
        """The manifests of the builds that were current, the latest first."""
        statement = (
            select(index_builds.c.manifest)
            .where(index_builds.c.assistant == assistant, index_builds.c.at != NEVER)
            .order_by(index_builds.c.at.desc(), index_builds.c.id)
        )
        return [json.loads(m) for m in (await self.connection.execute(statement)).scalars()]

    async def index_entries(self, assistant: str, build: str) -> list[Entry]:
        """The entries of a build in the order of their positions."""
        statement = (
            select(entries)
            .join(
                index_entries,
                (index_entries.c.assistant == entries.c.assistant)
                & (index_entries.c.entry == entries.c.id),
            )
            .where(index_entries.c.assistant == assistant, index_entries.c.build == build)
            .order_by(index_entries.c.position)
        )
        return [_entry(row) for row in await self.connection.execute(statement)]


TIMES = ("valid_from", "valid_until", "at")


def _entry(row: object) -> Entry:
    values = dict(row._mapping)  # type: ignore[attr-defined]  # SQLAlchemy's documented way to a row as a mapping
    times = {name: None if values[name] is None else moment(values[name]) for name in TIMES}
    return Entry(**{name: values[name] for name in Entry.model_fields} | times)


def _row(entry: Entry, score: int) -> dict[str, object]:
    given = {name: getattr(entry, name) for name in TIMES}
    times = {name: None if at is None else micros(at) for name, at in given.items()}
    return entry.model_dump() | times | {"score": score}
