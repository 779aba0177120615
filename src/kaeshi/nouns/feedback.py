"""Feedback on an answer, and the score made of it."""

from datetime import datetime
from typing import Literal

from kaeshi.nouns.value import Value


class Feedback(Value):
    """One submission of one author about one message; absent fields were not given.

    `at`: when it was given, where that is known; `key`: makes repeating it safe, empty without one.
    """

    message_id: str
    author: str = ""
    vote: Literal["up", "down"] | None = None
    rating: int | None = None
    helpful: bool | None = None
    accurate: bool | None = None
    comment: str | None = None
    correction: str | None = None
    at: datetime | None = None
    key: str = ""


class Opinion(Value):
    """All that one author currently says about one message, with lengths instead of words.

    `comment_characters`, `correction_characters`: without surrounding white space; 0 for none.
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
    """The seed's score, in integer tenths 0 to 10.

    And whether a thumbs-down or a low rating capped it.
    """

    tenths: int
    capped: bool = False


class Signals(Value):
    """All current feedback on one conversation, combined. None: no feedback.

    `by_colleague`: a person gave the rated answer, after the assistant had handed over.
    """

    quality_tenths: int | None = None
    rating: float | None = None
    thumbs_up: int = 0
    thumbs_down: int = 0
    confidence: float | None = None
    corrected: bool = False
    by_colleague: bool = False
