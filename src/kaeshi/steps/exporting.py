"""Conversations that leave the store: scrubbed, unless the texts as said are asked for."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from kaeshi import pii
from kaeshi.formats.exports import BESIDE
from kaeshi.loop import Loop
from kaeshi.nouns import Json
from kaeshi.steps import collection
from kaeshi.store.exporting import START

AT_ONCE = 200


@dataclass(frozen=True, kw_only=True)
class Exported:
    """Some records, and how many conversations were left out because they cannot be scrubbed."""

    records: list[Json]
    unscrubbed: int = 0


async def exported(
    loop: Loop, *, raw: bool = False, since: datetime | None = None, until: datetime | None = None
) -> AsyncIterator[Exported]:
    """All conversations that began in [since, until), some hundreds at a time, oldest first.

    Each is a record that can be imported again. `raw`: with the texts as they were said; otherwise
    personal data is replaced as it is for training, in messages, outcomes and ids.
    """
    after = START
    while True:
        async with loop.store.read() as tx:
            page = await tx.exports.page(loop.assistant, after, until, AT_ONCE)
            records = await tx.exports.records(loop.assistant, [name for _, name in page])
        if not page:
            return
        after = page[-1]
        wanted = [r for r in records if since is None or _began(r) >= since]
        yield Exported(records=wanted) if raw else await asyncio.to_thread(_scrubbed, loop, wanted)


def _began(record: Json) -> datetime:
    return datetime.fromisoformat(record["started_at"])


def _scrubbed(loop: Loop, records: Sequence[Json]) -> Exported:
    """The records with placeholders in the place of personal data."""
    said = [[_spoken(message) for message in record["messages"]] for record in records]
    clean = collection.scrub_each(loop, said)
    pairs = zip(records, clean, strict=True)
    kept = [(record, each[0]) for record, each in pairs if not isinstance(each, str)]
    return Exported(
        records=[_with_messages(loop, record, messages) for record, messages in kept],
        unscrubbed=len(records) - len(kept),
    )


def _spoken(message: Json) -> Json:
    """OpenAI's part of a message."""
    return {name: value for name, value in message.items() if name not in BESIDE}


def _with_messages(loop: Loop, record: Json, messages: Sequence[Json]) -> Json:
    """The record with scrubbed messages, outcomes and ids."""
    name = record["conversation_id"]
    own = _without_data(loop, name)
    spoken = [
        {**clean, **{field: value for field, value in message.items() if field in BESIDE}}
        for clean, message in zip(messages, record["messages"], strict=True)
    ]
    for position, message in enumerate(spoken):
        message["message_id"] = f"{own}#{position}"
    facts = {fact: _fact(loop, value) for fact, value in record["outcome"].items()}
    return {**record, "conversation_id": own, "outcome": facts, "messages": spoken}


def _without_data(loop: Loop, name: str) -> str:
    """The conversation's id; a pseudonym where the id holds personal data."""
    if _clean(loop, name) == name:
        return name
    return loop.store.keyring.pseudonym(loop.assistant, name, "x")


def _fact(loop: Loop, value: Any) -> Any:
    """An outcome; a number that is personal data, such as a card's, becomes its placeholder."""
    if isinstance(value, bool):
        return value
    clean = _clean(loop, str(value))
    return value if clean == str(value) else clean


def _clean(loop: Loop, text: str) -> str:
    return pii.scrub([text], loop.names.find([text]), loop.policy).texts[0]
