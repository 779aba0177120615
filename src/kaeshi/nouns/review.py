"""What waits for a person to decide."""

from datetime import datetime
from typing import Literal

from kaeshi.nouns.value import Value

ReviewState = Literal["proposed", "approved", "corrected", "rejected"]


class ReviewItem(Value):
    """A proposal that waits for a person, oldest and most valuable first."""

    kind: Literal["example", "entry"]
    ref: str
    state: ReviewState
    title: str
    score: int
    at: datetime
    by: str | None = None
