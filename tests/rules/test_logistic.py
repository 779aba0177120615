"""Claims about rules/logistic.py."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from kaeshi.rules import logistic


@given(st.integers(0, 10_000), st.floats(0.1, 10))
def test_the_gradient_vanishes_wherever_it_starts(seed: int, pull: float) -> None:
    rng = np.random.default_rng(seed)
    rows = 5 * rng.standard_normal((40, 3))
    right = (rng.random(40) < 0.5).astype(float)
    prior = 3 * rng.standard_normal(3)
    found = logistic.fit(rows, right, np.ones(40), prior, np.full(3, pull))
    slope = rows.T @ (logistic.sigmoid(rows @ found) - right) + pull * (found - prior)
    assert float(np.abs(slope).max()) < 1e-3


def test_without_rows_the_prior_stays() -> None:
    prior = np.array([1.0, -2.0])
    found = logistic.fit(np.zeros((0, 2)), np.zeros(0), np.zeros(0), prior, np.ones(2))
    assert np.allclose(found, prior)
