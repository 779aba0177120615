"""Claims about rules/rollout.py."""

from datetime import timedelta
from typing import Any

import pytest

from kaeshi.rules import rollout
from kaeshi.rules.trial import Trial
from rule_samples import NOW, on_its_way, verdict
from trials import BETTER, PLAN, World


@pytest.mark.parametrize("state", ["gate", "mirror", "canary", "half", "full", "rolled_back"])
def test_a_rollout_takes_one_step_at_a_time(state: Any) -> None:
    following = rollout.following(state)
    if following is not None:
        assert rollout.ORDER.index(following) == rollout.ORDER.index(state) + 1
    else:
        assert state in {"full", "rolled_back"}


def test_shares_only_grow_along_the_way() -> None:
    shares = [rollout.share(state, 10, 5) for state in rollout.ORDER]
    assert shares == [0, 0, 0.1, 0.5, 0.95]


def test_decisions_follow_the_stage_and_the_evidence() -> None:
    same, better, worse, nothing = (
        World(customers=1000).trial(),
        BETTER.trial(),
        World(contained=-0.1).trial(),
        Trial.of(PLAN),
    )
    assert [
        verdict("canary", seen, after_hours=71) for seen in (same, better, worse, nothing, None)
    ] == [
        *["hold"] * 2,
        "roll_back",
        *["hold"] * 2,
    ]
    assert [verdict("canary", seen, after_hours=72) for seen in (same, worse, nothing, None)] == [
        "advance",
        "roll_back",
        "hold",
        "hold",
    ]
    assert [verdict("half", better, after_hours=hours) for hours in (167, 168)] == [
        "hold",
        "advance",
    ]
    assert [verdict("half", seen, after_hours=999) for seen in (same, worse, nothing)] == [
        "hold",
        "roll_back",
        "hold",
    ]
    assert verdict("gate", None) == "hold"
    assert [verdict("mirror", None, mirror_hours=hours) for hours in (24, 0)] == ["hold", "advance"]
    assert verdict("rolled_back", better) == "hold"


def test_what_has_shown_nothing_by_its_horizon_ends_and_production_stays() -> None:
    plan = Trial.of(PLAN).with_horizon(24 * 21, 8000)
    same = World(customers=1000).trial(plan=plan)
    assert [verdict("half", same, after_hours=hours) for hours in (503, 504)] == [
        "hold",
        "roll_back",
    ]
    found = rollout.decide(
        on_its_way("half", 24), same, NOW + timedelta(hours=504), canary_hours=72
    )
    assert found.why.startswith(
        "no evidence within the horizon of 21 days: inconclusive, production stays: composite "
    )
    assert verdict("half", BETTER.trial(plan=plan), after_hours=504) == "advance"
