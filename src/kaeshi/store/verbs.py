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

    async def _add(self, table: Table, rows: Sequence[Row]) -> int:
        """Insert what is not there yet; returns how many rows that was, where a single row was given."""
        if not rows:
            return 0
        dialect = postgresql if self.connection.dialect.name == "postgresql" else sqlite
        result = await self.connection.execute(dialect.insert(table).on_conflict_do_nothing(), rows if len(rows) > 1 else rows[0])
        return int(result.rowcount) if len(rows) == 1 else len(rows)

    async def _put(self, table: Table, rows: Sequence[Row], *, keys: Sequence[str] | None = None) -> None:
        """Insert, or overwrite the row with the same key (the primary key unless `keys` are named)."""
        if not rows:
            return
        dialect = postgresql if self.connection.dialect.name == "postgresql" else sqlite
        statement = dialect.insert(table)
        key_names = list(keys or [column.name for column in table.primary_key])
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
