"""Two arms side by side: plain two-sample intervals on each metric and on their weighted sum.

Welch's standard error with the normal quantile. That is a fixed-horizon statement: looking again and again makes it say "better"
too often. It is a start, called by its name; evidence that survives peeking is what rules/evidence.py will be.
"""

import math
from collections.abc import Mapping, Sequence
from statistics import NormalDist

from kaeshi.types import Comparison, Interval, MetricComparison, Sample

WEIGHTS = {"containment": 0.5, "conversion": 0.3, "csat": 0.2}
ALIASES = {"satisfaction": "csat"}
SPANS = {"csat": 4.0, "mean_accuracy": 4.0}  # stars from 1 to 5; every other metric runs from 0 to 1
MIN_PER_ARM = 30
ALPHA = 0.01


def sample(values: Sequence[float]) -> Sample:
    """Sums of what was seen in one arm. Unknown values are left out before."""
    return Sample(count=len(values), total=math.fsum(values), squares=math.fsum(v * v for v in values))


def interval(production: Sample, candidate: Sample, alpha: float = ALPHA) -> Interval | None:
    """Candidate minus production with its two-sided 1 - alpha limits; None with fewer than two in an arm."""
    if min(production.count, candidate.count) < 2:  # a variance needs two
        return None
    difference = candidate.total / candidate.count - production.total / production.count
    return _around(difference, math.sqrt(_variance_of_mean(production) + _variance_of_mean(candidate)), alpha)


def compare(
    production: Mapping[str, Sample],
    candidate: Mapping[str, Sample],
    metrics: Sequence[str],
    *,
    weights: Mapping[str, float] = WEIGHTS,
    alpha: float = ALPHA,
    least: int = MIN_PER_ARM,
) -> Comparison:
    """Every metric and the composite. A metric with fewer than `least` conversations in an arm is switched off and named.

    Better: the composite's interval lies above zero and no metric's interval lies below. Worse: the composite's lies below, or some metric's does.
    """
    names = list(dict.fromkeys(ALIASES.get(metric, metric) for metric in metrics))
    rows = []
    for name in names:
        a, b = production.get(name, Sample()), candidate.get(name, Sample())
        rows.append(
            MetricComparison(
                metric=name, production=a, candidate=b, difference=interval(a, b, alpha) if min(a.count, b.count) >= least else None
            )
        )
    live = [row for row in rows if row.difference is not None]
    off = tuple(row.metric for row in rows if row.difference is None)
    composite = _composite(live, weights, alpha)
    harmed = [row.metric for row in live if row.difference is not None and row.difference.high < 0]
    better = composite is not None and composite.low > 0 and not harmed
    worse = composite is not None and (composite.high < 0 or bool(harmed))
    return Comparison(
        metrics=tuple(rows),
        composite=composite,
        candidate_better=better,
        candidate_worse=worse,
        switched_off=off,
        why=_why(rows, composite, harmed, off, least),
    )


def _composite(rows: Sequence[MetricComparison], weights: Mapping[str, float], alpha: float) -> Interval | None:
    """The weighted mean of the metrics, each scaled to 0..1. Its error bar adds theirs up as if they moved together, which is never too short."""
    total = sum(weights.get(row.metric, 1.0) for row in rows)
    if not rows or total == 0:
        return None
    estimate = error = 0.0
    for row in rows:
        weight = weights.get(row.metric, 1.0) / total / SPANS.get(row.metric, 1.0)
        difference = row.candidate.total / row.candidate.count - row.production.total / row.production.count
        estimate += weight * difference
        error += weight * math.sqrt(_variance_of_mean(row.production) + _variance_of_mean(row.candidate))
    return _around(estimate, error, alpha)


def _why(rows: Sequence[MetricComparison], composite: Interval | None, harmed: Sequence[str], off: Sequence[str], least: int) -> str:
    if composite is None:
        counts = ", ".join(f"{row.metric} {row.production.count}/{row.candidate.count}" for row in rows)
        return f"nothing to compare yet: each metric needs {least} conversations per arm (production/candidate: {counts})"
    text = f"composite {composite.estimate:+.3f} [{composite.low:+.3f}, {composite.high:+.3f}]"
    if harmed:
        text += f"; harmed: {', '.join(harmed)}"
    if off:
        text += f"; switched off for lack of data: {', '.join(off)}"
    return text + (": inconclusive, production stays" if composite.low <= 0 <= composite.high and not harmed else "")


def _variance_of_mean(of: Sample) -> float:
    """Unbiased sample variance over n; a sample without spread counts as if one more had differed (rule of succession)."""
    mean = of.total / of.count
    variance = max(of.squares / of.count - mean * mean, 0.0) * of.count / (of.count - 1)
    return max(variance, 1 / (of.count + 2)) / of.count if variance < 1e-12 else variance / of.count  # rounding, not spread


def _around(estimate: float, error: float, alpha: float) -> Interval:
    reach = NormalDist().inv_cdf(1 - alpha / 2) * error
    return Interval(estimate=estimate, low=estimate - reach, high=estimate + reach)
