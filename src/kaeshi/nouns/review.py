"""Items of the review queue."""

from datetime import datetime
from typing import Literal

from kaeshi.nouns.value import Value

ReviewState = Literal["proposed", "approved", "corrected", "rejected"]


ReviewKind = Literal["example", "entry", "correction", "gap"]


class ReviewItem(Value):
    """A proposal that waits for a reviewer, scrubbed.

    `title`: the question; `answer`: what would be learned; `why`: how it came into the queue.
    `score` is in tenths. `right`: the probability that `answer` is right, None where nothing tells;
    `alike`: other waiting items that ask the same and say the same. `against`: the live entry that
    answers its question otherwise. `waits`: it is not learned before a person has decided.
    """

    kind: ReviewKind
    ref: str
    state: ReviewState
    title: str
    answer: str = ""
    conversation: str | None = None
    why: str = ""
    score: int
    at: datetime
    by: str | None = None
    right: float | None = None
    alike: tuple[str, ...] = ()
    against: str = ""
    waits: bool = True
