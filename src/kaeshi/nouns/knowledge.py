"""Entries of the knowledge base, and search results."""

from datetime import datetime

from kaeshi.nouns.review import ReviewState
from kaeshi.nouns.value import Value


class Entry(Value):
    """A question and its approved or proposed answer."""

    id: str
    assistant: str
    question: str
    answer: str
    state: ReviewState
    conversation: str | None = None
    by: str | None = None
    at: datetime


class Hit(Value):
    """An entry found for a query.

    `score`: cosine of the query to its question, -1 to 1. `probability`: that its answer is the
    query's, None where the base is too small or too large for a classifier.
    """

    entry: Entry
    score: float
    probability: float | None = None
