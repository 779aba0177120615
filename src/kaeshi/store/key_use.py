"""Which master key a database is under, and data keys wrapped by another."""

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any

from sqlalchemy import Select, func, select, update

from kaeshi.errors import Misconfigured
from kaeshi.store.keys import Keyring
from kaeshi.store.tables import customers, master_keys, texts
from kaeshi.store.verbs import CHUNK, Verbs, micros

# PostgreSQL: whoever makes data keys shares this lock, and a rotation waits for all of them
KEY_LOCK = 0x6B657973


class KeyVerbs(Verbs):
    """The master key in use, and the customers' keys under it."""

    async def in_use(self) -> str | None:
        """The fingerprint of the master key; None before the first."""
        latest = select(master_keys.c.fingerprint).order_by(master_keys.c.number.desc()).limit(1)
        found: str | None = (await self.connection.execute(latest)).scalar()
        return found

    async def enter(self, fingerprint: str, now: datetime) -> None:
        """The master key from now on."""
        number = select(func.coalesce(func.max(master_keys.c.number), 0) + 1)
        row = {
            "number": (await self.connection.execute(number)).scalar_one(),
            "fingerprint": fingerprint,
            "since": micros(now),
        }
        await self._add(master_keys, [row])

    async def check(self) -> None:
        """Raise Misconfigured where the master key is no longer this process's.

        Held until the transaction ends.
        """
        if self.dialect.name == "postgresql":
            await self.connection.execute(select(func.pg_advisory_xact_lock_shared(KEY_LOCK)))
        fingerprint = await self.in_use()
        if fingerprint not in {None, self.keyring.fingerprint}:
            msg = (
                f"the master key was changed to {fingerprint} while this process ran with "
                f"{self.keyring.fingerprint}; start it again"
            )
            raise Misconfigured(msg)

    async def some_key(self) -> bytes | None:
        """A wrapped data key; None where no customer has one."""
        k = customers.c
        statement = select(k.wrapped_key).where(k.wrapped_key.is_not(None)).limit(1)
        found: bytes | None = (await self.connection.execute(statement)).scalar()
        return found

    async def wrapped(self) -> AsyncIterator[list[tuple[str, str, bytes]]]:
        """(assistant, customer, wrapped data key) of all customers, in parts."""
        after = ("", "")
        while True:
            rows = await self.connection.execute(_wrapped_after(*after))
            part = [(assistant, customer, wrapped) for assistant, customer, wrapped in rows]
            if not part:
                return
            yield part
            after = part[-1][:2]

    async def sealed(self, most: int) -> list[tuple[str, str, str, int, bytes, bytes]]:
        """(assistant, kind, ref, part, sealed text, wrapped key) of the latest texts."""
        t = texts.c
        k = customers.c
        statement = (
            select(t.assistant, t.kind, t.ref, t.part, t.sealed, k.wrapped_key)
            .join(customers, (k.assistant == t.assistant) & (k.id == t.customer))
            .where(k.wrapped_key.is_not(None))
            .limit(most)
        )
        return [tuple(row) for row in await self.connection.execute(statement)]

    async def rewrap(self, after: Keyring, now: datetime) -> int:
        """Wrap every data key by another master key; returns how many.

        All or none, with the transaction. Raises Misconfigured for a key that does not open, and
        where another rotation was faster.
        """
        if self.dialect.name == "postgresql":
            await self.connection.execute(select(func.pg_advisory_xact_lock(KEY_LOCK)))
        await self.check()
        k = customers.c
        count = 0
        async for part in self.wrapped():
            for assistant, customer, wrapped in part:
                mine = update(customers).where(k.assistant == assistant, k.id == customer)
                fresh = self.keyring.rewrap(wrapped, after)
                await self.connection.execute(mine.values(wrapped_key=fresh))
            count += len(part)
        await self.enter(after.fingerprint, now)
        return count


def _wrapped_after(assistant: str, customer: str) -> Select[Any]:
    """The next wrapped keys, in the order of the primary key."""
    k = customers.c
    beyond = (k.assistant > assistant) | ((k.assistant == assistant) & (k.id > customer))
    return (
        select(k.assistant, k.id, k.wrapped_key)
        .where(k.wrapped_key.is_not(None), beyond)
        .order_by(k.assistant, k.id)
        .limit(CHUNK)
    )
