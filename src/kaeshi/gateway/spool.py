"""The spool: one sealed append-only file per gateway process and assistant.

The worker reads it into the database, so a busy or absent database neither slows nor loses a
request. A record is in the file before the last byte of its answer leaves, so it survives a crash
of the process; it is fsynced within GROUP_S (one fsync for all records since), so it survives a
crash of the machine.

Format: MAGIC, the number of requests that could not be logged (8 bytes, little endian), then frames
of a length (4 bytes) and a sealed record.
"""

import fcntl
import os
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from kaeshi.errors import Misconfigured
from kaeshi.files import sync_folder
from kaeshi.store.keys import Keyring

MAGIC = b"KSPOOL1\n"
_COUNT = struct.Struct("<Q")
_LENGTH = struct.Struct("<I")
START = len(MAGIC) + _COUNT.size
ROTATE = 64 * 1024 * 1024
GROUP_S = 0.02
LOOK_S = 1.0
BYTES_AT_ONCE = 16 * 1024 * 1024  # one record, however large, is read
LEAST = 28  # bytes of an empty sealed record


class Spool:
    """One process's spool for one assistant.

    The file stays locked while its owner lives, so that the worker can tell.
    """

    def __init__(self, folder: Path, name: str, keyring: Keyring, limit_bytes: int) -> None:
        self._folder = folder
        self._name = name
        self._keyring = keyring
        self._limit = limit_bytes
        self._part = 0
        self._waiting = 0
        self.dropped = 0
        folder.mkdir(parents=True, exist_ok=True)
        self._lock = threading.Lock()  # the file is not replaced while it is being synced
        self._open()
        self._pending = threading.Event()
        self._over = False
        self._syncer = threading.Thread(target=self._sync, name="kaeshi-spool", daemon=True)
        self._syncer.start()

    def add(self, record: bytes) -> bool:
        """Append a record; False when the spool or the disk is full.

        The record is then counted in the file instead.
        """
        sealed = self._keyring.seal_spooled(record, self.path.name)
        frame = _LENGTH.pack(len(sealed)) + sealed
        if self._waiting + self._size + len(frame) > self._limit:
            return self._drop()
        try:
            if os.write(self._file, frame) != len(frame):
                os.ftruncate(self._file, self._size)
                return self._drop()
        except OSError:
            with suppress(OSError):
                os.ftruncate(self._file, self._size)
            return self._drop()
        self._size += len(frame)
        self._pending.set()
        if self._size > ROTATE:
            self._rotate()
        return True

    def close(self) -> None:
        """Fsync and release the file."""
        self._over = True
        self._pending.set()
        self._syncer.join()
        self._let_go()

    def _open(self) -> None:
        """Create a file.

        It gets its name after it is locked, so that no worker takes it for abandoned. Raises
        OSError and then changes nothing.
        """
        path = self._folder / f"{self._name}-{self._part:04}.spool"
        draft = path.with_suffix(".part")
        file, counter = _locked_draft(draft)
        draft.rename(path)
        sync_folder(self._folder)
        self.path = path
        self._file = file
        self._counter = counter
        self._size = START
        self._dropped_here = 0
        self._part += 1

    def _rotate(self) -> None:
        with self._lock:
            file = self._file
            counter = self._counter
            with suppress(OSError):  # no disk space or file handles: go on with the present file
                self._open()
                os.fsync(file)
                os.close(counter)
                os.close(file)

    def _let_go(self) -> None:
        os.fsync(self._file)
        os.close(self._counter)
        os.close(self._file)

    def _drop(self) -> bool:
        self.dropped += 1
        self._dropped_here += 1
        with suppress(OSError):
            os.pwrite(self._counter, _COUNT.pack(self._dropped_here), len(MAGIC))
        self._pending.set()
        return False

    def _sync(self) -> None:
        """Fsync what was appended, on a thread of its own.

        Once a second it also measures how much waits in other files.
        """
        looked = -LOOK_S
        while not self._over:
            self._pending.wait()
            self._pending.clear()
            with (
                self._lock,
                suppress(OSError),
            ):  # a failing disk shows in the next write too, where it is counted
                os.fsync(self._file)
            if time.monotonic() - looked >= LOOK_S:
                looked = time.monotonic()
                self._waiting = sum(
                    found.st_size for path, found in _stats(self._folder) if path != self.path
                )
            time.sleep(GROUP_S)


def _locked_draft(draft: Path) -> tuple[int, int]:
    file = os.open(draft, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o600)
    try:
        fcntl.flock(file, fcntl.LOCK_EX)
        os.write(file, MAGIC + _COUNT.pack(0))
        # O_APPEND sends every write to the end, so the count needs its own handle
        counter = os.open(draft, os.O_RDWR)
    except OSError:
        os.close(file)
        draft.unlink()
        raise
    return file, counter


def waiting(folder: Path) -> list[Path]:
    """The spools in a folder, oldest first."""
    return [
        path
        for path, _ in sorted(
            _stats(folder), key=lambda found: (found[1].st_mtime_ns, found[0].name)
        )
    ]


def dropped(path: Path) -> int:
    """How many requests its owner could not log."""
    with path.open("rb") as file:
        head = file.read(START)
    return (
        _COUNT.unpack(head[len(MAGIC) :])[0] if len(head) == START and head.startswith(MAGIC) else 0
    )


def frames(path: Path, start: int, keyring: Keyring, most: int) -> Iterator[tuple[int, bytes]]:
    """(end offset, record) of at most `most` frames from `start` (0: the first).

    Fewer where they come to BYTES_AT_ONCE. Stops at an incomplete frame. Raises Misconfigured for a
    file that is not a spool, or was sealed under another key.
    """
    with path.open("rb") as file:
        if file.read(len(MAGIC)) not in {MAGIC, b""}:
            msg = f"{str(path)!r} is not a kaeshi spool; move it away"
            raise Misconfigured(msg)
        place = max(start, START)
        file.seek(place)
        beyond = place + BYTES_AT_ONCE
        for _ in range(most):
            if place >= beyond:
                return
            head = file.read(_LENGTH.size)
            if len(head) < _LENGTH.size:
                return
            (length,) = _LENGTH.unpack(head)
            if length < LEAST:  # zeros, as after a power cut
                return
            sealed = file.read(length)
            if len(sealed) < length:
                return
            place += _LENGTH.size + length
            yield place, keyring.open_spooled(sealed, path.name)


def is_abandoned(path: Path) -> bool:
    """Whether its owner has closed it or died."""
    with path.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except OSError:
            return False
        return True


def _stats(folder: Path) -> Iterator[tuple[Path, os.stat_result]]:
    for path in folder.glob("*.spool"):
        with suppress(FileNotFoundError):  # a worker has finished it
            yield path, path.stat()
