"""Stores what the gateways logged."""

import json
from collections.abc import Sequence
from dataclasses import replace

from kaeshi.errors import MissingModel
from kaeshi.loop import Loop
from kaeshi.nouns import Exchange, Json, text_of
from kaeshi.rules.training import price_of_answer
from kaeshi.steps.contexts import clean
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
    # counting and scrubbing take their time, and SQLite has one writer
    known = priced(loop, counted(loop, exchanges))
    known = [replace(e, context=clean(loop, e.context)) if e.context else e for e in known]
    async with loop.store.write() as tx:
        if not await tx.exchanges.take_spool(loop.assistant, spool, before, after, dropped, now):
            return None
        return await tx.exchanges.add(known, now)


def counted(loop: Loop, exchanges: Sequence[Exchange]) -> list[Exchange]:
    """The exchanges with their tokens, counted here and marked so where the provider sent none."""
    return [_counted(loop, e) for e in exchanges]


def _counted(loop: Loop, e: Exchange) -> Exchange:
    if e.reply is None or (e.prompt_tokens is not None and e.completion_tokens is not None):
        return e
    model = e.model or ""
    try:
        asked = loop.tokens.count([text_of(message) for message in e.messages], model)
        answered = loop.tokens.count([_words_of(e.reply)], model)
    except MissingModel:  # the token files are not here, and no request waits for them
        return e
    return replace(e, prompt_tokens=asked, completion_tokens=answered, is_estimated=True)


def _words_of(reply: Json) -> str:
    calls = reply.get("tool_calls")
    return text_of(reply) + (json.dumps(calls, ensure_ascii=False) if calls else "")


def priced(loop: Loop, exchanges: Sequence[Exchange]) -> list[Exchange]:
    """The exchanges with their cost, where model price and token count are known."""
    table = dict(loop.prices)
    return [
        replace(e, cost_usd=price_of_answer(e.model, e.prompt_tokens, e.completion_tokens, table))
        if e.cost_usd is None
        else e
        for e in exchanges
    ]
