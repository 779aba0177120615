"""Logistic regression with a ridge towards prior weights, by Newton's method with halved steps."""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
STEPS = 100
SMALL = 1e-7
FAR = 30.0


def fit(rows: Floats, right: Floats, weights: Floats, prior: Floats, pull: Floats) -> Floats:
    """Weights of the columns that make `right` (0 or 1) likeliest.

    `weights`: of the rows; `prior` and `pull`: what each column's weight is drawn to, and how hard
    (as many rows as that).
    """

    def loss(w: Floats) -> float:
        z = rows @ w
        fitted = weights @ (np.logaddexp(0, z) - right * z)
        return float(fitted + (pull * (w - prior) ** 2).sum() / 2)

    found = prior.copy()
    for _ in range(STEPS):
        p = sigmoid(rows @ found)
        gradient = rows.T @ (weights * (p - right)) + pull * (found - prior)
        hessian = (rows.T * (weights * p * (1 - p))) @ rows + np.diag(pull + 1e-9)
        change = np.linalg.solve(hessian, gradient)
        while loss(found - change) > loss(found) and np.abs(change).max() > SMALL:
            change = change / 2  # a full step overshoots
        found = found - change
        if np.abs(change).max() < SMALL:
            break
    return found


def sigmoid(z: Floats) -> Floats:
    """1 / (1 + exp(-z)), bounded."""
    return np.asarray(1 / (1 + np.exp(-np.clip(z, -FAR, FAR))), np.float64)
