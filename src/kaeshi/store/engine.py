"""Opens a database: our own by URL, or the caller's.

Migrates its tables first.
"""

from contextlib import suppress
from pathlib import Path
from typing import Any

from sqlalchemy import event, inspect, text
from sqlalchemy.engine import URL, Connection
from sqlalchemy.exc import ArgumentError, DBAPIError, InvalidRequestError, NoSuchModuleError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, AsyncSession, create_async_engine
from sqlalchemy.pool import StaticPool

from kaeshi.errors import Misconfigured, MissingExtra
from kaeshi.settings import sqlite_path
from kaeshi.store.keys import Keyring
from kaeshi.store.store import Store

Bind = str | AsyncEngine | AsyncConnection | AsyncSession
HEAD = "0021"
BUSY_MS = 10_000  # transactions take milliseconds: a lock of seconds is another program's
NOT_A_URL = (
    "DATABASE_URL is not the URL of a database that can be used, such as sqlite:///kaeshi.db or "
    "postgresql://host/name"
)
DRIVERS = {
    "postgresql": "postgresql+asyncpg",
    "postgres": "postgresql+asyncpg",
    "sqlite": "sqlite+aiosqlite",
}
SCHEMA_LOCK = 0x6B616573


async def open_store(bind: Bind, keyring: Keyring) -> Store:
    """A Store on a URL, an engine, or inside a caller's transaction.

    A URL's connections are closed with the store; an engine stays open; the caller commits the
    caller's transaction.
    """
    if isinstance(bind, str):
        engine = _engine(bind)
        try:
            await _bring_up(engine)
        except BaseException:
            await engine.dispose()
            raise
        return Store(engine, keyring, owned=True)
    if isinstance(bind, AsyncEngine):
        await _bring_up(bind)
        return Store(bind, keyring, owned=False)
    connection = await bind.connection() if isinstance(bind, AsyncSession) else bind
    if not await connection.run_sync(_is_current):
        await connection.run_sync(_migrate)
    return Store(connection, keyring, owned=False)


def with_driver(url: str) -> str:
    """The URL with the async driver that is meant where none is named.

    >>> with_driver("postgresql://host/name"), with_driver("sqlite:///kaeshi.db")
    ('postgresql+asyncpg://host/name', 'sqlite+aiosqlite:///kaeshi.db')
    """
    scheme, found, rest = url.partition("://")
    return f"{DRIVERS.get(scheme, scheme)}{found}{rest}"


def _engine(url: str) -> AsyncEngine:
    url = with_driver(url)
    path = sqlite_path(url)
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
    memory = url.startswith("sqlite") and path is None
    try:
        engine = create_async_engine(url, **({"poolclass": StaticPool} if memory else {}))
    except ModuleNotFoundError as error:
        if error.name != "asyncpg":
            raise Misconfigured(NOT_A_URL) from error
        msg = "database driver 'asyncpg' is not installed; type: pip install 'kaeshi[postgres]'"
        raise MissingExtra(msg) from error
    except (ArgumentError, NoSuchModuleError, InvalidRequestError) as error:
        raise Misconfigured(NOT_A_URL) from error
    if engine.dialect.name == "sqlite":
        _configure_sqlite(engine)
    return engine


def _configure_sqlite(engine: AsyncEngine) -> None:
    @event.listens_for(engine.sync_engine, "connect")
    def _(
        connection: Any, _record: object
    ) -> None:  # the driver's connection has no type of its own
        connection.isolation_level = None  # begin transactions explicitly
        cursor = connection.cursor()
        # FULL: acknowledged data survives a power cut, which NORMAL in WAL mode does not guarantee.
        # A cache of 16 MB instead of 2: keys are random, so writes touch pages all over a large log
        for pragma in (
            "journal_mode=WAL",
            "synchronous=FULL",
            f"busy_timeout={BUSY_MS}",
            "foreign_keys=ON",
            "cache_size=-16000",
        ):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(engine.sync_engine, "begin")
    def _(connection: Connection) -> None:
        # take the write lock at the beginning: taken later it can fail after work was done
        connection.exec_driver_sql(
            "BEGIN IMMEDIATE" if connection.get_execution_options().get("writes") else "BEGIN"
        )


async def _bring_up(engine: AsyncEngine) -> None:
    try:
        async with engine.connect() as connection:
            if await connection.run_sync(_is_current):
                return
        async with engine.connect() as connection:
            await connection.execution_options(writes=True)
            async with connection.begin():
                if connection.dialect.name == "postgresql":
                    await connection.execute(text(f"SELECT pg_advisory_xact_lock({SCHEMA_LOCK})"))
                if not await connection.run_sync(_is_current):
                    await connection.run_sync(_migrate)
    except (OSError, DBAPIError) as error:
        msg = (
            f"database {_shown(engine.url)!r} cannot be used: "
            f"{getattr(error, 'orig', error)}; check DATABASE_URL"
        )
        raise Misconfigured(msg) from error


def _shown(url: URL) -> str:
    """The URL without passwords, which may stand among its options, too."""
    hidden = {name: "***" for name in url.query if "pass" in name.lower()}
    return url.update_query_dict(hidden).render_as_string(hide_password=True)


def _is_current(connection: Connection) -> bool:
    if not inspect(connection).has_table("alembic_version"):
        return False
    found = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    if found is not None and found > HEAD:
        msg = (
            f"the database is at version {found}, this kaeshi knows {HEAD}; install a newer kaeshi"
        )
        raise Misconfigured(msg)
    return bool(found == HEAD)


def _migrate(connection: Connection) -> None:
    from alembic import command
    from alembic.config import Config

    if connection.dialect.name == "sqlite":
        # Python's driver commits around DDL unless a transaction was begun explicitly; a roll-back
        # must not leave half a schema
        with suppress(DBAPIError):
            connection.exec_driver_sql("BEGIN")
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
