"""The master key: whether it opens what is stored, and a new one in its place."""

from dataclasses import dataclass
from pathlib import Path

from kaeshi.errors import Conflict, Damaged, KaeshiError
from kaeshi.files import write_whole
from kaeshi.loop import Loop
from kaeshi.store.conversation_rows import place
from kaeshi.store.master_key import MASTER_KEY, NEXT, PRIVATE, successor, take_next

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
        for assistant, kind, ref, part_of, sealed, wrapped in await tx.keys.sealed(TEXTS_OPENED):
            found.texts += 1
            try:
                loop.store.keyring.open(wrapped, sealed, place(assistant, kind, ref, part_of))
            except (Damaged, KaeshiError):
                found.texts_closed += 1
    return found


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
    Raises Conflict for a file that is there already.
    """
    folder = loop.settings.data_dir
    is_held = loop.settings.kaeshi_master_key is None
    target = folder / NEXT if is_held else to
    if target is None:
        msg = "the master key is KAESHI_MASTER_KEY; name a file for the new one with --to FILE"
        raise Conflict(msg)
    if target.exists() and not is_held:
        msg = f"{str(target)!r} exists; name a new file"
        raise Conflict(msg)
    text, after = successor(loop.store.keyring)
    write_whole(target, f"{text}\n".encode(), mode=PRIVATE)
    async with loop.store.write() as tx:
        count = await tx.keys.rewrap(after, loop.clock.now())
    if is_held:
        take_next(folder, after.fingerprint)
        return count, str(folder / MASTER_KEY)
    return count, str(target)
