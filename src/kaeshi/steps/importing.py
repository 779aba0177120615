"""Imports files of logs: conversations, and the feedback that came with them."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from kaeshi.errors import InvalidInput, NotFound
from kaeshi.formats.logs import NAMES, Log, Read, read
from kaeshi.loop import Loop
from kaeshi.nouns import Consent, Feedback
from kaeshi.rules import feedback as opinions
from kaeshi.rules.conversation import check_storable, message_id
from kaeshi.steps import conversation, feedback
from kaeshi.steps.conversation import Logged

AT_ONCE = 200


@dataclass(frozen=True, kw_only=True)
class Logs:
    """A file of logs, and how it is read where it does not say so itself."""

    path: Path
    format: str | None = None
    columns: str | None = None


@dataclass
class Imported(Logged):
    """What a part of a file brought, and how many messages had feedback."""

    feedback: int = 0


async def imported(
    loop: Loop, logs: Logs, *, consent: Consent | None = None
) -> AsyncIterator[Imported]:
    """Store a file's conversations and their feedback; yields the result of each few hundred."""
    found = read(logs.path, logs.format, logs.columns)
    is_empty = True
    while part := list(islice(found, AT_ONCE)):
        is_empty = False
        yield await store(loop, part, consent=consent)
    if is_empty:
        why = (
            f"{logs.path}: it holds no record of a known format; name the format with --format "
            f"({', '.join(NAMES)})"
        )
        yield Imported(refused=[why])


async def store(loop: Loop, part: Sequence[Read], *, consent: Consent | None = None) -> Imported:
    """Store conversations, then the feedback on those that are stored."""
    unread: list[str] = []
    good: list[tuple[str, Log]] = []
    for each in part:
        try:
            if isinstance(each.log, InvalidInput):
                raise each.log
            check_storable(each.log.record, each.raw)
            good.append((each.where, each.log))
        except InvalidInput as error:
            unread.append(f"{each.where}: {error}")
    logged = await conversation.log(
        loop,
        (_finished(log.record) for _, log in good),
        consent=consent,
        place_of=lambda i: good[i][0],
    )
    refused = {why.partition(": ")[0] for why in logged.refused}
    done = Imported(**{**vars(logged), "refused": [*unread, *logged.refused]})
    await _store_feedback(loop, [each for each in good if each[0] not in refused], done)
    return done


def _finished(record: Any) -> Any:
    """The record; one without any time is a log of what is over."""
    if not isinstance(record, dict) or record.get("started_at") or "closed" in record:
        return record
    said = record.get("messages")
    is_dated = not isinstance(said, list) or any(
        isinstance(message, dict) and message.get("at") for message in said
    )
    return record if is_dated else {**record, "closed": True}


async def _store_feedback(loop: Loop, good: Sequence[tuple[str, Log]], done: Imported) -> None:
    said: list[Feedback] = []
    for where, log in good:
        for rating in log.ratings:
            try:
                said += _feedback(log.record, rating.position, rating.said)
            except InvalidInput as error:
                done.refused.append(f"{where}: {error}")
    try:
        done.feedback = len(await feedback.record(loop, said)) if said else 0
    except (InvalidInput, NotFound) as error:  # a conversation that was refused by the store
        done.refused.append(str(error))


def _feedback(record: Any, position: int, said: Any) -> list[Feedback]:
    """Feedback on one message, or on the conversation; none where nothing was said."""
    given = dict(said) if position >= 0 else opinions.recorded({"feedback": said})
    if not given:
        return []
    author = given.pop("author", "")
    if not isinstance(author, str):
        msg = f"the author of feedback must be a text, not {type(author).__name__}"
        raise InvalidInput(msg)
    whole = position < 0 or record["messages"][position].get("role") != "assistant"
    message = feedback.last_rated_message(record) if whole else message_id(record, position)
    return [opinions.parse(message, given, author=author)]
