"""Limits of shares and means, and sums of exponentials."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kaeshi.rules.comparison import sample
from kaeshi.rules.statistics import (
    log_mean_exp,
    log_sum_exp,
    newcombe,
    rows_log_mean_exp,
    welch,
    wilson,
)

LOGS = st.lists(st.floats(-500, 500), min_size=1, max_size=12)


def test_newcombes_limits_are_those_of_his_paper() -> None:
    # Newcombe 1998, table II, method 10: 56/70 - 48/80 and 9/10 - 3/10
    now, before = sample([1.0] * 56 + [0.0] * 14), sample([1.0] * 48 + [0.0] * 32)
    assert newcombe(now, before) == pytest.approx((0.0524, 0.3339), abs=5e-5)
    now, before = sample([1.0] * 9 + [0.0]), sample([1.0] * 3 + [0.0] * 7)
    assert newcombe(now, before) == pytest.approx((0.1705, 0.8090), abs=5e-5)


def test_welchs_limits_are_the_difference_and_two_standard_errors() -> None:
    now, before = sample([1.0, 2.0, 3.0, 4.0]), sample([2.0, 2.0, 2.0])
    error = math.sqrt(1.25 / 3)  # variance 1.25 of n - 1 = 3, and none
    assert welch(now, before) == pytest.approx((0.5 - 1.95996 * error, 0.5 + 1.95996 * error), 1e-4)


def test_one_value_has_a_mean_and_no_spread() -> None:
    assert welch(sample([3.0]), sample([1.0])) == (2.0, 2.0)


@given(st.integers(1, 500), st.integers(0, 500))
def test_wilsons_limits_hold_the_share_and_stay_shares(count: int, successes: int) -> None:
    successes = min(successes, count)
    low, high = wilson(successes, count)
    assert 0 <= low <= successes / count + 1e-12
    assert successes / count - 1e-12 <= high <= 1
    wide = wilson(successes, count, 0.99)
    assert wide[0] <= low + 1e-12
    assert high <= wide[1] + 1e-12


@given(LOGS)
def test_sums_of_exponentials_do_not_overflow_and_agree(logs: list[float]) -> None:
    found = np.array(logs)
    top = max(logs)
    assert log_sum_exp(found) == pytest.approx(top + math.log(np.exp(found - top).sum()))
    assert log_mean_exp(found) == pytest.approx(log_sum_exp(found) - math.log(len(logs)))
    rows = np.array([logs, [x + 1 for x in logs]])
    assert rows_log_mean_exp(rows) == pytest.approx([log_mean_exp(row) for row in rows])
