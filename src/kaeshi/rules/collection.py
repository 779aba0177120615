"""Whether a conversation may be learned from.

Every refusal has one reason, and reasons are counted.
"""

import json
from collections.abc import Mapping, Sequence

from kaeshi.nouns import Consent, Drop, DropReason, Filters, Keep, Signals

REASONS: Mapping[DropReason, str] = {
    "no_consent": "the customer has not consented to learning from it",
    "erased": "the customer was erased",
    "no_question": "no customer message comes before the rated answer",
    "no_answer": "there is no assistant message to learn",
    "tool_call_last": "the rated assistant message has neither text nor a call",
    "weightless": "every answer has weight 0, which marks it as bad",
    "damaged": "its text was changed in the database and cannot be decrypted",
    "unfit": "its row breaks the format of training files",
    "thumbs_down": "it has a thumbs-down, and no more thumbs-up",
    "doubtful": "by all that is known its answer is too likely wrong (MIN_PROBABILITY)",
    "goal_not_reached": "the customer says the goal was not reached",
    "booking_failed": "it led to no booking (booked=false in DROP_OUTCOMES)",
    "outcome": "an outcome in DROP_OUTCOMES was reported",
    "low_rating": "the mean rating is below the minimum",
    "low_quality": "the quality score is below the minimum",
    "low_confidence": "the answer's confidence is below the minimum",
    "not_rated": "it has no rating",
    "no_rating": "it has no stars",
    "no_confidence": "the answer carries no confidence",
    "no_positive_feedback": "no thumbs-up and no rating of 4 or more",
    "rejected": "a reviewer rejected it",
    "timed_out": "the scrubber did not finish in time, so it must not be learned",
    "unscrubbed": "the scrubber failed, so it must not be learned",
    "unread_script": "its script is one whose names the scrubber cannot read (KAESHI_NAMES)",
    "unreviewed": "no person approved it, and its customer is unnamed or too few praise it",
    "customer_share": "its customer has a larger share of the examples than is allowed",
    "duplicate": "an example with the same words is in the dataset",
    "near_duplicate": "an example with nearly the same words is in the dataset",
    "test_case": "it resembles a test case, which no model may be trained on",
    "beyond_max_samples": "the dataset was limited to its best examples",
    "hand_over": "the answer hands over to a person",
    "no_pair": "it does not end with a question and its answer",
    "placeholder": "question or answer holds personal data",
    "small_talk": "question or answer is small talk",
    "answers_with_a_question": "the answer asks back",
    "too_short": "question or answer is too short to stand alone",
}
BY_FILTERS: frozenset[str] = frozenset(
    {
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
    }
)
POSITIVE_RATING = 4
# refused for what customers said of it: its text is stored, so that all votes are weighed together
COMPARED: frozenset[str] = frozenset({"thumbs_down", "low_rating", "low_quality"})
_OUTCOMES: Mapping[str, DropReason] = {
    "goal_reached=false": "goal_not_reached",
    "booked=false": "booking_failed",
}


def judge(
    roles: Sequence[str],
    words: Sequence[bool],
    upto: int | None,
    *,
    consent: Consent,
    facts: Mapping[str, object],
    signals: Signals,
    filters: Filters,
    learnable: Sequence[bool] | None = None,
) -> Keep | Drop:
    """Keep the turns up to `upto`, or drop with a reason.

    `words[i]`: whether turn i has text or a call; `learnable[i]`: whether it is an answer that may
    be learned (without: every one); `facts`: the latest outcomes.
    """
    if consent == "none":
        return Drop(reason="no_consent")
    if upto is None:
        return Drop(reason="no_answer")
    if "user" not in roles[:upto]:
        return Drop(reason="no_question")
    if not words[upto]:
        return Drop(reason="tool_call_last")
    if learnable is not None and not any(learnable[: upto + 1]):
        return Drop(reason="weightless")
    refused = refused_by_signals(consent, facts, signals, filters)
    return refused or Keep(upto=upto)


def refused_by_signals(
    consent: Consent, facts: Mapping[str, object], signals: Signals, filters: Filters
) -> Drop | None:
    """The reason to drop a conversation that needs no look at its turns; None without one."""
    if consent == "none":
        return Drop(reason="no_consent")
    reason = _unhappy(facts, signals, filters) or _below(signals, filters)
    return Drop(reason=reason) if reason else None


def _unhappy(facts: Mapping[str, object], signals: Signals, filters: Filters) -> DropReason | None:
    if signals.thumbs_down and signals.thumbs_down >= signals.thumbs_up:
        return "thumbs_down"
    unwanted = next((fact for fact in filters.drop_outcomes if _is_reported(fact, facts)), None)
    return _OUTCOMES.get(unwanted, "outcome") if unwanted else None


def _is_reported(fact: str, facts: Mapping[str, object]) -> bool:
    """Whether NAME=VALUE is among the outcomes; a value is JSON, or a text as it is."""
    name, _, value = fact.partition("=")
    return name in facts and value in {facts[name], json.dumps(facts[name])}


def _below(signals: Signals, filters: Filters) -> DropReason | None:
    checks: tuple[
        tuple[float | None, float | None, str, DropReason, DropReason],
        ...,
    ] = (
        (signals.rating, filters.min_rating, filters.missing_rating, "low_rating", "no_rating"),
        (
            signals.quality_tenths,
            filters.min_quality_tenths,
            filters.missing_quality,
            "low_quality",
            "not_rated",
        ),
        (
            signals.confidence,
            filters.min_confidence,
            filters.missing_confidence,
            "low_confidence",
            "no_confidence",
        ),
    )
    # a colleague's answer needs no rating; a bad one still counts
    needed = checks[:1] if signals.by_colleague else checks
    for value, least, missing, low, absent in needed:
        if least is not None and value is not None and value < least:
            return low
        if least is not None and value is None and missing == "drop":
            return absent
    return _positive_feedback(signals, filters)


def _positive_feedback(signals: Signals, filters: Filters) -> DropReason | None:
    liked = signals.thumbs_up > 0 or (
        signals.rating is not None and signals.rating >= POSITIVE_RATING
    )
    return "no_positive_feedback" if filters.require_positive_feedback and not liked else None
