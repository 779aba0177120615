"""Two arms side by side."""

from kaeshi.nouns.value import Value


class Sample(Value):
    """Sums over the conversations of one arm for one metric: enough for a mean and its variance."""

    count: int = 0
    total: float = 0.0
    squares: float = 0.0


class Interval(Value):
    """An estimate with its confidence limits."""

    estimate: float
    low: float
    high: float


class MetricComparison(Value):
    """One metric in both arms.

    `difference` is candidate minus production; None when an arm has too little data.
    """

    metric: str
    production: Sample
    candidate: Sample
    difference: Interval | None


class Comparison(Value):
    """Two arms by metric, their weighted composite, and whether the candidate is better."""

    metrics: tuple[MetricComparison, ...]
    composite: Interval | None
    candidate_better: bool
    candidate_worse: bool
    switched_off: tuple[str, ...] = ()
    why: str
