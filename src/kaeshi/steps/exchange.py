"""Stores what the gateways logged."""

from collections.abc import Sequence
from dataclasses import replace

from kaeshi.loop import Loop
from kaeshi.nouns import Exchange
from kaeshi.rules.training import price_of_answer
from kaeshi.store.exchanges import Recorded


async def taken(loop: Loop, spool: str) -> tuple[int, int]:
    """(stored bytes of a spool, requests that its owner could not log)."""
    async with loop.store.read() as tx:
        return await tx.exchanges.spool_taken(loop.assistant, spool)


async def take(
    loop: Loop, spool: str, before: int, after: int, dropped: int, exchanges: Sequence[Exchange]
) -> Recorded | None:
    """Store a spool's records between two offsets, and the new offset, in one transaction.

    None where another worker was first.
    """
    now = loop.clock.now()
    async with loop.store.write() as tx:
        if not await tx.exchanges.take_spool(loop.assistant, spool, before, after, dropped, now):
            return None
        return await tx.exchanges.add(priced(loop, exchanges), now)


def priced(loop: Loop, exchanges: Sequence[Exchange]) -> list[Exchange]:
    """The exchanges with their cost, where model price and token count are known."""
    table = dict(loop.prices)
    return [
        replace(e, cost_usd=price_of_answer(e.model, e.prompt_tokens, e.completion_tokens, table))
        if e.cost_usd is None
        else e
        for e in exchanges
    ]
