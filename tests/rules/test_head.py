"""Claims about rules/head.py."""

import numpy as np

from kaeshi.rules import head

ROWS = np.eye(4, dtype=np.float32)[[0, 0, 1, 1, 2]]
ANSWERS = np.eye(3, dtype=np.float32)[[0, 0, 1, 1, 2]]


def test_it_learns_the_answer_of_each_row() -> None:
    fitted = head.fit(ROWS, ANSWERS, np.ones(5, np.float32))
    assert fitted.shares(ROWS).argmax(axis=1).tolist() == [0, 0, 1, 1, 2]
    assert np.allclose(fitted.shares(ROWS).sum(axis=1), 1, atol=1e-5)


def test_a_row_without_weight_teaches_nothing_and_a_shared_one_teaches_both() -> None:
    row = np.eye(4, dtype=np.float32)[[3]]
    without = head.fit(ROWS, ANSWERS, np.ones(5, np.float32))
    ignored = head.fit(
        np.vstack([ROWS, row]),
        np.vstack([ANSWERS, ANSWERS[:1]]),
        np.array([1, 1, 1, 1, 1, 0], np.float32),
    )
    assert np.allclose(without.weights, ignored.weights, atol=1e-4)
    shared = head.fit(
        np.vstack([ROWS, row]),
        np.vstack([ANSWERS, np.array([[0.5, 0.5, 0]], np.float32)]),
        np.ones(6, np.float32),
    )
    first, second, third = shared.shares(row)[0]
    assert abs(first - second) < 0.05
    assert third < min(first, second)


def test_the_gradient_at_the_end_is_nearly_zero() -> None:
    rng = np.random.default_rng(1)
    rows = rng.standard_normal((60, 5)).astype(np.float32)
    answers = np.eye(3, dtype=np.float32)[rng.integers(0, 3, 60)]
    fitted = head.fit(rows, answers, np.ones(60, np.float32))
    x = np.hstack([rows, np.ones((60, 1), np.float32)])
    gradient = x.T @ (fitted.shares(rows) - answers) + head.PENALTY * fitted.weights
    assert float(np.abs(gradient).max()) < 0.05
