"""The metrics by which arms are compared: names, composite weights and sums."""

import math
from collections.abc import Sequence

from kaeshi.nouns import Sample

WEIGHTS = {"containment": 0.5, "conversion": 0.3, "csat": 0.2}
ALIASES = {"satisfaction": "csat"}
SPANS = {
    "csat": 4.0,
    "mean_accuracy": 4.0,
    "stars": 4.0,
}  # stars from 1 to 5; every other metric runs from 0 to 1


def named(metrics: Sequence[str]) -> list[str]:
    """Each metric once, by its stored name.

    >>> named(["satisfaction", "csat"])
    ['csat']
    """
    return list(dict.fromkeys(ALIASES.get(metric, metric) for metric in metrics))


def sample(values: Sequence[float]) -> Sample:
    """Sums of one arm's known values."""
    return Sample(
        count=len(values), total=math.fsum(values), squares=math.fsum(v * v for v in values)
    )
