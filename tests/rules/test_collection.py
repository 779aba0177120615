"""Claims about rules/collection.py."""

import re
from pathlib import Path
from typing import Any, get_args

import pytest

from kaeshi.nouns import (
    Drop,
    DropReason,
    Filters,
    Keep,
    Signals,
)
from kaeshi.rules import collection
from rule_samples import SIGNALS

DEFAULT = Filters()


def judged(
    signals: Signals = SIGNALS,
    filters: Filters = DEFAULT,
    facts: dict[str, Any] | None = None,
    consent: Any = "granted",
    upto: int | None = 1,
) -> Keep | Drop:
    return collection.judge(
        ["user", "assistant"],
        [True, True],
        upto,
        consent=consent,
        facts=facts or {},
        signals=signals,
        filters=filters,
    )


def changed(**values: Any) -> Signals:
    return SIGNALS.model_copy(update=values)


@pytest.mark.parametrize(
    ("verdict", "reason"),
    [
        (judged(consent="none"), "no_consent"),
        (judged(upto=None), "no_answer"),
        (judged(changed(thumbs_down=1)), "thumbs_down"),
        (judged(facts={"goal_reached": False}), "goal_not_reached"),
        (
            judged(facts={"booked": False}, filters=Filters(drop_outcomes=("booked=false",))),
            "booking_failed",
        ),
        (
            judged(facts={"tier": "trial"}, filters=Filters(drop_outcomes=("tier=trial",))),
            "outcome",
        ),
        (judged(changed(rating=3.9)), "low_rating"),
        (judged(changed(quality_tenths=7)), "low_quality"),
        (judged(changed(quality_tenths=None)), "not_rated"),
        (judged(changed(confidence=0.79)), "low_confidence"),
        (
            judged(changed(thumbs_up=0, rating=None), Filters(require_positive_feedback=True)),
            "no_positive_feedback",
        ),
        (judged(changed(rating=None), Filters(missing_rating="drop")), "no_rating"),
    ],
)
def test_every_refusal_has_its_reason(verdict: Keep | Drop, reason: str) -> None:
    assert verdict == Drop(reason=reason)
    assert reason in collection.REASONS


def test_reasons_are_a_closed_set_and_every_one_is_explained() -> None:
    assert set(get_args(DropReason)) == set(collection.REASONS)


def test_the_reasons_that_the_demo_prints_are_explained() -> None:
    text = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if line.startswith(("dropped ", "dataset "))]
    printed = {name for line in lines for name in re.findall(r"([a-z_]+) \d+", line)}
    assert len(printed) > 5
    assert printed <= set(collection.REASONS)


def test_a_filter_applies_where_its_value_exists() -> None:
    assert judged(changed(rating=None, confidence=None)) == Keep(upto=1)
    assert judged(facts={"booked": True, "goal_reached": True}) == Keep(upto=1)
    assert judged(facts={"booked": False}) == Keep(upto=1)
