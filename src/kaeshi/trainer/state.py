"""The trainer's own small database.

Files, jobs and models, beside their artefacts, so that the trainer can run alone.
"""

import json
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path

from kaeshi.nouns import Json

_SCHEMA = """
create table if not exists objects (
  kind text not null, id text not null, number integer not null, body text not null,
  primary key (kind, id)
);
create index if not exists objects_by_number on objects (kind, number);
"""


class TrainerState:
    """OpenAI's objects as JSON by kind and id, in the order of creation."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "trainer.db"

    def put(self, kind: str, content: Json) -> Json:
        """Add or replace; on disk when it returns."""
        with self._open() as database:
            database.execute("begin immediate")
            number = database.execute(
                "select coalesce(max(number), 0) + 1 from objects"
            ).fetchone()[0]
            database.execute(
                (
                    "insert into objects values (?, ?, ?, ?) on conflict (kind, id) do update "
                    "set body = excluded.body"
                ),
                (kind, content["id"], number, json.dumps(content)),
            )
            database.execute("commit")
        return content

    def put_once(self, kind: str, content: Json, known_by: str, key: str) -> Json:
        """Add, unless an object of that kind has the key in its metadata under `known_by`.

        That object is then returned.
        """
        with self._open() as database:
            database.execute("begin immediate")
            found = database.execute(
                (
                    "select body from objects where kind = ? and json_extract(body, "
                    "'$.metadata.' || ?) = ? order by number limit 1"
                ),
                (kind, json.dumps(known_by), key),
            ).fetchone()
            if found is None:
                number = database.execute(
                    "select coalesce(max(number), 0) + 1 from objects"
                ).fetchone()[0]
                database.execute(
                    "insert into objects values (?, ?, ?, ?)",
                    (kind, content["id"], number, json.dumps(content)),
                )
            database.execute("commit")
        return content if found is None else dict(json.loads(found[0]))

    def get(self, kind: str, identifier: str) -> Json | None:
        """One object."""
        with self._open() as database:
            row = database.execute(
                "select body from objects where kind = ? and id = ?", (kind, identifier)
            ).fetchone()
        return None if row is None else dict(json.loads(row[0]))

    def every(
        self,
        kind: str,
        after: str | None = None,
        limit: int = 100,
        *,
        metadata: Mapping[str, str] | None = None,
        oldest_first: bool = False,
    ) -> list[Json]:
        """Objects of a kind, the latest first (or the oldest), beyond `after`, by metadata."""
        where = "kind = ?"
        values = [kind]
        for name, value in (metadata or {}).items():
            where += " and json_extract(body, '$.metadata.' || ?) = ?"
            values += [json.dumps(name), value]
        start, sign, order = ("-1", ">", "asc") if oldest_first else ("1e18", "<", "desc")
        with self._open() as database:
            rows = database.execute(
                (
                    f"select body from objects where {where} and number {sign} coalesce((select "
                    f"number from objects where kind = ? and id = ?), {start}) order by number "
                    f"{order} limit ?"
                ),
                (*values, kind, after, limit),
            ).fetchall()
        return [json.loads(row[0]) for row in rows]

    def drop(self, kind: str, identifier: str) -> bool:
        """Delete an object; whether it existed."""
        with self._open() as database:
            return (
                database.execute(
                    "delete from objects where kind = ? and id = ?", (kind, identifier)
                ).rowcount
                == 1
            )

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with closing(sqlite3.connect(self._path, timeout=30, isolation_level=None)) as database:
            database.execute("pragma journal_mode=wal")
            database.execute("pragma synchronous=full")
            database.executescript(_SCHEMA)
            yield database
