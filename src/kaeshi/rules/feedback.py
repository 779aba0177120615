"""The score of feedback.

The seed's points, in integer tenths, so that 0.3 + 0.4 + 0.1 is 0.8.
"""

import re
import statistics
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from kaeshi.errors import InvalidInput
from kaeshi.nouns import Feedback, Opinion, Quality, Signals

THUMBS_UP = 3
FIVE_STARS = 4
HELPFUL = 2
ACCURATE = 3
COMMENTED = 1
FULL = 10
CAP = 4
BEST_RATING = 5
LOW_RATING = 2
LONG_COMMENT = 20
MAX_COMMENT = 10_000
LONGEST_ID = 200
FIELDS = ("vote", "rating", "helpful", "accurate", "comment", "correction")


def parse(
    message_id: object, said: object, *, author: str = "", at: datetime | None = None
) -> Feedback:
    """Submitted feedback, validated. Raises InvalidInput with the field and the value."""
    if not isinstance(said, Mapping):
        msg = f"feedback must be a JSON object, not {type(said).__name__}"
        raise InvalidInput(msg)
    if not isinstance(message_id, str) or not message_id:
        msg = f"message_id {message_id!r} is not a text"
        raise InvalidInput(msg)
    if len(message_id) > LONGEST_ID:
        msg = f"message_id has {len(message_id)} characters; at most {LONGEST_ID}"
        raise InvalidInput(msg)
    values = _checked_values(said, message_id)
    if len(author) > LONGEST_ID or not author.isprintable():  # the limit of every id
        msg = "author: at most 200 printable characters"
        raise InvalidInput(msg)
    return Feedback(message_id=message_id, author=author, at=at, **values)


def _checked_values(said: Mapping[str, Any], message_id: str) -> dict[str, Any]:
    unknown = sorted(str(name) for name in said if name not in FIELDS)
    if unknown:
        msg = f"feedback {unknown[0]!r} is not a field; use {', '.join(FIELDS)}"
        raise InvalidInput(msg)
    values: dict[str, Any] = {name: said[name] for name in FIELDS if said.get(name) is not None}
    if not values:
        msg = f"feedback on {message_id!r} is empty; give at least one of {', '.join(FIELDS)}"
        raise InvalidInput(msg)
    for name, value in values.items():
        values[name] = _CHECKS[name](name, value)
    return values


def opinion_of(feedback: Feedback) -> Opinion:
    """A submission with lengths in the place of words."""
    said = feedback.model_dump(exclude={"at", "key", "comment", "correction"})
    return Opinion(
        comment_characters=len((feedback.comment or "").strip()),
        correction_characters=len((feedback.correction or "").strip()),
        **said,
    )


def score(said: Opinion) -> Quality:
    """The seed's points for one person's opinion: at most 1.0, and at most 0.4 if unhappy.

    >>> score(Opinion(message_id="m", vote="up", rating=5, comment_characters=33)).tenths
    8
    """
    points = (
        THUMBS_UP * (said.vote == "up")
        + FIVE_STARS * (said.rating == BEST_RATING)
        + HELPFUL * (said.helpful is True)
        + ACCURATE * (said.accurate is True)
        + COMMENTED * (said.comment_characters > LONG_COMMENT)
    )
    unhappy = said.vote == "down" or (said.rating is not None and said.rating <= LOW_RATING)
    return Quality(tenths=min(points, CAP if unhappy else FULL), capped=unhappy)


def proposes(quality: Quality, min_tenths: int) -> bool:
    """Whether the score proposes the conversation as a training example.

    Collection and review decide later.
    """
    return not quality.capped and quality.tenths >= min_tenths


def fold(said: Sequence[Opinion], confidence: float | None = None) -> Signals:
    """All current feedback on one conversation as one set of signals.

    Quality is the best that any person gave, so that a second happy customer of few words takes
    nothing away; the worst, unless more were happy than unhappy. Steps weigh the unhappy again
    (rules/trust.py).
    """
    ratings = [f.rating for f in said if f.rating is not None]
    scores = [score(f) for f in said]
    unhappy = sum(quality.capped for quality in scores)
    worst_or_best = min if unhappy and 2 * unhappy >= len(scores) else max
    return Signals(
        quality_tenths=worst_or_best(quality.tenths for quality in scores) if scores else None,
        rating=statistics.fmean(ratings) if ratings else None,
        thumbs_up=sum(f.vote == "up" for f in said),
        thumbs_down=sum(f.vote == "down" for f in said),
        confidence=confidence,
        corrected=any(f.correction_characters for f in said),
    )


def recorded(record: Mapping[str, Any]) -> dict[str, Any]:
    """The feedback in a log record about its conversation, by the seed's names.

    Empty when it has none.
    """
    said = record.get("feedback")
    if not isinstance(said, Mapping):
        return {}
    found: dict[str, Any] = {}
    for source, name in (
        ("thumbs", "vote"),
        ("vote", "vote"),
        ("helpful", "helpful"),
        ("accurate", "accurate"),
        ("comment", "comment"),
        ("stars", "rating"),
        ("rating", "rating"),
    ):
        if said.get(source) is not None:
            found[name] = said[source]
    return found


def _vote(name: str, value: object) -> str:
    if not isinstance(value, str) or value not in {"up", "down"}:
        raise _wrong(name, value, "up or down")
    return value


def _rating(name: str, value: object) -> int:
    if (
        isinstance(value, int | float)
        and not isinstance(value, bool)
        and 1 <= value <= BEST_RATING
        and value == int(value)
    ):
        return int(value)
    raise _wrong(name, value, "a whole number from 1 to 5")


def _boolean(name: str, value: object) -> bool:
    if not isinstance(value, bool):
        raise _wrong(name, value, "true or false")
    return value


_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


def _words(name: str, value: object) -> str:
    if not isinstance(value, str):
        raise _wrong(name, value, "a text")
    if len(value) > MAX_COMMENT:
        msg = f"{name} has {len(value)} characters; at most {MAX_COMMENT}"
        raise InvalidInput(msg)
    if _UNSTORABLE.search(value):
        msg = f"{name} holds a NUL or a lone surrogate, which cannot be stored; remove it"
        raise InvalidInput(msg)
    return value


def _wrong(name: str, value: object, wanted: str) -> InvalidInput:
    shown = (
        "a huge number"
        if isinstance(value, int) and value.bit_length() > 64
        else repr(str(value)[:40])
    )
    return InvalidInput(f"{name} {shown} is not {wanted}")


_CHECKS = {
    "vote": _vote,
    "rating": _rating,
    "helpful": _boolean,
    "accurate": _boolean,
    "comment": _words,
    "correction": _words,
}
