"""What people say about an answer, and what it adds up to."""

from datetime import datetime
from typing import Literal

from kaeshi.nouns.value import Value


class Feedback(Value):
    """What one person said about one message in one go; a field left out was not said."""

    message_id: str
    author: str = ""
    vote: Literal["up", "down"] | None = None
    rating: int | None = None
    helpful: bool | None = None
    accurate: bool | None = None
    comment: str | None = None
    correction: str | None = None
    at: datetime | None = None


class Opinion(Value):
    """All that one author now says about one message. Words stay sealed: only their length is here.

    `comment_characters`, `correction_characters`: without white space around them; 0 for none.
    """

    message_id: str
    author: str = ""
    vote: Literal["up", "down"] | None = None
    rating: int | None = None
    helpful: bool | None = None
    accurate: bool | None = None
    comment_characters: int = 0
    correction_characters: int = 0


class Quality(Value):
    """The seed's score, in integer tenths 0 to 10, and whether it was cut down by a thumbs-down or a low rating."""

    tenths: int
    capped: bool = False


class Signals(Value):
    """All current feedback on one conversation, folded together. None: nobody said."""

    quality_tenths: int | None = None
    rating: float | None = None
    thumbs_up: int = 0
    thumbs_down: int = 0
    confidence: float | None = None
    corrected: bool = False
