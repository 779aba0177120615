"""Whether one candidate scores better than another on the same cases, and how far that is shown.

The interval holds at every look: it may be computed again after each new case, as long as new cases
come after the old ones, without becoming more likely to mislead. It is the set of means that no
gambler has become rich by betting against (hedged capital: Waudby-Smith & Ramdas, "Estimating means
of bounded random variables by betting", JRSS-B 2024, section 4.4).
"""

import math
from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np

from kaeshi.errors import InvalidInput
from kaeshi.nouns.value import Value
from kaeshi.rules.statistics import Floats

Outcome = Literal["better", "worse", "not shown"]
Scores = Mapping[str, Sequence[float]]  # by case, of each trial
ALPHA = 0.05
GRID = 801  # means that are tried, from -1 to 1
LARGEST_STAKE = 0.75  # of what a bet may at most lose
MOST_TIMES = 40  # as many cases as there are, looked ahead


class Judged(Value):
    """Two candidates on the same cases.

    Differences are candidate minus production, of scores between 0 and 1. `noise_of_trials`: the
    share of the difference's variance that would vanish with endless trials of the same cases; None
    with one trial each. `more_cases`: how many would show a difference, if it goes on as it began;
    None where none is near.
    """

    outcome: Outcome
    cases: int
    trials: int
    production: float
    candidate: float
    difference: float
    low: float
    high: float
    noise_of_trials: float | None = None
    more_cases: int | None = None
    left_out: int = 0


def judge(production: Scores, candidate: Scores, alpha: float = ALPHA) -> Judged:
    """Compare the mean scores of all trials of each case that both have.

    Raises InvalidInput without a common case, or for a score outside 0 to 1.
    """
    _check(production, candidate)
    # in the order of the file: what was seen at an earlier look comes first
    common = [case for case in candidate if case in production]
    means = np.array([[np.mean(side[case]) for case in common] for side in (production, candidate)])
    differences = means[1] - means[0]
    low, high = interval(differences, alpha)
    outcome = _outcome(low, high)
    production_mean = float(means[0].mean())
    candidate_mean = float(means[1].mean())
    return Judged(
        outcome=outcome,
        cases=len(common),
        trials=sum(len(side[case]) for case in common for side in (production, candidate)),
        production=production_mean,
        candidate=candidate_mean,
        difference=candidate_mean - production_mean,
        low=low,
        high=high,
        noise_of_trials=_noise_of_trials(production, candidate, common, differences),
        more_cases=_more_cases(differences, alpha) if outcome == "not shown" else None,
        left_out=len(production.keys() ^ candidate.keys()),
    )


def interval(differences: Floats, alpha: float = ALPHA) -> tuple[float, float]:
    """Limits of the mean of values between -1 and 1, valid at every look."""
    share = (differences + 1) / 2
    means = np.linspace(0, 1, GRID)
    left = np.flatnonzero(_richest(share, means, _stakes(share, alpha)) < math.log(1 / alpha))
    # the true limits lie beyond the last mean that is left; where none is, between two that are not
    nearest = np.array([int(share.mean() * (GRID - 1))])
    kept = left if len(left) else nearest
    first = max(int(kept[0]) - 1, 0)
    last = min(int(kept[-1]) + (1 if len(left) else 2), GRID - 1)
    return 2 * float(means[first]) - 1, 2 * float(means[last]) - 1


def _richest(share: Floats, means: Floats, stakes: Floats) -> Floats:
    """The largest log wealth, at any time, of those who bet against each mean.

    Half of their money bets that the mean is higher, half that it is lower.
    """
    with np.errstate(divide="ignore"):
        most_up = LARGEST_STAKE / means
        most_down = LARGEST_STAKE / (1 - means)
    up = np.zeros_like(means)
    down = np.zeros_like(means)
    richest = np.full_like(means, -np.inf)
    for value, stake in zip(share, stakes, strict=True):
        up += np.log1p(np.minimum(stake, most_up) * (value - means))
        down += np.log1p(-np.minimum(stake, most_down) * (value - means))
        richest = np.maximum(richest, np.maximum(up, down) - math.log(2))
    return richest


def _stakes(share: Floats, alpha: float) -> Floats:
    """Stakes by what was seen before each bet, in the order of the cases."""
    count = np.arange(1, len(share) + 1)
    means = (0.5 + np.cumsum(share)) / (count + 1)
    spread = (0.25 + np.cumsum((share - means) ** 2)) / (count + 1)
    before = np.concatenate([[0.25], spread[:-1]])
    stakes: Floats = np.sqrt(2 * math.log(2 / alpha) / (before * count * np.log(count + 1)))
    return stakes


def _outcome(low: float, high: float) -> Outcome:
    return "better" if low > 0 else "worse" if high < 0 else "not shown"


def _more_cases(differences: Floats, alpha: float) -> int | None:
    """How many more cases would show a difference, if they came out as those that are there.

    That is, after how many a gambler who bets against no difference would be rich enough.
    """
    share = (np.tile(differences, MOST_TIMES) + 1) / 2
    stakes = np.minimum(_stakes(share, alpha), LARGEST_STAKE / 0.5)
    up = np.cumsum(np.log1p(stakes * (share - 0.5)))
    down = np.cumsum(np.log1p(-stakes * (share - 0.5)))
    rich = np.maximum(up, down) - math.log(2) >= math.log(1 / alpha)
    return int(np.argmax(rich)) + 1 - len(differences) if rich.any() else None


def _noise_of_trials(
    production: Scores, candidate: Scores, common: Sequence[str], differences: Floats
) -> float | None:
    """The mean variance within cases as a share of the variance of the differences."""
    both = [(production[case], candidate[case]) for case in common]
    repeated = [pair for pair in both if min(map(len, pair)) > 1]
    whole = float(np.var(differences, ddof=1)) if len(differences) > 1 else 0.0
    if not repeated or whole == 0:
        return None
    within = [sum(float(np.var(s, ddof=1)) / len(s) for s in pair) for pair in repeated]
    return round(min(sum(within) / len(within) / whole, 1.0), 3)


def _check(production: Scores, candidate: Scores) -> None:
    if not production.keys() & candidate.keys():
        msg = "the two files have no case in common; `case` must mean the same in both"
        raise InvalidInput(msg)
    for scores in (production, candidate):
        for case, values in scores.items():
            wrong = next((value for value in values if not 0 <= value <= 1), None)
            if wrong is not None:
                msg = f"case {case!r} has the score {wrong}; scores are between 0 and 1"
                raise InvalidInput(msg)
