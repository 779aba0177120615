"""Statistics that several rules share: limits of shares and means, sums of exponentials."""

import math
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from kaeshi.nouns import Sample

CONFIDENCE = 0.95
Floats = NDArray[np.float64]


def wilson(successes: float, count: float, confidence: float = CONFIDENCE) -> tuple[float, float]:
    """Limits of a share after Wilson (1927), between 0 and 1.

    >>> tuple(round(limit, 3) for limit in wilson(8, 10)), wilson(0, 1275)[0], wilson(7, 7)[1]
    ((0.49, 0.943), 0.0, 1.0)
    """
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    share = successes / count
    square = z * z / count
    middle = (share + square / 2) / (1 + square)
    reach = z / (1 + square) * math.sqrt(share * (1 - share) / count + square / (4 * count))
    return max(middle - reach, 0.0), min(middle + reach, 1.0)  # which rounding may miss by a hair


def newcombe(now: Sample, before: Sample) -> tuple[float, float]:
    """Limits of the difference of two shares after Newcombe (1998, method 10)."""
    a = now.total / now.count
    b = before.total / before.count
    (a_low, a_high) = wilson(now.total, now.count)
    (b_low, b_high) = wilson(before.total, before.count)
    return a - b - math.hypot(a - a_low, b_high - b), a - b + math.hypot(a_high - a, b - b_low)


def welch(now: Sample, before: Sample) -> tuple[float, float]:
    """Limits of the difference of two means after Welch, with the normal quantile."""
    a = now.total / now.count
    b = before.total / before.count
    error = math.sqrt(
        sum(
            max(s.squares / s.count - (s.total / s.count) ** 2, 0.0) / max(s.count - 1, 1)
            for s in (now, before)
        )
    )
    reach = NormalDist().inv_cdf((1 + CONFIDENCE) / 2) * error
    return a - b - reach, a - b + reach


def lost_by_chance(lost: int, gained: int) -> float:
    """The chance of as many losses among the questions that changed, if both were as likely.

    The one-sided sign test (Dixon and Mood 1946); 1 where nothing changed.

    >>> lost_by_chance(1, 0), lost_by_chance(2, 0), lost_by_chance(0, 0)
    (0.5, 0.25, 1.0)
    """
    changed = lost + gained
    cases = sum(math.comb(changed, k) for k in range(lost, changed + 1))
    return float(cases / (1 << changed))


def log_sum_exp(logs: Floats) -> float:
    """log(sum(exp(logs))) without overflow."""
    return float(np.logaddexp.reduce(logs))


def log_mean_exp(logs: Floats) -> float:
    """log(mean(exp(logs))) without overflow."""
    return log_sum_exp(logs) - math.log(len(logs))


def rows_log_mean_exp(logs: Floats) -> Floats:
    """`log_mean_exp` of each row: (n, k) to (n,)."""
    means: Floats = np.logaddexp.reduce(logs, axis=1) - math.log(logs.shape[1])
    return means
