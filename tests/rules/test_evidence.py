"""Evidence: every statistic against an exact enumeration or a computation by hand."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kaeshi.rules.alarms import ARM_ODDS, ERROR_FAULTS, OUTAGE, Errors, SampleRatio, daily_threshold
from kaeshi.rules.evidence import Bet, Effects, Metric, Mix, Rows, fixed_horizon_boundary
from kaeshi.rules.measured import tolerable

BOOKED = Metric("conversion", 0, 1, 0.3, 0.21)
STARS = Metric("csat", -14.0, 8.2, 4.3, 5.5)
BETS = (
    Bet("better", 0, 1, 0.0, 0.2),
    Bet("harm", 0, -1, 0.0, 0.2),
    Bet("keeps", 0, 1, 0.1, 0.1),
    Bet("more harm", 0, -1, -0.1, 0.1),
    Bet("stars", 1, 1, 0.25, 0.25),
    Bet("sum", 2, 1, 0.0, 0.1),
)


def fresh(covariates: int = 0) -> Effects:
    return Effects.of((BOOKED, STARS), (Mix("composite", (0.5, 0.1)),), BETS, covariates)


def rows(
    arm: list[float],
    share: list[float],
    booked: list[float],
    stars: list[float],
    covariates: list[list[float]] | None = None,
) -> Rows:
    n = len(arm)
    x = np.zeros((n, 0)) if covariates is None else np.array(covariates).reshape(n, -1)
    return Rows(
        np.arange(n) // 10, np.array(arm), np.array(share), x, np.column_stack([booked, stars])
    )


def expected_wealth(rate: tuple[float, float], shares: tuple[float, ...]) -> dict[str, float]:
    """Exact mean of every bet's wealth when the arms book at these rates, over all outcomes."""
    means = dict.fromkeys(("better", "harm", "keeps", "more harm"), 0.0)
    for arms in itertools.product((0, 1), repeat=len(shares)):
        for booked in itertools.product((0, 1), repeat=len(shares)):
            chance = math.prod(
                (p if a else 1 - p) * (rate[a] if y else 1 - rate[a])
                for a, y, p in zip(arms, booked, shares, strict=True)
            )
            effects = fresh()
            effects.expectation.next_refresh = (
                2  # so that stakes and predictions have learned from the first rows
            )
            effects.add(
                rows(
                    [float(a) for a in arms],
                    list(shares),
                    [float(y) for y in booked],
                    [4.3] * len(shares),
                )
            )
            for name in means:
                means[name] += chance * math.exp(effects.log_e(name))
    return means


def test_while_the_null_is_true_nobody_grows_rich_on_average_even_while_the_share_ramps() -> None:
    ramp = (0.1, 0.1, 0.5, 0.5)
    same, minus, better = (
        expected_wealth((0.3, 0.3), ramp),
        expected_wealth((0.3, 0.2), ramp),
        expected_wealth((0.3, 0.5), ramp),
    )
    assert same["better"] == pytest.approx(1, abs=1e-12)
    assert same["harm"] == pytest.approx(1, abs=1e-12)
    assert minus["keeps"] == pytest.approx(1, abs=1e-12)  # at exactly the margin
    assert minus["more harm"] == pytest.approx(1, abs=1e-12)
    assert minus["better"] < 1 < better["better"]


stream = st.lists(
    st.tuples(
        st.booleans(),
        st.sampled_from([0.02, 0.1, 0.5, 0.95]),
        st.booleans(),
        st.sampled_from([-14.0, 4.3, 8.2]),
        st.floats(-3, 3),
    ),
    min_size=1,
    max_size=120,
)


def as_rows(found: list[tuple[bool, float, bool, float, float]]) -> Rows:
    return rows(*([float(row[i]) for row in found] for i in range(4)), [[row[4]] for row in found])  # type: ignore[arg-type]  # four lists


@given(stream, st.lists(st.integers(1, 40), min_size=1))
@settings(max_examples=60)
def test_the_same_rows_in_any_batches_are_the_same_evidence(
    found: list[tuple[bool, float, bool, float, float]], sizes: list[int]
) -> None:
    whole, parts, done = fresh(1), fresh(1), 0
    whole.add(as_rows(found))
    for size in itertools.cycle(sizes):
        if done >= len(found):
            break
        parts.add(as_rows(found).part(done, done + size))
        done += size
    assert np.allclose(whole.log_wealth, parts.log_wealth, atol=1e-9)
    assert np.allclose(whole.total, parts.total)


@given(stream)
@settings(max_examples=60)
def test_no_bet_loses_everything_whatever_comes(
    found: list[tuple[bool, float, bool, float, float]],
) -> None:
    effects = fresh(1)
    effects.add(as_rows(found * 4))
    assert np.isfinite(effects.log_wealth).all()
    assert np.isfinite(effects.expectation.weights).all()


def test_the_effect_is_the_weighted_difference_computed_by_hand() -> None:
    effects = fresh()
    arm, share, booked = [1.0, 0.0, 1.0, 0.0], [0.1, 0.1, 0.5, 0.5], [1.0, 0.0, 1.0, 1.0]
    effects.add(rows(arm, share, booked, [4.3] * 4))
    by_hand = sum((a - p) * (y - 0.3) for a, p, y in zip(arm, share, booked, strict=True)) / sum(
        p * (1 - p) for p in share
    )
    assert effects.estimate("conversion")[0] == pytest.approx(by_hand)
    assert effects.interval("conversion", 0.05, 0.1)[0] == pytest.approx(by_hand)


def test_a_prediction_from_covariates_narrows_what_is_left() -> None:
    rng = np.random.default_rng(1)
    x = rng.normal(size=3000)
    booked = (rng.uniform(size=3000) < 1 / (1 + np.exp(1 - 2 * x))).astype(float)
    stars = 4.3 + x + rng.normal(size=3000)
    effects = fresh(1)
    effects.add(
        rows(
            list(rng.integers(0, 2, 3000) * 1.0),
            [0.5] * 3000,
            list(booked),
            list(stars),
            [[v] for v in x],
        )
    )
    expected = effects.expectation
    assert expected.weights[0] == pytest.approx(
        [-1, 2], abs=0.25
    )  # the logistic model that made the data
    assert expected.weights[1] == pytest.approx([4.3, 1], abs=0.1)  # the linear one
    assert expected.variance[0] < 0.8 * booked.var()


def test_the_interval_holds_the_truth_at_every_look() -> None:
    rng, missed = np.random.default_rng(7), 0
    for _ in range(150):
        arm = rng.integers(0, 2, 1500) * 1.0
        booked = (rng.uniform(size=1500) < 0.3 + 0.05 * arm).astype(float)
        effects, found = fresh(), rows(list(arm), [0.5] * 1500, list(booked), [4.3] * 1500)
        for since in range(0, 1500, 50):
            effects.add(found.part(since, since + 50))
            _, low, high = effects.interval("conversion", 0.05, 0.05)
            if not low <= 0.05 <= high:
                missed += 1
                break
    assert missed <= 150 * 0.05


def test_a_gain_that_fades_is_no_longer_better_on_average() -> None:
    rng = np.random.default_rng(3)
    arm = rng.integers(0, 2, 6000) * 1.0
    fading = np.where(np.arange(6000) < 1500, 0.2, -0.2)
    effects = fresh()
    effects.add(
        rows(
            list(arm),
            [0.5] * 6000,
            list((rng.uniform(size=6000) < 0.4 + fading * arm) * 1.0),
            [4.3] * 6000,
        )
    )
    assert effects.average_log_e("better") < 0
    week = effects.lately("conversion", 7)
    assert week is not None
    assert week < -0.1


def test_customers_that_reach_the_arms_as_assigned_are_no_evidence_and_lost_ones_are() -> None:
    exact = 0.0
    for arms in itertools.product((0.0, 1.0), repeat=6):
        ratio = SampleRatio()
        ratio.add(np.array(arms), np.full(6, 0.1))
        exact += math.prod(0.1 if a else 0.9 for a in arms) * math.exp(ratio.log_e)
    assert exact == pytest.approx(1, abs=1e-12)
    lost = SampleRatio()
    lost.add(np.array([0.0] * 600 + [1.0] * 400), np.full(1000, 0.5))
    assert lost.highest >= lost.log_e > math.log(1000)


def by_hand(
    arm: list[int], failed: list[int], share: float
) -> tuple[list[list[float]], list[float]]:
    """The restarted bets of both arms and on blame, request by request."""
    fine, faults, blame = (
        tolerable(None),
        [[0.0] * len(ERROR_FAULTS) for _ in range(3)],
        [0.0] * len(ARM_ODDS),
    )
    for a, f in zip(arm, failed, strict=True):
        gains = [math.log((q if f else 1 - q) / (fine if f else 1 - fine)) for q in ERROR_FAULTS]
        for which in (1, 2) if a else (0,):
            faults[which] = [
                max(0.0, w + gain) for w, gain in zip(faults[which], gains, strict=True)
            ]
        if math.log(sum(map(math.exp, faults[0])) / len(ERROR_FAULTS)) >= OUTAGE:
            faults[2] = [0.0] * len(ERROR_FAULTS)
        if f:
            blame = [
                max(0.0, w + (math.log(o) if a else 0) - math.log(1 - share + share * o))
                for w, o in zip(blame, ARM_ODDS, strict=True)
            ]
    return faults, blame


@given(
    st.lists(st.tuples(st.integers(0, 1), st.integers(0, 1)), min_size=1, max_size=60),
    st.integers(1, 60),
)
def test_restarted_bets_are_the_sums_by_hand_in_any_batches(
    found: list[tuple[int, int]], cut: int
) -> None:
    errors = Errors()
    for part in (found[:cut], found[cut:]):
        arm, failed = (np.array([row[i] for row in part], dtype=float) for i in (0, 1))
        errors.add(
            arm, np.full(len(part), 0.1), failed, fine=tolerable(None), threshold=99.0, blame=99.0
        )
    faults, blame = by_hand([a for a, _ in found], [f for _, f in found], 0.1)
    assert errors.faults == pytest.approx(np.array(faults))
    assert errors.blame == pytest.approx(blame)


@pytest.mark.parametrize(("production", "needed"), [(None, 4), (0.01, 3), (0.2, 4)])
def test_a_few_failures_in_a_row_end_a_canary_of_fifty_requests_a_day(
    production: float | None, needed: int
) -> None:
    errors, seen = Errors(), 0
    while not errors.is_blamed:
        seen += 1
        errors.add(
            np.ones(1),
            np.full(1, 0.1),
            np.ones(1),
            fine=tolerable(production),
            threshold=daily_threshold(50),
            blame=math.log(20),
        )
    assert seen == needed


def test_a_rate_of_failures_that_is_tolerable_raises_less_than_one_alarm_a_year() -> None:
    rng, alarms = np.random.default_rng(5), 0
    for _ in range(200):
        errors = Errors()
        errors.add(
            np.ones(3650),
            np.full(3650, 0.1),
            (rng.uniform(size=3650) < tolerable(None)) * 1.0,
            fine=tolerable(None),
            threshold=daily_threshold(10),
            blame=-1.0,
        )
        alarms += errors.is_blamed
    assert alarms < 200


@pytest.mark.parametrize("alpha", [0.03, 0.006])
def test_a_sum_without_drift_passes_the_boundary_of_its_horizon_as_often_as_allowed(
    alpha: float,
) -> None:
    steps = 2500
    limit = fixed_horizon_boundary(alpha, float(steps))
    chances, passed = (
        np.zeros(2 * steps + 1),
        0.0,
    )  # of a walk of fair steps of one, looked at after each, by exact enumeration
    chances[steps] = 1.0
    for _ in range(steps):
        chances = (np.roll(chances, 1) + np.roll(chances, -1)) / 2
        above = np.arange(-steps, steps + 1) >= limit
        passed += float(chances[above].sum())
        chances[above] = 0.0
    assert 0.9 * alpha < passed <= alpha
