"""Money for other things than training runs."""

from datetime import datetime
from decimal import Decimal

from sqlalchemy import update

from kaeshi.store.tables import spendings
from kaeshi.store.verbs import Verbs, micros, nanos


class SpendingVerbs(Verbs):
    """Reserves and bookings; `tx.training.committed_usd` counts them with those of runs."""

    async def reserve(
        self, assistant: str, identifier: str, what: str, amount: Decimal, now: datetime
    ) -> bool:
        """Reserve an amount; False where it is reserved under this id already."""
        row = {
            "assistant": assistant,
            "id": identifier,
            "what": what,
            "reserved_nano_usd": nanos(amount),
            "booked_nano_usd": None,
            "at": micros(now),
        }
        return await self._add(spendings, [row]) == 1

    async def book(self, assistant: str, identifier: str, amount: Decimal) -> None:
        """Replace the reserve by what was spent."""
        await self.connection.execute(
            update(spendings)
            .where(spendings.c.assistant == assistant, spendings.c.id == identifier)
            .values(booked_nano_usd=nanos(amount))
        )
