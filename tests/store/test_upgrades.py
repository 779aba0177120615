"""A database of any earlier version is upgraded with what it holds; a released migration stays."""

import hashlib
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, LargeBinary, MetaData, create_engine, insert, select, types

from kaeshi.app import open_loop
from kaeshi.settings import Settings
from kaeshi.store import engine
from samples import log, record

MIGRATIONS = Path(engine.__file__).parent / "migrations"
VERSIONS = sorted((MIGRATIONS / "versions").glob("v*.py"))
# sha256 of the migrations that others have run; a new one is added when it is on main
RELEASED = Path(__file__).with_name("released.txt")


def upgraded_to(connection: Connection, version: str) -> None:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["connection"] = connection
    command.upgrade(config, version)


def filler(column: Any) -> object:
    """A value that such a column takes."""
    if column.name in {"state", "kind"}:
        return {"rollouts": "mirror"}.get(column.table.name, "x")
    kind = column.type
    if isinstance(kind, types.Text):
        return "{}"
    if isinstance(kind, types.String):
        return "x"
    if isinstance(kind, LargeBinary):
        return b"x"
    return 1


def number(path: Path) -> str:
    return path.stem[1:5]


@pytest.mark.parametrize("version", [number(path) for path in VERSIONS[:-1]])
async def test_every_table_of_an_earlier_version_keeps_its_rows(
    tmp_path: Path, version: str
) -> None:
    path = tmp_path / "kaeshi.db"
    before = MetaData()
    made = create_engine(f"sqlite:///{path}")
    with made.begin() as connection:
        upgraded_to(connection, version)
        before.reflect(connection)
        tables = [
            t for t in before.sorted_tables if t.name not in {"alembic_version", "master_keys"}
        ]
        for table in tables:
            needed = [c for c in table.c if not c.nullable and c.server_default is None]
            row = {column.name: filler(column) for column in needed}
            connection.execute(insert(table).values(row))
    made.dispose()
    async with open_loop(settings=Settings(kaeshi_data_dir=tmp_path, kaeshi_names="lists")) as loop:
        async with loop.store.read() as tx:
            for table in tables:
                rows = await tx.connection.execute(
                    select(table.c[table.primary_key.columns[0].name])
                )
                assert len(list(rows)) == 1, table.name
        await log(loop, record("c"))


def test_consent_from_before_statements_were_stored_still_stands(tmp_path: Path) -> None:
    path = tmp_path / "kaeshi.db"
    made = create_engine(f"sqlite:///{path}")
    with made.begin() as connection:
        upgraded_to(connection, "0014")
        tables = MetaData()
        tables.reflect(connection)
        table = tables.tables["conversations"]
        for name, consent in (("a", "granted"), ("b", "none")):
            row = {c.name: filler(c) for c in table.c if not c.nullable and not c.server_default}
            connection.execute(insert(table).values(row | {"id": name, "consent": consent}))
        upgraded_to(connection, "0015")
    made.dispose()
    with sqlite3.connect(path) as found:
        rows = found.execute("SELECT conversation, consent, how FROM consents").fetchall()
    assert rows == [("a", "granted", "earlier")]


def test_a_released_migration_is_never_edited() -> None:
    found = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in VERSIONS}
    released = dict(reversed(line.split()) for line in RELEASED.read_text().splitlines())
    assert {name: found.get(name) for name in released} == released
    assert sorted(found) == [path.name for path in VERSIONS]
    assert [number(path) for path in VERSIONS] == [f"{i:04d}" for i in range(1, len(VERSIONS) + 1)]
    assert number(VERSIONS[-1]) == engine.HEAD
