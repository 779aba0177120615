"""How a rollout's metrics are measured: bounds, sparse stars, bets and windows."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

import numpy as np

from kaeshi.nouns import RolloutPlan
from kaeshi.rules.comparison import SPANS
from kaeshi.rules.evidence import Bet, Metric, Mix
from kaeshi.rules.statistics import Floats

COMPOSITE = "composite"
GOAL = "goal"
TRUSTING_GOAL = "goal if every customer is real"
# metrics that a customer decides alone; conversions are reported by the operator
VOTED = ("containment", *SPANS)
LEAST_EXPECTED = 0.1  # of the smallest effect, for a goal that false customers have to leave over
STAR_SPREAD = 1.0  # variance of stars among those who rate, until it is seen
SILENT_STARS = 1.0  # a customer who does not rate is assumed this far below production's mean
FAILING = (0.02, 0.05)
# twice the longest of n exponential delays is exceeded by one in n squared
DELAYS_NEEDED = 30
DELAY_ROOM = 2.0


def mixes(names: list[str], plan: RolloutPlan, total: float | Literal[0]) -> list[Mix]:
    """The composite, and for sparse stars their mean if non-raters are unhappy."""
    mixed = [
        Mix(
            COMPOSITE,
            tuple(plan.weights.get(name, 0) / total / SPANS.get(name, 1.0) for name in names),
        )
    ]
    for stars in sparse_stars(plan):
        weights = {stars: 1.0, rated_name(stars): SILENT_STARS / plan.rated[stars]}
        mixed.append(Mix(pessimistic_name(stars), tuple(weights.get(name, 0.0) for name in names)))
    return mixed


def tolerable(failing: float | None) -> float:
    """Share of a candidate's requests that may fail.

    Twice production's own, but no less than 2 % and no more than 5 %.
    """
    least, most = FAILING
    return most if failing is None else min(max(2 * failing, least), most)


def narrowed(window_hours: float, delays: Sequence[float]) -> float:
    """A shorter window, when production's own conversions all fall into it.

    Twice the longest of `delays` (hours), which are of production's conversations whose full window
    has closed: it is fixed by one arm's past before any row uses it.
    """
    if len(delays) < DELAYS_NEEDED:
        return window_hours
    return min(window_hours, DELAY_ROOM * max(delays))


def base_metrics(plan: RolloutPlan) -> list[Metric]:
    """The measured metrics, and for sparse stars whether they were given."""
    found: list[Metric] = []
    for name in dict.fromkeys([*plan.weights, *plan.margins]):
        mean = plan.means[name]
        rated = plan.rated.get(name, 1.0)
        if name not in SPANS:
            found.append(Metric(name, 0.0, 1.0, mean, max(mean * (1 - mean), 0.01)))
            continue
        found.append(
            Metric(
                name,
                mean + (1 - mean) / rated,
                mean + (1 + SPANS[name] - mean) / rated,
                mean,
                STAR_SPREAD / rated,
            )
        )
        if name in plan.rated:
            found.append(Metric(rated_name(name), 0.0, 1.0, rated, max(rated * (1 - rated), 0.01)))
    return found


def bets_of(plan: RolloutPlan, names: Sequence[str]) -> list[Bet]:
    """The bets of a rollout: on its goal, its guardrails, harm and willingness to rate."""
    at = names.index
    bets = _goal_bets(plan, at(COMPOSITE))
    for name, margin in plan.margins.items():
        bets += [
            Bet(kept_name(name), at(name), 1, margin, margin),
            *_harm_bets(plan, name, at(name), margin, margin),
        ]
    return _rate_bets(plan, at, bets)


def _goal_bets(plan: RolloutPlan, composite: int) -> list[Bet]:
    size = plan.smallest_effect
    margin = 0.0 if plan.goal == "superior" else size
    bought = plan.false_promote * sway(plan, COMPOSITE)
    goal = Bet(GOAL, composite, 1, margin - bought, max(size - bought, LEAST_EXPECTED * size))
    trusting = [Bet(TRUSTING_GOAL, composite, 1, margin, size)] if bought else []
    return [goal, *trusting, *_harm_bets(plan, COMPOSITE, composite, margin, size)]


def _harm_bets(
    plan: RolloutPlan, name: str, metric: int, margin: float, expected: float
) -> list[Bet]:
    """That a metric is harmed, and that it is whatever the planned false customers did."""
    harm = Bet(harm_name(name), metric, -1, -margin, expected)
    if not plan.false_harm:
        return [harm]
    bought = plan.false_harm * sway(plan, name)
    return [harm, Bet(sure_harm_name(name), metric, -1, -margin - bought, expected)]


def sway(plan: RolloutPlan, name: str) -> float:
    """By how much a metric's effect moves per share of false customers.

    They know their arm, and give the best of everything in one and the worst in the other: the
    effect moves by at most this times their share.
    """
    if name == COMPOSITE:
        total = sum(plan.weights.values())
        return math.fsum(
            weight / total * sway(plan, each) / SPANS.get(each, 1.0)
            for each, weight in plan.weights.items()
        )
    return SPANS.get(name, 1.0) / plan.rated.get(name, 1.0) if name in VOTED else 0.0


def _rate_bets(plan: RolloutPlan, at: Callable[..., Any], bets: list[Bet]) -> list[Bet]:
    for name in sparse_stars(plan):
        change = plan.rated[name] / 4
        bets += [
            Bet(more_name(name), at(rated_name(name)), 1, 0.0, change),
            Bet(fewer_name(name), at(rated_name(name)), -1, 0.0, change),
        ]
    return bets


def values_of(plan: RolloutPlan, name: str, values: Mapping[str, Floats]) -> Floats:
    """One metric's values (n,).

    Stars that only some customers give are linearised around production's history: mean + given
    (stars - mean) / rated.
    """
    if name.startswith(rated_name("")):
        return (~np.isnan(values[name.removeprefix(rated_name(""))])).astype(float)
    seen = values[name]
    if name not in SPANS:
        return np.nan_to_num(seen)
    mean = plan.means[name]
    return mean + np.nan_to_num(seen - mean) / plan.rated.get(name, 1.0)


def sparse_stars(plan: RolloutPlan) -> list[str]:
    """Metrics of stars that not every customer gives."""
    return [name for name in dict.fromkeys([*plan.weights, *plan.margins]) if name in plan.rated]


def rated_name(stars: str) -> str:
    """The metric "gave stars"."""
    return f"rated {stars}"


def pessimistic_name(stars: str) -> str:
    """The metric of stars if non-raters are unhappy."""
    return f"{stars} if non-raters are unhappy"


def kept_name(metric: str) -> str:
    """The bet that a guardrail is kept."""
    return f"keeps {metric}"


def harm_name(metric: str) -> str:
    """The bet that a metric is harmed."""
    return f"harms {metric}"


def sure_harm_name(metric: str) -> str:
    """The bet that a metric is harmed, whatever false customers did."""
    return f"surely harms {metric}"


def more_name(stars: str) -> str:
    """The bet that more customers of the candidate rate."""
    return f"more rate {stars}"


def fewer_name(stars: str) -> str:
    """The bet that fewer customers of the candidate rate."""
    return f"fewer rate {stars}"
