"""Predicts how a conversation will end from its customer's first message.

Learned from production before a rollout begins, and used as a covariate only: evidence stays valid
whatever it predicts, and needs fewer customers the better it predicts. It never learns from an
answer.
"""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kaeshi.nouns import Foresight
from kaeshi.rules.statistics import Floats

LEAST_PAST = 100  # conversations with a value for a metric
LEAST_SHARE = 0.01  # explained share of the variance, cross-validated
PENALTIES = (1.0, 3.0, 10.0, 30.0, 100.0, 300.0)
DIGITS = 5


def learned(vectors: Floats, values: Mapping[str, Floats]) -> Foresight:
    """Ridge regressions of each metric (n,), NaN where unknown, on embeddings (n, d).

    The embeddings are those of first messages. The penalty is the best of PENALTIES by leaving out
    each conversation in turn, which a linear fit gives without fitting again (Allen's PRESS, 1974).
    Predictions are scaled to mean 0 and spread 1 over the past.
    """
    found = {name: _ridge(vectors[~np.isnan(y)], y[~np.isnan(y)]) for name, y in values.items()}
    return Foresight(
        weights={name: weights for name, weights in found.items() if weights is not None}
    )


def foreseen(foresight: Foresight, vector: Floats) -> tuple[float, ...]:
    """Predictions by metric, in the order of the foresight, for one embedding (d,)."""
    return tuple(
        round(weights[0] + float(vector @ np.array(weights[1:])), DIGITS)
        for weights in foresight.weights.values()
    )


def _ridge(x: Floats, y: Floats) -> tuple[float, ...] | None:
    """Constant and weights of the scaled prediction; None if it predicts too little."""
    n = len(y)
    if n < LEAST_PAST or not y.std():
        return None
    middle = x.mean(0)
    mean = y.mean()
    left, singular, right = np.linalg.svd(x - middle, full_matrices=False)
    seen = left.T @ (y - mean)
    baseline, penalty, least, said = _best_penalty(y, mean, n, singular, left, seen)
    if 1 - least / baseline < LEAST_SHARE or not said.std():
        return None
    weights = right.T @ (singular / (singular**2 + penalty) * seen) / said.std()
    constant = -float(middle @ weights)
    return tuple(
        float(f"{value:.{DIGITS}g}") for value in (constant, *weights) if math.isfinite(value)
    )


def _best_penalty(
    y: Floats, mean: Any, n: int, singular: NDArray[Any], left: NDArray[Any], seen: Any
) -> tuple[float, float, float, Any]:
    baseline = float(((y - mean) * n / (n - 1)) @ ((y - mean) * n / (n - 1)))
    tried: list[Any] = []
    _tried(singular, left, n, y, mean, seen, tried)
    least, penalty, said = min(tried, key=lambda each: each[0])
    return baseline, penalty, least, said


def _tried(
    singular: NDArray[Any],
    left: NDArray[Any],
    n: int,
    y: Floats,
    mean: Any,
    seen: Any,
    tried: list[Any],
) -> None:
    for penalty in PENALTIES:
        shrunk = singular**2 / (singular**2 + penalty)
        leverage = np.minimum((left**2) @ shrunk + 1 / n, 1 - 1e-9)
        missed = (y - mean - left @ (shrunk * seen)) / (1 - leverage)
        tried.append((float(missed @ missed), penalty, y - mean - missed))
