"""A backup of everything on one machine, and a new place made of it.

The archive is a tar file: the database as it was at one moment, the files beside it, and a manifest
with the sha256 of each. It is taken while servers run. The master key is not in it unless that is
asked for: who has both can read every text.
"""

import hashlib
import io
import json
import shutil
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Any

from kaeshi.errors import Conflict, InvalidInput
from kaeshi.files import sha256_of, sync_folder
from kaeshi.nouns import Json
from kaeshi.settings import Settings, sqlite_path
from kaeshi.store.master_key import MASTER_KEY
from kaeshi.store.snapshots import Version, snapshot, version_of

DATABASE = "kaeshi.db"
MANIFEST = "manifest.json"
FORMAT = 1
SPOOLS = "gateway"


def backup(settings: Settings, out: Path, now: datetime, *, with_key: bool = False) -> Json:
    """Write a backup, and read it again; returns its manifest.

    Whatever was acknowledged before it began is in it. Raises InvalidInput for PostgreSQL, which
    has tools of its own.
    """
    source = _database_of(settings)
    folder = settings.data_dir
    part = out.with_name(f".{out.name}.part")
    out.parent.mkdir(parents=True, exist_ok=True)
    part.unlink(missing_ok=True)
    part.touch(mode=0o600)
    try:
        with tempfile.TemporaryDirectory(dir=out.parent) as scratch:
            # a request is in the spool or, once a worker has taken it, in the database: the spools
            # first, so that none is missed between them
            spools = _copied(folder / SPOOLS, Path(scratch) / SPOOLS)
            copy = Path(scratch) / DATABASE
            snapshot(source, copy)
            others = [
                path
                for path in _files(folder, source, with_key=with_key)
                if not _is_in(path, SPOOLS)
            ]
            named = {DATABASE: copy, **spools, **{str(p): folder / p for p in others}}
            manifest = _written(part, named, version_of(copy), now)
        verify(part)
        part.replace(out)
    finally:
        part.unlink(missing_ok=True)
    sync_folder(out.parent)
    return manifest


def verify(path: Path) -> Json:
    """The manifest of a backup, after every file was compared with it. Raises InvalidInput."""
    with closing(_opened(path)) as archive:
        manifest = _manifest_in(archive, path)
        for name, about in manifest["files"].items():
            if _sha256_in(archive, name) != about["sha256"]:
                msg = f"backup {str(path)!r} is damaged: {name} is not what it was"
                raise InvalidInput(msg)
    return manifest


def restore(path: Path, folder: Path) -> Json:
    """Make a data folder of a backup; returns its manifest.

    Raises Conflict for a folder that holds anything, InvalidInput for a damaged backup; the folder
    is then as it was.
    """
    if folder.exists() and any(folder.iterdir()):
        msg = f"folder {str(folder)!r} is not empty; name a new one"
        raise Conflict(msg)
    manifest = verify(path)
    part = folder.with_name(f".{folder.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True, mode=0o700)
    try:
        _extract(path, manifest, part)
        version_of(part / DATABASE)
        if folder.exists():
            folder.rmdir()
        part.replace(folder)
    finally:
        shutil.rmtree(part, ignore_errors=True)
    sync_folder(folder.parent)
    return manifest


def _extract(path: Path, manifest: Json, target: Path) -> None:
    with closing(_opened(path)) as archive:
        for name in manifest["files"]:
            archive.extract(name, target, filter="data")


def _database_of(settings: Settings) -> Path:
    path = sqlite_path(settings.url)
    if path is None:
        msg = (
            "only a database in an SQLite file is backed up here; for PostgreSQL use pg_dump or "
            f"pg_basebackup, and copy {str(settings.data_dir)!r} before it"
        )
        raise InvalidInput(msg)
    if not path.is_file():
        msg = f"there is no database at {str(path)!r}; name it with --db or KAESHI_DATA_DIR"
        raise InvalidInput(msg)
    return path


def _files(folder: Path, database: Path, *, with_key: bool) -> Iterator[Path]:
    """The files below the data folder that belong into a backup, by their relative names."""
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder)
        is_hidden = any(part.startswith(".") for part in name.parts)
        is_database = path.name.startswith((DATABASE, database.name))
        is_key = path.name.startswith(MASTER_KEY)
        if path.is_file() and not is_hidden and not is_database and (with_key or not is_key):
            yield name


def _is_in(path: Path, folder: str) -> bool:
    return path.parts[0] == folder


def _copied(folder: Path, target: Path) -> dict[str, Path]:
    """Copies of a folder's files, by their names in the backup."""
    found = {}
    for path in sorted(folder.rglob("*.spool")):
        copy = target / path.relative_to(folder)
        copy.parent.mkdir(parents=True, exist_ok=True)
        try:
            shutil.copyfile(path, copy)
        except FileNotFoundError:  # a worker has stored all of it
            continue
        found[f"{SPOOLS}/{path.relative_to(folder)}"] = copy
    return found


def _written(part: Path, named: dict[str, Path], version: Version, now: datetime) -> Json:
    manifest: Json = {
        "format": FORMAT,
        "made_at": now.isoformat(),
        "schema": version.schema,
        "master_key": version.fingerprint,
        "holds_key": MASTER_KEY in named,
        "files": {},
    }
    with tarfile.open(part, "w") as archive:
        for name, path in named.items():
            archive.add(path, name, recursive=False, filter=_private)
            manifest["files"][name] = _about(path)
        content = json.dumps(manifest, indent=1, sort_keys=True).encode()
        about = tarfile.TarInfo(MANIFEST)
        about.size = len(content)
        archive.addfile(_private(about), io.BytesIO(content))
    return manifest


def _about(path: Path) -> Json:
    return {"bytes": path.stat().st_size, "sha256": sha256_of(path)}


def _private(about: tarfile.TarInfo) -> tarfile.TarInfo:
    about.mode = 0o600
    about.uid = about.gid = 0
    about.uname = about.gname = ""
    return about


def _opened(path: Path) -> tarfile.TarFile:
    try:
        return tarfile.open(path, "r:")
    except (OSError, tarfile.TarError) as error:
        msg = f"{str(path)!r} is no backup that can be read: {error}"
        raise InvalidInput(msg) from error


def _manifest_in(archive: tarfile.TarFile, path: Path) -> Json:
    try:
        file = archive.extractfile(MANIFEST)
        manifest = json.loads(file.read()) if file else {}
        is_ours = manifest["format"] == FORMAT and DATABASE in manifest["files"]
    except (KeyError, ValueError, TypeError, OSError, tarfile.TarError):
        is_ours = False
    if not is_ours:
        msg = f"{str(path)!r} is no backup of kaeshi, or was cut off"
        raise InvalidInput(msg)
    return dict(manifest)


def _sha256_in(archive: tarfile.TarFile, name: str) -> str | None:
    try:
        file: Any = archive.extractfile(name)
        return hashlib.file_digest(file, "sha256").hexdigest() if file else None
    except (KeyError, OSError, tarfile.TarError):
        return None
