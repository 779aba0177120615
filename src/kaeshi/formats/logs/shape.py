"""What a format of logs is: one small protocol for all of them.

A format says which records are its own, and makes a log record (docs/conversation.md) of each.
Where a conversation is spread over several records, the format says which piece belongs where, and
makes one log record of all its pieces. A new format is a module with a `FORMAT`, named in
`formats.logs`.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

Json = dict[str, Any]
Pieces = Sequence[Json]


class Piece(NamedTuple):
    """A part of a conversation: which one, what it is sorted by, and what it says."""

    conversation: str
    order: float  # seconds since 1970
    said: Json


@dataclass(frozen=True)
class Rating:
    """Feedback on one message of a record, by its position (-1: the whole conversation).

    `said`: vote, rating, helpful, accurate, comment, correction, as docs/feedback.md names them.
    """

    position: int
    said: Json


@dataclass(frozen=True)
class Log:
    """One conversation as a log record, and the feedback that came with it."""

    record: Json
    ratings: Sequence[Rating] = ()


@dataclass(frozen=True, kw_only=True)
class Format:
    """A format of logs.

    `lists`: where the records lie in one large JSON document, as ijson writes paths. Functions
    raise InvalidInput with what is wrong; `pieces` skips a record by yielding nothing. A format
    sees records, never the document around them. docs/conversation.md has a log record's fields.
    """

    name: str
    recognises: Callable[[Json], bool]
    log: Callable[[Json], Log] | None = None
    pieces: Callable[[Json], Iterator[Piece]] | None = None
    together: Callable[[str, Pieces], Log] | None = None
    lists: tuple[str, ...] = field(default=())
