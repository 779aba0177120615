"""Recording what people thought of an answer."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from kaeshi.errors import InvalidInput, NotFound
from kaeshi.loop import Loop
from kaeshi.rules import feedback as rules
from kaeshi.rules.conversation import decode, rated_turn
from kaeshi.types import Feedback, Json, Quality, Turn

AT_ONCE = 100
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)  # where nobody asks for the time


@dataclass(frozen=True, kw_only=True)
class Recorded:
    """One piece of feedback on record: its id, the score, and whether it proposes the conversation for training."""

    id: str
    quality: Quality
    proposed: bool


@dataclass
class Imported:
    """What became of a feedback file."""

    recorded: int = 0
    without: int = 0
    refused: list[str] = field(default_factory=list)


async def record(loop: Loop, said: Sequence[Feedback]) -> list[Recorded]:
    """Store each piece of feedback, all or none. Raises NotFound for a message that is not stored."""
    ids = [loop.ids.new(f"fb_{f.message_id}") for f in said]
    async with loop.store.write() as tx:
        stored = await tx.add_feedback(loop.assistant, said, ids, loop.clock.now())
    results = []
    for submission, current in stored:
        quality = rules.score(current)
        results.append(Recorded(id=submission, quality=quality, proposed=rules.proposes(quality, loop.settings.min_quality_tenths)))
    return results


async def import_records(loop: Loop, records: Iterable[tuple[str, Mapping[str, Any]]], *, author: str = "") -> Imported:
    """Feedback from a file: {message_id, vote, ...} as in the API, or log records with a `feedback` part.

    Feedback on a conversation is put on its last assistant message of substance. Each record comes with its place, for refusals.
    """
    done = Imported()
    batch: list[Feedback] = []
    for where, raw in records:
        try:
            feedback = _parse(raw, author)
        except (InvalidInput, NotFound) as error:
            done.refused.append(f"{where}: {error}")
            continue
        if feedback is None:
            done.without += 1
            continue
        batch.append(feedback)
        if len(batch) >= AT_ONCE:
            await _flush(loop, batch, done)
            batch = []
    await _flush(loop, batch, done)
    return done


def parsed_lines(lines: Iterable[bytes], name: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """A file's records with their places. Lines that are not JSON objects are left to the import of conversations, which refuses them."""
    for number, line in enumerate(lines, 1):
        if line.strip():
            try:
                record = decode(line)
            except InvalidInput:
                continue
            if isinstance(record, dict):
                yield f"{name}, line {number}", record


async def analytics(loop: Loop, days: int) -> Json:
    """The seed's figures over the last `days`: rated messages, votes, mean stars, and the share of answers that were rated."""
    if not 0 < days <= 100_000:
        msg = f"days {days!r} is not between 1 and 100000"
        raise InvalidInput(msg)
    async with loop.store.read() as tx:
        t = await tx.feedback_tallies(loop.assistant, loop.clock.now() - timedelta(days=days))
    stars = sum(t["ratings"].values())
    return {
        "total_feedback": t["pieces"],
        "positive_votes": t["up"],
        "negative_votes": t["down"],
        "avg_rating": round(sum(k * v for k, v in t["ratings"].items()) / stars, 2) if stars else None,
        "feedback_rate": round(t["messages"] / t["answers"], 4) if t["answers"] else None,
    }


def _parse(raw: Mapping[str, Any], author: str) -> Feedback | None:
    if "messages" in raw and isinstance(raw["messages"], list):
        said = rules.recorded(raw)
        return rules.parse(last_rated_message(raw), said, author=author) if said else None
    said = {k: v for k, v in raw.items() if k not in {"message_id", "conversation_id", "author", "assistant"}}
    return rules.parse(raw.get("message_id"), said, author=str(raw.get("author") or author))


def last_rated_message(record: Mapping[str, Any]) -> str:
    """Which message of a log record its feedback is about. Raises InvalidInput if no assistant message is there."""
    turns = [
        Turn(id=str(m.get("message_id", f"{record.get('conversation_id')}#{i}")), message=m, at=EPOCH)
        for i, m in enumerate(record["messages"])
        if isinstance(m, dict) and "role" in m
    ]
    place = rated_turn(turns)
    if place is None:
        msg = f"conversation {record.get('conversation_id')!r} has no assistant message to rate"
        raise InvalidInput(msg)
    return turns[place].id


async def _flush(loop: Loop, batch: list[Feedback], done: Imported) -> None:
    """All at once; if one names an unknown message, one by one, so that only that one is refused."""
    if not batch:
        return
    try:
        done.recorded += len(await record(loop, batch))
    except NotFound:
        for feedback in batch:
            try:
                done.recorded += len(await record(loop, [feedback]))
            except NotFound as error:
                done.refused.append(str(error))
