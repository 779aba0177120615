"""Trials on simulated customers whose truth is known."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kaeshi.nouns import RolloutPlan
from kaeshi.rules.measured import narrowed, sway, values_of
from kaeshi.rules.rollout import budgeted
from kaeshi.rules.rollout import plan as planned
from kaeshi.rules.trial import Trial
from kaeshi.settings import Settings
from trials import BETTER, PLAN, World


def test_a_better_candidate_is_promoted_with_its_evidence() -> None:
    found = BETTER.verdict()
    assert found.verdict == "advance"
    assert "better" in found.why
    assert (
        found.evidence["log_evidence"]["goal"]
        >= found.evidence["thresholds"]["promote"]
        == pytest.approx(math.log(20))
    )


@given(st.lists(st.sampled_from("abcdef"), max_size=40))
def test_tries_that_are_never_promoted_take_no_more_than_the_years_budget(
    candidates: list[str],
) -> None:
    taken = [
        budgeted(0.1, [(name, False) for name in candidates[:i]], name)
        for i, name in enumerate(candidates)
    ]
    assert sum(taken) <= 0.1
    assert all(part > 0 for part in taken)


def test_a_promotion_lets_the_candidates_after_it_take_twice_as_much_and_never_those_before() -> (
    None
):
    assert budgeted(0.1, [("a", True)], "b") == 2 * budgeted(0.1, [("a", False)], "b")
    assert budgeted(0.1, [("a", False), ("b", True)], "a") == budgeted(0.1, [("a", False)], "a")


def test_a_smaller_part_asks_for_more_to_be_promoted_and_no_more_to_be_rolled_back() -> None:
    cautious = PLAN.model_copy(update={"promote_alpha": 1e-12})
    assert BETTER.trial(plan=cautious).verdict(may_promote=True).verdict == "hold"
    worse = World(contained=-0.06, booked=-0.03, stars=-0.2)
    assert worse.trial(plan=cautious).verdict(may_promote=True).verdict == "roll_back"


def test_before_its_time_nothing_is_promoted_however_good() -> None:
    assert BETTER.trial().verdict(may_promote=False).verdict == "hold"


def test_the_same_model_keeps_production() -> None:
    verdicts = [World(customers=2000).verdict(seed) for seed in range(20)]
    assert sum(found.verdict == "advance" for found in verdicts) == 0
    assert sum("inconclusive" in found.why for found in verdicts) >= 16


def test_a_worse_model_is_rolled_back_even_before_its_time() -> None:
    found = World(contained=-0.08, booked=-0.03).trial().verdict(may_promote=False)
    assert (found.verdict, "worse" in found.why) == ("roll_back", True)


def test_a_gain_does_not_pay_for_a_harmed_guardrail() -> None:
    found = World(contained=0.2, booked=-0.06).verdict()
    assert found.verdict == "roll_back"
    assert "conversion" in found.why


@pytest.mark.parametrize("seed", range(5))
def test_unhappy_customers_who_stop_rating_do_not_make_a_candidate_better(seed: int) -> None:
    found = World(contained=0.08, booked=0.03, stars=-0.5, silent=0.9).verdict(seed)
    assert found.verdict != "advance"
    assert "csat" in found.why


def test_a_gain_that_fades_is_not_promoted_though_it_is_better_on_average() -> None:
    fading = World(customers=8000, contained=0.12, lasts=0.3, a_day=2000)
    assert fading.verdict().verdict == "advance"
    in_eight_days = replace(fading, a_day=1000).trial()
    assert in_eight_days.effects.average_log_e("goal") > math.log(20)
    assert "fading" in in_eight_days.verdict(may_promote=True).why


def test_customers_that_vanish_from_one_arm_end_the_rollout() -> None:
    found = replace(BETTER, lost=0.3).verdict()
    assert (found.verdict, "lost on the way" in found.why) == ("roll_back", True)


def test_a_candidate_that_fails_is_rolled_back_and_an_outage_of_both_arms_only_pauses() -> None:
    alone, both = World().trial(), World().trial()
    alone.finish(
        np.array([0, 1.0] * 12), np.full(24, 0.5), np.array([0, 1.0] * 12), candidate_per_day=250
    )
    both.finish(np.array([0, 1.0] * 12), np.full(24, 0.5), np.ones(24), candidate_per_day=250)
    assert alone.verdict(may_promote=False).verdict == "roll_back"
    found = both.verdict(may_promote=True)
    assert (found.verdict, "both arms" in found.why) == ("hold", True)


def test_no_data_promotes_nothing() -> None:
    found = Trial.of(PLAN).verdict(may_promote=True)
    assert (found.verdict, found.why) == ("hold", "nothing has been observed")


def test_a_forced_migration_needs_a_candidate_that_is_not_worse() -> None:
    migration = PLAN.model_copy(update={"goal": "non_inferior", "margins": {"containment": 0.05}})
    assert (
        World(customers=6000).trial(plan=migration).verdict(may_promote=True).verdict == "advance"
    )
    assert World(customers=6000).verdict().verdict == "hold"


def test_a_window_is_narrowed_by_productions_own_delays_only_when_there_are_enough() -> None:
    assert narrowed(24, [1.0] * 29) == 24
    assert narrowed(24, [1.0] * 30) == 2.0
    assert narrowed(24, [30.0] * 30) == 24


def test_a_plan_leaves_out_what_production_never_knew() -> None:
    history = (
        [{"containment": 1.0}] * 60
        + [{"containment": 0.0, "csat": 5.0}] * 40
        + [{"conversion": 1.0}] * 10
    )
    found = planned(history, [], Settings())
    assert found is not None
    assert set(found.weights) == set(found.margins) == {"containment", "csat"}
    assert found.means["containment"] == pytest.approx(60 / 110)  # unreported values is a failure
    assert found.rated == {"csat": pytest.approx(40 / 110)}
    assert planned(history[:20], [], Settings()) is None


def test_a_fixed_horizon_shows_a_small_gain_more_often_and_the_same_model_no_more() -> None:
    small, same = (
        World(contained=0.03, booked=0.016, stars=0.1, customers=8000),
        World(customers=8000),
    )
    fixed = Trial.of(PLAN).with_horizon(24 * 21, 8000)

    def promoted(world: World, plan: RolloutPlan) -> int:
        return sum(
            world.trial(seed, plan).verdict(may_promote=True).verdict == "advance"
            for seed in range(20)
        )

    assert promoted(small, fixed) > promoted(small, PLAN)
    assert promoted(same, fixed) == 0


def test_a_boundary_is_void_once_more_has_been_seen_than_was_planned() -> None:
    gain = World(contained=0.04, booked=0.02, stars=0.1, customers=4000)
    plan, short = (Trial.of(PLAN).with_horizon(24 * 7, planned) for planned in (4200, 2000))
    found = {
        name: gain.trial(3, plan).evidence()["fixed_horizon"]["goal"]
        for name, plan in (("planned", plan), ("short", short))
    }
    assert found["planned"]["information"] < 1 < found["short"]["information"]
    late = gain.trial(3, short.model_copy(update={"promote_alpha": 1e-12})).verdict(
        may_promote=True
    )
    assert late.verdict == "hold"


def test_a_horizon_is_planned_by_traffic_and_windows_that_close_within_it() -> None:
    history = [{"containment": 1.0}] * 60 + [{"containment": 0.0}] * 40
    setting = Settings(rollout_horizon_days=21, rollout_window_hours=24)
    found = planned(history, [], setting, customers_per_day=100)
    assert found is not None
    assert (found.horizon_hours, found.information["containment"]) == (
        504,
        pytest.approx(100 * 20 / 4 * 0.57 * 0.43),
    )  # of a candidate that just loses too much
    without = planned(history, [], Settings(), customers_per_day=100)
    assert without is not None
    assert (without.horizon_hours, without.information) == (None, {})


def test_a_metric_of_too_few_events_gets_no_boundary_and_stays_with_the_bets() -> None:
    rare = PLAN.model_copy(update={"means": PLAN.means | {"containment": 0.99}})
    few, many = (
        Trial.of(rare).with_horizon(24 * 21, customers).information for customers in (400, 4000)
    )
    assert "containment" not in few
    assert many["containment"] == pytest.approx(1000 * 0.96 * 0.04)


@pytest.mark.parametrize("days", [1, 7])
def test_a_horizon_before_anything_may_be_promoted_is_refused(days: float) -> None:
    with pytest.raises(
        ValueError,
        match=(
            f"ROLLOUT_HORIZON_DAYS {days} ends before anything may be promoted: more than 7 days"
        ),
    ):
        Settings(rollout_horizon_days=days)


CAREFUL = PLAN.model_copy(update={"false_promote": 0.01, "false_harm": 0.05})


def test_customers_decide_containment_and_stars_and_the_operator_conversions() -> None:
    # .5 of containment, .2 of stars from 1 to 5 that one in five gives
    assert sway(PLAN, "composite") == pytest.approx(0.5 + 0.2 / 0.2)
    assert sway(PLAN, "csat") == pytest.approx(4 / 0.2)
    assert sway(PLAN, "conversion") == 0


@given(st.floats(0.0, 0.05), st.integers(0, 5))
def test_false_customers_move_the_composite_by_no_more_than_their_share_of_the_sway(
    false: float, seed: int
) -> None:
    """Every one of them gives everything to the candidate, and nothing to production."""
    rng = np.random.default_rng(seed)
    n = 4000
    arm = np.arange(n) % 2 * 1.0
    stars = np.where(rng.uniform(size=n) < 0.2, 4.0, math.nan)
    contained = (rng.uniform(size=n) < 0.7) * 1.0
    is_false = rng.uniform(size=n) < false
    voted = {
        "containment": np.where(is_false, arm, contained),
        "csat": np.where(is_false, 1 + 4 * arm, stars),
    }
    honest = {"containment": contained, "csat": stars}
    effect = []
    for values in (honest, voted):
        columns = {name: values_of(PLAN, name, values) for name in values}
        composite = 0.5 * columns["containment"] + 0.2 * columns["csat"] / 4
        effect.append(composite[arm == 1].mean() - composite[arm == 0].mean())
    room = 4 * math.sqrt(false / n) * 2  # the draw
    assert effect[1] - effect[0] <= false * sway(PLAN, "composite") + room


def test_a_gain_that_false_customers_could_have_made_is_held_for_a_person() -> None:
    slight = World(customers=20000, contained=0.03, booked=0.02)  # 1 % can make .015
    assert slight.trial().verdict(may_promote=True).verdict == "advance"
    found = slight.trial(plan=CAREFUL).verdict(may_promote=True)
    assert found.verdict == "hold"
    assert "better if every customer is real" in found.why
    clear = BETTER.trial(plan=CAREFUL).verdict(may_promote=True)
    assert clear.verdict == "advance"
    assert "even if" in clear.why


def test_harm_that_false_customers_could_have_made_sets_the_candidate_aside() -> None:
    slight = World(customers=8000, contained=-0.05)
    assert slight.trial().verdict(may_promote=False).verdict == "roll_back"
    found = slight.trial(plan=CAREFUL).verdict(may_promote=False)
    assert found.verdict == "set_aside"
    assert "5% of false customers could do that: a person decides" in found.why
    trusted = slight.trial(plan=CAREFUL)
    trusted.is_trusted = True
    assert trusted.verdict(may_promote=False).verdict == "hold"


def test_harm_beyond_what_false_customers_could_do_rolls_back() -> None:
    clear = World(customers=8000, contained=-0.35, stars=-1)
    assert clear.trial(plan=CAREFUL).verdict(may_promote=False).verdict == "roll_back"
    arranged = clear.trial(plan=CAREFUL)
    arranged.suspicion = "all came at once"
    assert arranged.verdict(may_promote=False).verdict == "set_aside"


def test_where_votes_look_arranged_nothing_is_promoted() -> None:
    trial = BETTER.trial()
    trial.suspicion = "all came at once"
    assert trial.verdict(may_promote=True).why == "held: all came at once"
