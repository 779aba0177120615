"""Claims about rules/autopilot.py."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kaeshi.nouns import AutopilotRun, AutopilotState, Means, Option, Plan
from kaeshi.rules import autopilot as rules

AT = datetime(2025, 11, 3, tzinfo=UTC)
means = st.sampled_from(get_args(Means))
money = st.integers(0, 200).map(Decimal)
options = st.builds(
    Option,
    means=means,
    fingerprint=st.uuids().map(str),
    material=st.integers(0, 5000),
    known=st.integers(0, 5000),
    cost_usd=money,
)


def ended(
    option: Option, state: AutopilotState, *, gain: float | None = None, number: int = 0
) -> AutopilotRun:
    return AutopilotRun(
        id=f"auto_{number}",
        assistant="main",
        state=state,
        plan=Plan(option=option, chance=0.5, gain=2.0, why="because"),
        found={} if gain is None else {"gain": gain},
        why="it ended",
        began_at=AT,
        changed_at=AT + timedelta(days=number),
    )


pasts = st.lists(
    st.builds(
        ended,
        options,
        st.sampled_from(get_args(AutopilotState)),
        gain=st.none() | st.floats(-50, 50),
    ),
    max_size=6,
)


def option(kind: Means, material: int = 200, known: int = 50, cost: int = 0) -> Option:
    name = f"{kind}{material}"
    return Option(
        means=kind, fingerprint=name, material=material, known=known, cost_usd=Decimal(cost)
    )


@given(pasts, st.lists(options, max_size=5))
def test_what_was_tried_is_never_chosen_again(
    past: list[AutopilotRun], found: list[Option]
) -> None:
    again = [run.plan.option for run in past]
    chosen, why = rules.choose(past, [*found, *again])
    assert why
    assert chosen is None or chosen.option.fingerprint not in {o.fingerprint for o in again}


@given(pasts, means)
def test_a_lost_try_makes_the_next_less_likely_and_never_impossible(
    past: list[AutopilotRun], kind: Means
) -> None:
    lost = [*past, ended(option(kind), "rolled_back")]
    won = [*past, ended(option(kind), "promoted")]
    assert 0 < rules.chance(lost, kind) < rules.chance(past, kind) < rules.chance(won, kind) < 1


@given(pasts, st.lists(options, min_size=1, max_size=5))
def test_the_chosen_is_worth_most_of_all_that_is_new(
    past: list[AutopilotRun], found: list[Option]
) -> None:
    chosen, _ = rules.choose(past, found)
    if chosen is not None:
        assert rules.worth(chosen) == max(rules.worth(rules.planned(past, o)) for o in found)


def test_before_anything_was_tried_the_cheaper_means_comes_first() -> None:
    chosen, why = rules.choose([], [option("fine_tune", cost=20), option("examples")])
    assert chosen is not None
    assert chosen.option.means == "examples"
    assert why == (
        "examples: 200 to learn from, 50 of them known to the last of its kind; 0 tries "
        "before: 50% likely to be promoted, +4.0 points if it is, for $0.00; rather than fine_tune "
        "(50%, +4.0 points, $20.00)"
    )


def test_what_was_lost_twice_gives_way_to_what_was_not_tried() -> None:
    past = [ended(option("examples", n), "rolled_back", number=n) for n in (60, 61)]
    chosen, _ = rules.choose(past, [option("examples"), option("knowledge")])
    assert chosen is not None
    assert chosen.option.means == "knowledge"


def test_a_model_that_ends_is_followed_before_all_else() -> None:
    told = {"forced": True, "detail": {"why": "it ends"}}
    leaving = option("base_model", 1, 0).model_copy(update=told)
    chosen, _ = rules.choose([], [option("examples"), leaving])
    assert chosen is not None
    assert chosen.option == leaving


@pytest.mark.parametrize(("new", "tried"), [(220, False), (400, True)])
def test_a_little_more_of_the_same_is_not_worth_a_rollout(new: int, tried: bool) -> None:
    past = [ended(option("examples"), "promoted", gain=2.0)]
    chosen, why = rules.choose(past, [option("examples", new, 200)])
    assert (chosen is not None) == tried
    assert tried or "less than 0.5" in why


def test_gains_that_were_measured_move_what_is_expected() -> None:
    good = [ended(option("examples", 200, 50), "promoted", gain=10.0)]
    poor = [ended(option("examples", 200, 50), "promoted", gain=-1.0)]
    expected = [rules.points_per_doubling(past, "examples") for past in (good, [], poor)]
    assert expected == sorted(expected, reverse=True)


def test_forecasts_are_held_against_what_came_of_them() -> None:
    assert rules.calibration([]) is None
    past = [
        ended(option("examples"), "promoted", gain=3.0),
        ended(option("knowledge"), "rolled_back"),
        ended(option("fine_tune"), "declined"),
    ]
    assert rules.calibration(past) == (
        "forecasts so far: 50% of 2 expected to be promoted, 1 was; +2.0 points expected of a "
        "promotion, +3.0 measured"
    )


def test_a_week_tells_what_was_done_in_it_and_why() -> None:
    past = [ended(option("examples"), "promoted", number=n) for n in (2, 9)]
    said = rules.sentences(past, AT, AT + timedelta(days=7))
    assert said == (
        "examples promoted, for $0.00: it ended",
        "forecasts so far: 50% of 1 expected to be promoted, 1 was",
    )
    assert rules.sentences(past, AT + timedelta(days=20), AT + timedelta(days=27)) == ()
