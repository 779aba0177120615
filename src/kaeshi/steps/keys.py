"""The master key: whether it opens what is stored, and a new one in its place."""

from dataclasses import dataclass
from pathlib import Path

from kaeshi.errors import Conflict, InvalidInput, KaeshiError, Misconfigured
from kaeshi.files import write_whole
from kaeshi.loop import Loop
from kaeshi.store.conversation_rows import place
from kaeshi.store.keys import Keyring
from kaeshi.store.master_key import (
    MASTER_KEY,
    PRIVATE,
    next_key,
    rotating,
    successor,
    take_next,
)

TEXTS_OPENED = 1000


@dataclass
class Checked:
    """What the master key opens: customers' keys, and the latest texts."""

    fingerprint: str
    where: str
    customers: int = 0
    customers_closed: int = 0
    texts: int = 0
    texts_closed: int = 0


def where(loop: Loop) -> str:
    """Where the master key is kept."""
    if loop.settings.kaeshi_master_key is not None:
        return "KAESHI_MASTER_KEY"
    return str(loop.settings.data_dir / MASTER_KEY)


async def check(loop: Loop) -> Checked:
    """Open every customer's key, and TEXTS_OPENED texts."""
    found = Checked(loop.store.keyring.fingerprint, where(loop))
    async with loop.store.read() as tx:
        async for part in tx.keys.wrapped():
            found.customers += len(part)
            found.customers_closed += sum(not _opens(loop, wrapped) for *_, wrapped in part)
        latest = await tx.keys.sealed(TEXTS_OPENED)
    found.texts = len(latest)
    found.texts_closed = sum(not _is_readable(loop, *text) for text in latest)
    return found


def _is_readable(
    loop: Loop, assistant: str, kind: str, ref: str, part: int, sealed: bytes, wrapped: bytes
) -> bool:
    try:
        loop.store.keyring.open(wrapped, sealed, place(assistant, kind, ref, part))
    except KaeshiError:
        return False
    return True


def _opens(loop: Loop, wrapped: bytes) -> bool:
    try:
        loop.store.keyring.rewrap(wrapped, loop.store.keyring)
    except KaeshiError:
        return False
    return True


async def rotate(loop: Loop, to: Path | None) -> tuple[int, str]:
    """Wrap every customer's key by a new master key: (how many, where the new key is).

    The new key is on disk before the database needs it; a crash in between is settled by the next
    start. A key from the environment cannot be changed here: `to` names the file for the new one.
    Raises Conflict for a file that is there already, and while another rotation is under way.
    """
    folder = loop.settings.data_dir
    text, after = successor(loop.store.keyring)
    is_held = loop.settings.kaeshi_master_key is None
    if is_held and to is not None:
        msg = f"--to is for a key in KAESHI_MASTER_KEY; this one is {str(folder / MASTER_KEY)!r}"
        raise InvalidInput(msg)
    target = next_key(folder, after.fingerprint) if is_held else to
    if target is None:
        msg = "the master key is KAESHI_MASTER_KEY; name a file for the new one with --to FILE"
        raise Conflict(msg)
    if target.exists():
        msg = f"{str(target)!r} exists; name a new file"
        raise Conflict(msg)
    with rotating(folder):
        count = await _rewrapped(loop, target, text, after)
        if not is_held:
            return count, str(target)
        if take_next(folder, after.fingerprint) is None:
            msg = f"{str(target)!r} is gone, and it was the master key in use: put it back"
            raise Misconfigured(msg)
    return count, str(folder / MASTER_KEY)


async def _rewrapped(loop: Loop, target: Path, text: str, after: Keyring) -> int:
    write_whole(target, f"{text}\n".encode(), mode=PRIVATE)
    try:
        async with loop.store.write() as tx:
            return await tx.keys.rewrap(after, loop.clock.now())
    except KaeshiError:  # nothing was changed; of any other end nobody knows, and the key stays
        target.unlink()
        raise
