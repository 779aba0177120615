"""Comparing two systems on recorded ratings as if both had been live."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from kaeshi.errors import InvalidInput, NotFound
from kaeshi.nouns import (
    Comparison,
    RolloutPlan,
    Sample,
)
from kaeshi.rules.assignment import arm_of
from kaeshi.rules.comparison import SPANS, sample
from kaeshi.rules.trial import Trial


def replay(
    items: Mapping[str, Mapping[str, float]],
    production: str,
    candidate: str,
    metric: str,
    *,
    salt: str = "",
) -> Comparison:
    """Recorded ratings as if they came from live arms.

    Each item is hashed to one arm, whose recorded rating counts. `items`: item -> system -> rating.
    Raises NotFound for a system without ratings.
    """
    _check_systems(production, candidate, items)
    rated = {
        item: ratings
        for item, ratings in items.items()
        if production in ratings and candidate in ratings
    }
    on = [arm_of(f"replay {production} {candidate}{salt}", item, 0.5) for item in rated]
    values = np.array(
        [
            ratings[candidate if arm == "candidate" else production]
            for arm, ratings in zip(on, rated.values(), strict=True)
        ]
    )
    _check_span(metric, values)
    return _replayed(metric, values, on)


def _check_systems(
    production: str, candidate: str, items: Mapping[str, Mapping[str, float]]
) -> None:
    for system in (production, candidate):
        if not any(system in ratings for ratings in items.values()):
            known = sorted({name for ratings in items.values() for name in ratings})
            msg = f"system {system!r} is not in the file; it has {', '.join(known[:20])}"
            raise NotFound(msg)


def _replayed(
    metric: str, values: NDArray[Any], on: list[Literal["production", "candidate"]]
) -> Comparison:
    plan = RolloutPlan(
        weights={metric: 1.0},
        margins={},
        means={metric: float(values.mean())},
        window_hours=0,
        least_hours=0,
    )
    arm = np.array([float(which == "candidate") for which in on])
    share = np.full(len(on), 0.5)
    seen = Trial.of(plan)
    seen.assign(arm, share)
    seen.close(
        np.zeros(len(on), dtype=np.int64), arm, share, np.zeros((len(on), 0)), {metric: values}
    )
    arms = {
        name: samples(
            [{metric: float(v)} for v, which in zip(values, on, strict=True) if which == name]
        )
        for name in ("production", "candidate")
    }
    return seen.compared([metric], arms)


def _check_span(metric: str, values: np.ndarray) -> None:
    low, high = (1.0, 1.0 + SPANS[metric]) if metric in SPANS else (0.0, 1.0)
    if not len(values):
        msg = "the two systems have no item in common"
        raise InvalidInput(msg)
    if values.min() < low or values.max() > high:
        msg = (
            f"metric {metric!r} runs from {values.min():g} to {values.max():g}; metrics in "
            f"stars (1 to 5) are {', '.join(SPANS)}, all others run from 0 to 1"
        )
        raise InvalidInput(msg)


def samples(values: Sequence[Mapping[str, float]]) -> dict[str, Sample]:
    """Sums by metric over rows that know it."""
    names = {name for row in values for name in row}
    return {name: sample([row[name] for row in values if name in row]) for name in names}
