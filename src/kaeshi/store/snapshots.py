"""Copies of an SQLite database while others write to it."""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

from kaeshi.errors import Misconfigured


class Version(NamedTuple):
    """The schema of a database, and the fingerprint of the master key that opens its texts."""

    schema: str
    fingerprint: str | None


def snapshot(source: Path, target: Path) -> None:
    """Copy the database as it is at one moment, while it is in use. Raises Misconfigured."""
    try:
        with (
            closing(sqlite3.connect(f"{source.absolute().as_uri()}?mode=ro", uri=True)) as live,
            closing(sqlite3.connect(target)) as copy,
        ):
            live.backup(copy)
    except sqlite3.Error as error:
        msg = f"database {str(source)!r} cannot be copied: {error}"
        raise Misconfigured(msg) from error


def version_of(path: Path) -> Version:
    """What a copy holds, after SQLite has checked every page. Raises Misconfigured."""
    try:
        # immutable: nobody writes to a copy, and no files are made beside it
        address = f"{path.absolute().as_uri()}?mode=ro&immutable=1"
        with closing(sqlite3.connect(address, uri=True)) as copy:
            (found,) = copy.execute("PRAGMA integrity_check").fetchone()
            if found != "ok":
                msg = f"the copy {str(path)!r} is damaged: {found}"
                raise Misconfigured(msg)
            (schema,) = copy.execute("SELECT version_num FROM alembic_version").fetchone()
            key = copy.execute(
                "SELECT fingerprint FROM master_keys ORDER BY number DESC LIMIT 1"
            ).fetchone()
    except sqlite3.Error as error:
        msg = f"{str(path)!r} is no database of kaeshi: {error}"
        raise Misconfigured(msg) from error
    return Version(str(schema), key[0] if key else None)
