"""Entries of the knowledge base, and search results."""

from datetime import datetime

from kaeshi.nouns.review import ReviewState
from kaeshi.nouns.value import Value


class Entry(Value):
    """A question and its approved or proposed answer.

    `entity`: the place or thing that it is about, empty for any; `source`: where it was written,
    empty for a conversation's; it holds from `valid_from` until before `valid_until`; `version`
    counts its answers.
    """

    id: str
    assistant: str
    question: str
    answer: str
    state: ReviewState
    conversation: str | None = None
    by: str | None = None
    entity: str = ""
    source: str = ""
    valid_from: datetime | None = None
    valid_until: datetime | None = None
    version: int = 1
    at: datetime

    def holds(self, now: datetime) -> bool:
        """Whether it may be shown at that time."""
        return (
            self.state in {"approved", "corrected"}
            and (self.valid_from is None or self.valid_from <= now)
            and (self.valid_until is None or now < self.valid_until)
        )


class Hit(Value):
    """An entry found for a query.

    `score`: cosine of the query to its question, -1 to 1. `probability`: that its answer is the
    query's, None where the base is too small or too large for a classifier.
    """

    entry: Entry
    score: float
    probability: float | None = None
