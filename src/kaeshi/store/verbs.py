"""What all verbs share: the connection, portable upserts, and how times, money and JSON are written."""

import json
import zlib
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, TypeVar

from sqlalchemy import Table, func, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from kaeshi.store.keys import Keyring

Row = Mapping[str, Any]
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
CHUNK = 400
T = TypeVar("T")


class Verbs:
    """Bound to one transaction."""

    def __init__(self, connection: AsyncConnection, keyring: Keyring) -> None:
        self.connection, self.keyring = connection, keyring

    async def _one_writer(self, assistant: str) -> None:
        """Let writers of one assistant's log take turns. SQLite has one writer anyway; PostgreSQL is told, until the transaction ends."""
        if self.connection.dialect.name == "postgresql":
            await self.connection.execute(select(func.pg_advisory_xact_lock(zlib.crc32(assistant.encode()))))

    async def _add(self, table: Table, rows: Sequence[Row], otherwise: Row | None = None) -> int:
        """Insert what is not there yet, and leave the rest or set `otherwise` on it; returns how many rows that was, where one was given."""
        if not rows:
            return 0
        dialect = postgresql if self.connection.dialect.name == "postgresql" else sqlite
        insert = dialect.insert(table)
        keys = [column.name for column in table.primary_key]
        statement = insert.on_conflict_do_update(index_elements=keys, set_=otherwise) if otherwise else insert.on_conflict_do_nothing()
        if len(rows) == 1:
            return int((await self.connection.execute(statement, rows[0])).rowcount)
        # our columns hold what drivers take as it is, so many rows go past SQLAlchemy's work on each parameter
        if otherwise:
            await self.connection.execute(statement, rows)
            return len(rows)
        compiled = statement.compile(dialect=self.connection.dialect, column_keys=list(rows[0]))
        order = compiled.positiontup or []
        await self.connection.exec_driver_sql(str(compiled), [tuple([row[name] for name in order]) for row in rows])
        return len(rows)

    async def _put(self, table: Table, rows: Sequence[Row]) -> None:
        """Insert, or overwrite the row with the same key."""
        if not rows:
            return
        dialect = postgresql if self.connection.dialect.name == "postgresql" else sqlite
        statement = dialect.insert(table)
        key_names = [column.name for column in table.primary_key]
        changed = {name: statement.excluded[name] for name in rows[0] if name not in key_names}
        await self.connection.execute(
            statement.on_conflict_do_update(index_elements=key_names, set_=changed), rows if len(rows) > 1 else rows[0]
        )


def micros(moment: datetime) -> int:
    """Microseconds since 1970, exactly."""
    return (moment - EPOCH) // timedelta(microseconds=1)


def moment(stored: int) -> datetime:
    """The time behind `micros`."""
    return EPOCH + timedelta(microseconds=stored)


def maybe_moment(stored: int | None) -> datetime | None:
    """The same for a time that may be absent."""
    return None if stored is None else moment(stored)


def nanos(usd: Decimal) -> int:
    """Dollars as whole billionths."""
    return int((usd * 1_000_000_000).to_integral_value())


def dumps(value: object) -> str:
    """JSON as it stands in a column: the same text for the same value."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False)


def chunks(items: Sequence[T], size: int = CHUNK) -> Iterator[Sequence[T]]:
    """Pieces small enough for one statement."""
    for start in range(0, len(items), size):
        yield items[start : start + size]
