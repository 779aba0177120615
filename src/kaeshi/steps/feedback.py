"""Records feedback on answers."""

import hashlib
import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from kaeshi.errors import InvalidInput, NotFound
from kaeshi.loop import Loop
from kaeshi.nouns import Feedback, Json, Quality
from kaeshi.rules import feedback as rules
from kaeshi.rules.conversation import decode, message_id, rated_turn

AT_ONCE = 200
log = logging.getLogger("kaeshi")


@dataclass(frozen=True, kw_only=True)
class Recorded:
    """Feedback on record.

    Its id, the score, and whether it proposes the conversation for training.
    """

    id: str
    quality: Quality
    proposed: bool


@dataclass
class Imported:
    """The result of importing a feedback file."""

    recorded: int = 0
    without: int = 0
    refused: list[str] = field(default_factory=list)


async def record(loop: Loop, said: Sequence[Feedback]) -> list[Recorded]:
    """Store each piece of feedback, all or none.

    Raises NotFound for a message that is not stored.
    """
    ids = [submission_id(loop, each) for each in said]
    async with loop.store.write() as tx:
        stored = await tx.feedback.add(loop.assistant, said, ids, loop.clock.now())
    results = []
    for submission, current in stored:
        quality = rules.score(current)
        results.append(
            Recorded(
                id=submission,
                quality=quality,
                proposed=rules.proposes(quality, loop.settings.min_quality_tenths),
            )
        )
    return results


async def about_conversation(loop: Loop, said: Feedback) -> Feedback:
    """Feedback on a conversation as feedback on its last assistant message of substance.

    `said.message_id` is the conversation's id. Raises NotFound.
    """
    async with loop.store.read() as tx:
        found = await tx.conversations.read(loop.assistant, [said.message_id])
    spoken = list(found[0].said) if found else []
    place = rated_turn([each.message for each in spoken])
    if place is None:
        msg = (
            f"conversation {said.message_id!r} of assistant {loop.assistant!r} has no stored "
            "answer; log it first"
        )
        raise NotFound(msg)
    return said.model_copy(update={"message_id": spoken[place].id})


def submission_id(loop: Loop, said: Feedback) -> str:
    """A new id; with an idempotency key always the same one."""
    if not said.key:
        return loop.ids.new(f"fb_{said.message_id}")
    digest = hashlib.sha256(f"{loop.assistant}\0{said.author}\0{said.key}".encode()).hexdigest()
    return f"fb_{said.message_id}_{digest[:20]}"


async def import_records(
    loop: Loop, records: Iterable[tuple[str, Mapping[str, Any] | InvalidInput]], *, author: str = ""
) -> Imported:
    """Import feedback from a file.

    {message_id, vote, ...} as in the API, or log records with a `feedback` part; feedback on a
    conversation is stored for its last assistant message of substance. Each record comes with its
    place, for refusals.
    """
    done = Imported()
    batch: list[tuple[str, Feedback]] = []
    for where, raw in records:
        try:
            if isinstance(raw, InvalidInput):
                raise raw
            feedback = _parse(raw, author)
        except (InvalidInput, NotFound) as error:
            done.refused.append(f"{where}: {error}")
            continue
        if feedback is None:
            done.without += 1
            continue
        batch.append((where, feedback))
        if len(batch) >= AT_ONCE:
            await _flush(loop, batch, done)
            batch = []
    await _flush(loop, batch, done)
    return done


def parsed_lines(
    lines: Iterable[bytes], name: str
) -> Iterator[tuple[str, Mapping[str, Any] | InvalidInput]]:
    """A file's records with their places.

    A line that is not a JSON object becomes the error.
    """
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        where = f"{name}, line {number}"
        try:
            found = decode(line)
        except InvalidInput as error:
            yield where, error
            continue
        yield (
            where,
            found
            if isinstance(found, dict)
            else InvalidInput(f"a record must be a JSON object, not {type(found).__name__}"),
        )


async def analytics(loop: Loop, days: int) -> Json:
    """The seed's figures over the last `days`.

    Rated messages, votes, mean stars, and the share of rated answers.
    """
    if not 0 < days <= 100_000:
        msg = f"days {days!r} is not between 1 and 100000"
        raise InvalidInput(msg)
    async with loop.store.read() as tx:
        t = await tx.feedback.tallies(loop.assistant, loop.clock.now() - timedelta(days=days))
    stars = sum(t["ratings"].values())
    return _analytics_of(t, stars)


def _analytics_of(t: Json, stars: int) -> Json:
    return {
        "total_feedback": t["pieces"],
        "positive_votes": t["up"],
        "negative_votes": t["down"],
        "avg_rating": round(sum(k * v for k, v in t["ratings"].items()) / stars, 2)
        if stars
        else None,
        "feedback_rate": round(t["messages"] / t["answers"], 4) if t["answers"] else None,
    }


def _parse(raw: Mapping[str, Any], author: str) -> Feedback | None:
    if "messages" in raw and isinstance(raw["messages"], list):
        said = rules.recorded(raw)
        return rules.parse(last_rated_message(raw), said, author=author) if said else None
    said = {
        k: v
        for k, v in raw.items()
        if k not in {"message_id", "conversation_id", "author", "assistant"}
    }
    said_by = raw.get("author") or author
    if not isinstance(said_by, str):
        msg = f"author must be a text, not {type(said_by).__name__}"
        raise InvalidInput(msg)
    return rules.parse(raw.get("message_id"), said, author=said_by)


def last_rated_message(record: Mapping[str, Any]) -> str:
    """The message that a log record's feedback is about.

    Raises InvalidInput without an assistant message.
    """
    spoken = [
        (i, m)
        for i, m in enumerate(record["messages"])
        if isinstance(m, dict) and isinstance(m.get("role"), str)
    ]
    place = rated_turn([m for _, m in spoken])
    if place is None:
        msg = f"conversation {record.get('conversation_id')!r} has no assistant message to rate"
        raise InvalidInput(msg)
    return message_id(record, spoken[place][0])


async def _flush(loop: Loop, batch: list[tuple[str, Feedback]], done: Imported) -> None:
    """Store all at once.

    If one names an unknown message, or one that is no answer, one by one: that one is refused.
    """
    if not batch:
        return
    try:
        done.recorded += len(await record(loop, [feedback for _, feedback in batch]))
    except (InvalidInput, NotFound):
        for where, feedback in batch:
            try:
                done.recorded += len(await record(loop, [feedback]))
            except (InvalidInput, NotFound) as error:
                done.refused.append(f"{where}: {error}")
