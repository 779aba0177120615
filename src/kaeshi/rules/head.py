"""A classifier of questions: which of the known answers fits.

Multinomial logistic regression with a ridge penalty on weighted rows whose answers may be shares,
so that a question of which we are not sure teaches a little of each answer.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
PENALTY = 0.1
STEPS = 30


@dataclass(frozen=True, kw_only=True)
class Head:
    """Weights, shape (features + 1, answers); the last row is the bias."""

    weights: Floats

    def scores(self, rows: Floats) -> Floats:
        """Logits, shape (rows, answers)."""
        return np.asarray(rows @ self.weights[:-1] + self.weights[-1], np.float32)

    def shares(self, rows: Floats, sharpness: float = 1.0) -> Floats:
        """Probabilities of the answers, shape (rows, answers). `sharpness` multiplies logits."""
        return softmax(np.asarray(self.scores(rows) * sharpness, np.float32))


def softmax(scores: Floats) -> Floats:
    """Shares of the columns in each row."""
    raised = np.exp(scores - scores.max(axis=1, keepdims=True))
    return np.asarray(raised / raised.sum(axis=1, keepdims=True), np.float32)


def fit(rows: Floats, answers: Floats, weights: Floats) -> Head:
    """Fit on rows with shares of answers, shape (rows, answers), and a weight for each row.

    The softmax's Hessian is at most half the weighted Gram matrix for every answer (Böhning 1992),
    so one inverse serves all steps, which are accelerated (Nesterov 1983).
    """
    x = np.hstack([rows, np.ones((len(rows), 1), np.float32)])
    inverse = _inverse(x, weights)
    found = before = np.zeros((x.shape[1], answers.shape[1]), np.float32)
    pace = 1.0
    for _ in range(STEPS):
        last = pace
        pace = (1 + math.sqrt(1 + 4 * pace * pace)) / 2
        ahead = np.asarray(found + (last - 1) / pace * (found - before), np.float32)
        before = found
        slope = _slope(x, answers, weights, ahead)
        found = np.asarray(ahead - inverse @ slope, np.float32)
    return Head(weights=found)


def _inverse(x: Floats, weights: Floats) -> Floats:
    gram = (x.T * weights @ x / 2).astype(np.float64)
    return np.linalg.inv(gram + PENALTY * np.eye(len(gram))).astype(np.float32)


def _slope(x: Floats, answers: Floats, weights: Floats, at: Floats) -> Floats:
    wrong = (softmax(np.asarray(x @ at)) - answers) * weights[:, None]
    return np.asarray(x.T @ wrong + PENALTY * at, np.float32)
