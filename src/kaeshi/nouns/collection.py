"""Filters for training examples, and the verdict on a conversation."""

from typing import Literal

from kaeshi.nouns.value import Value


class Filters(Value):
    """What a conversation must be to become an example.

    A filter applies where its value is known. `drop_outcomes`: reported outcomes as NAME=VALUE,
    none of which it may have.
    """

    min_quality_tenths: int | None = 8
    min_confidence: float | None = 0.8
    min_rating: float | None = 4
    require_positive_feedback: bool = False
    drop_outcomes: tuple[str, ...] = ("goal_reached=false",)
    missing_quality: Literal["keep", "drop"] = "drop"
    missing_rating: Literal["keep", "drop"] = "keep"
    missing_confidence: Literal["keep", "drop"] = "keep"


class Keep(Value):
    """The conversation may be learned from, up to and including the turn at `upto`."""

    upto: int


DropReason = Literal[
    # of collection
    "no_consent",
    "erased",
    "no_question",
    "no_answer",
    "tool_call_last",
    "weightless",
    "unfit",
    "damaged",
    "thumbs_down",
    "doubtful",
    "goal_not_reached",
    "booking_failed",
    "outcome",
    "low_rating",
    "low_quality",
    "low_confidence",
    "not_rated",
    "no_rating",
    "no_confidence",
    "no_positive_feedback",
    "rejected",
    "timed_out",
    "unscrubbed",
    "unread_script",
    # of a dataset
    "unreviewed",
    "customer_share",
    "duplicate",
    "near_duplicate",
    "test_case",
    "beyond_max_samples",
    # of the knowledge base
    "no_pair",
    "hand_over",
    "placeholder",
    "small_talk",
    "answers_with_a_question",
    "too_short",
]


class Drop(Value):
    """The conversation may not be learned from; rules.collection.REASONS explains `reason`."""

    reason: DropReason
