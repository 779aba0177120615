"""Items of the review queue."""

from datetime import datetime
from typing import Literal

from kaeshi.nouns.value import Value

ReviewState = Literal["proposed", "approved", "corrected", "rejected"]


class ReviewItem(Value):
    """A proposal that waits for a reviewer."""

    kind: Literal["example", "entry", "correction"]
    ref: str
    state: ReviewState
    title: str
    score: int
    at: datetime
    by: str | None = None
