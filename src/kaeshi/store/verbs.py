"""What all verbs share.

The connection, portable upserts, and the stored forms of times, money and JSON.
"""

import json
import logging
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import cache
from typing import Any, TypeVar

from sqlalchemy import (
    Boolean,
    Column,
    ColumnElement,
    Executable,
    Insert,
    Select,
    Table,
    Text,
    bindparam,
    func,
    select,
)
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.base import ReadOnlyColumnCollection

from kaeshi.store.keys import Keyring

log = logging.getLogger("kaeshi")
Row = Mapping[str, Any]
Columns = ReadOnlyColumnCollection[str, Column[Any]]
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
CHUNK = 400
T = TypeVar("T")


class Listed(ColumnElement[str]):
    """A JSON array in one parameter, as `among` reads it."""

    inherit_cache = True

    def __init__(self, name: str) -> None:
        self.array = bindparam(name, type_=Text)


@compiles(Listed, "sqlite")
def _(
    element: Listed, compiler: Any, **options: Any
) -> str:  # the compiler is untyped in SQLAlchemy
    return f"(SELECT value FROM json_each({compiler.process(element.array, **options)}))"


@compiles(Listed, "postgresql")
def _(element: Listed, compiler: Any, **options: Any) -> str:
    return (
        f"(SELECT jsonb_array_elements_text(CAST({compiler.process(element.array, **options)} AS "
        "jsonb)))"
    )


def among(column: Column[str], name: str) -> ColumnElement[bool]:
    """Whether the column is one of the texts in that parameter.

    One statement with one parameter, however many there are.
    """
    return column.op("IN", is_comparison=True, return_type=Boolean())(Listed(name))


class Verbs:
    """Verbs bound to one transaction."""

    def __init__(self, connection: AsyncConnection, keyring: Keyring) -> None:
        self.connection = connection
        self.keyring = keyring
        self.dialect = connection.dialect
        self._driver: Any = None

    async def _one_writer(self, assistant: str) -> None:
        """Serialise the writers of one assistant's log, until the transaction ends.

        SQLite has one writer anyway; PostgreSQL takes an advisory lock.
        """
        if self.dialect.name == "postgresql":
            await self.connection.execute(
                select(func.pg_advisory_xact_lock(zlib.crc32(assistant.encode())))
            )

    async def _sqlite(self) -> Any:
        """The driver's own connection.

        A statement through SQLAlchemy's cursors costs four switches between threads, through the
        driver one.
        """
        if self._driver is None:
            self._driver = (await self.connection.get_raw_connection()).driver_connection
        return self._driver

    async def _rows(self, statement: Select[Any], **given: object) -> Sequence[Any]:
        """All rows of a module's statement, as plain tuples.

        Booleans are numbers on SQLite. Lists are passed to `among`.
        """
        values = {
            name: dumps(value) if isinstance(value, list) else value
            for name, value in given.items()
        }
        if self.dialect.name == "postgresql":
            result = await self.connection.execute(statement, values)
            return list(result)
        sql, names, fixed = _compiled(statement, self.dialect)
        values = fixed | values
        found: list[Any] = await (await self._sqlite()).execute_fetchall(
            sql, [values[name] for name in names]
        )
        return found

    async def _each(self, statement: Executable, rows: Sequence[Row]) -> None:
        """Execute a module's statement for each row of values.

        An insert takes the columns of the first row.
        """
        if not rows:
            return
        if self.dialect.name == "postgresql":
            await self.connection.execute(statement, rows)
            return
        sql, names, fixed = _compiled(
            statement, self.dialect, tuple(rows[0]) if isinstance(statement, Insert) else None
        )
        given = [{**fixed, **row} for row in rows] if fixed else rows
        async with (await self._sqlite()).executemany(
            sql, [[row[name] for name in names] for row in given]
        ):
            return

    async def _add(
        self, table: Table, rows: Sequence[Row], otherwise: Callable[[Any], Row] | None = None
    ) -> int:
        """Insert missing rows, and leave the others or set `otherwise` on them.

        Returns how many were inserted, where it is one.
        """
        if not rows:
            return 0
        statement = _insert(table, self.dialect.name, otherwise, tuple(rows[0]))
        if len(rows) == 1:
            return int((await self.connection.execute(statement, rows[0])).rowcount)
        await self._each(statement, rows)
        return len(rows)

    async def _add_many(self, table: Table, rows: Sequence[tuple[object, ...]]) -> None:
        """Insert missing rows, each a tuple of all the table's columns in order.

        Half the cost of dictionaries, for the largest tables.
        """
        if not rows:
            return
        columns = tuple(table.columns.keys())
        statement = _insert(table, self.dialect.name, None, columns)
        if self.dialect.name == "postgresql":
            await self.connection.execute(
                statement, [dict(zip(columns, row, strict=True)) for row in rows]
            )
            return
        async with (await self._sqlite()).executemany(
            _compiled(statement, self.dialect, columns)[0], rows
        ):
            return

    async def _put(self, table: Table, rows: Sequence[Row]) -> None:
        """Insert a row, or overwrite the one with the same key."""
        if rows:
            await self._each(_insert(table, self.dialect.name, _overwritten, tuple(rows[0])), rows)


@cache
def _insert(
    table: Table, dialect: str, otherwise: Callable[[Any], Row] | None, given: tuple[str, ...]
) -> Any:
    statement = _insert_of(dialect)(table)
    keys = [column.name for column in table.primary_key]
    if otherwise is None:
        return statement.on_conflict_do_nothing()
    changed = {
        name: value
        for name, value in otherwise(statement.excluded).items()
        if name in given and name not in keys
    }
    return statement.on_conflict_do_update(index_elements=keys, set_=changed)


def _insert_of(dialect: str) -> Any:
    """The dialect's insert; the other dialect is not imported."""
    if dialect == "postgresql":
        from sqlalchemy.dialects import postgresql

        return postgresql.insert
    from sqlalchemy.dialects import sqlite

    return sqlite.insert


def _overwritten(excluded: Any) -> Row:
    return dict(excluded.items())


@cache
def _compiled(
    statement: Executable, dialect: Any, columns: tuple[str, ...] | None = None
) -> tuple[str, list[str], dict[str, object]]:
    """The statement's SQL, its parameters in order, and the values that it contains."""
    compiled: Any = statement.compile(dialect=dialect, column_keys=columns)  # type: ignore[attr-defined]  # every statement compiles
    return (
        str(compiled),
        list(compiled.positiontup or []),
        {name: value for name, value in compiled.params.items() if value is not None},
    )


def micros(moment: datetime) -> int:
    """Microseconds since 1970, exact."""
    since = moment - EPOCH
    return since.days * 86_400_000_000 + since.seconds * 1_000_000 + since.microseconds


def moment(stored: int) -> datetime:
    """The time behind `micros`."""
    return EPOCH + timedelta(microseconds=stored)


def maybe_moment(stored: int | None) -> datetime | None:
    """`moment` for a time that may be absent."""
    return None if stored is None else moment(stored)


def nanos(usd: Decimal) -> int:
    """Dollars as whole billionths."""
    return int((usd * 1_000_000_000).to_integral_value())


def usd(billionths: int) -> Decimal:
    """The dollars behind `nanos`."""
    return Decimal(billionths) / 1_000_000_000


_JSON = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False)


def dumps(value: object) -> str:
    """JSON for a column: the same text for the same value."""
    return _JSON.encode(value)


def loads(stored: str, otherwise: Any) -> Any:
    """The value behind `dumps`; `otherwise` for one that was torn, which is logged.

    One damaged row must not stop the others.
    """
    try:
        return json.loads(stored)
    except ValueError:
        log.error("a stored value is damaged and left out: %r", stored[:40])  # noqa: TRY400  # its words say nothing
        return otherwise


def chunks(items: Sequence[T], size: int = CHUNK) -> Iterator[Sequence[T]]:
    """Pieces small enough for one statement."""
    for start in range(0, len(items), size):
        yield items[start : start + size]
