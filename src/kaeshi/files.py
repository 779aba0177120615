"""Files that are whole or absent.

Written under a temporary name in the same folder, fsynced, renamed, and the folder fsynced.
"""

import hashlib
import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path


def sha256_of(path: Path) -> str:
    """The file's sha256 in hex, read in pieces."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def write_whole(path: Path, pieces: Iterable[bytes] | bytes, *, mode: int = 0o644) -> str:
    """Write `path` so that readers, and a crash, see all of it or nothing.

    Returns the sha256.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        sha256 = _write(temporary, pieces, mode)
        temporary.replace(path)
    except BaseException:
        with suppress(FileNotFoundError):
            temporary.unlink()
        raise
    sync_folder(path.parent)
    return sha256


def _write(path: Path, pieces: Iterable[bytes] | bytes, mode: int) -> str:
    """Write and fsync; returns the sha256."""
    digest = hashlib.sha256()
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    with os.fdopen(file, "wb") as stream:
        for piece in (pieces,) if isinstance(pieces, bytes) else pieces:
            digest.update(piece)
            stream.write(piece)
        stream.flush()
        os.fsync(stream.fileno())
    return digest.hexdigest()


def sync_folder(folder: Path) -> None:
    """Fsync `folder`, so that a rename in it survives a power cut."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
