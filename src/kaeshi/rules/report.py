"""The weekly report: the last complete week against the one before, with uncertainty.

Unknown is not zero; each figure has its denominator; a figure over fewer than five customers is not
shown.
"""

import math
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Literal

from kaeshi.nouns import Cell, Line, Report, Sample, Value
from kaeshi.rules.comparison import sample
from kaeshi.rules.statistics import newcombe, welch

Unit = Literal["share", "stars", "seconds", "usd"]
UNITS: dict[str, Unit] = {
    "containment": "share",
    "conversion": "share",
    "csat": "stars",
    "response_time": "seconds",
    "cost": "usd",
    "thumbs_up": "share",
    "goal_reached": "share",
    "abandonment": "share",
}
MEANING = {
    "containment": "conversations handled without a person",
    "conversion": "booking attempts that ended in a booking",
    "csat": "stars given by customers, 1 to 5",
    "response_time": "from a customer's message to the answer",
    "cost": "per conversation",
    "thumbs_up": "thumbs-up among all thumbs",
    "goal_reached": "customers who say their goal was reached",
    "abandonment": "conversations the customer left",
}
LOWER_IS_BETTER = frozenset({"response_time", "cost", "abandonment"})
MIN_CUSTOMERS = 5


class Tally(Value):
    """One metric over one period.

    Sums over conversations where it is known, and the number of customers.
    """

    sample: Sample = Sample()
    customers: int = 0


def weeks(latest: datetime) -> tuple[datetime, datetime, datetime]:
    """(start of the week before, start of the last complete week, its end).

    Mondays, 0 h UTC, up to the clock's `latest`.
    """
    midnight = latest.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    until = midnight - timedelta(days=midnight.weekday())
    return until - timedelta(weeks=2), until - timedelta(weeks=1), until


def metrics(
    facts: Mapping[str, object],
    *,
    contained: bool | None,
    ratings: Sequence[int],
    votes: Sequence[str],
    response_ms: float | None,
    cost_nano_usd: int | None,
) -> dict[str, float]:
    """One conversation's figures by metric; unknown ones are absent.

    >>> unknown = {"contained": None, "response_ms": None, "cost_nano_usd": None}
    >>> metrics({"booked": True}, ratings=[], votes=[], **unknown)
    {'conversion': 1.0}
    """
    known: dict[str, float | None] = {
        "containment": None if contained is None else float(contained),
        "conversion": _flag(facts.get("booked")),
        "csat": math.fsum(ratings) / len(ratings) if ratings else None,
        "response_time": None if response_ms is None else response_ms / 1000,
        "cost": None if cost_nano_usd is None else cost_nano_usd / 1_000_000_000,
        "thumbs_up": sum(vote == "up" for vote in votes) / len(votes) if votes else None,
        "goal_reached": _flag(facts.get("goal_reached")),
        "abandonment": _flag(facts.get("abandoned")),
    }
    return {metric: value for metric, value in known.items() if value is not None}


def tally(values: Sequence[tuple[str, Mapping[str, float]]]) -> dict[str, Tally]:
    """(customer, figures) of many conversations, summed by metric."""
    found: dict[str, Tally] = {}
    for metric in UNITS:
        seen = [(customer, figures[metric]) for customer, figures in values if metric in figures]
        if seen:
            found[metric] = Tally(
                sample=sample([value for _, value in seen]),
                customers=len({customer for customer, _ in seen}),
            )
    return found


def _flag(value: object) -> float | None:
    return float(value) if isinstance(value, bool) else None


def compose(
    assistant: str,
    since: datetime,
    until: datetime,
    now: Mapping[str, Tally],
    before: Mapping[str, Tally],
    daily: Mapping[str, Sequence[Tally]],
    *,
    conversations: int,
    customers: int,
) -> Report:
    """Tallies of two weeks, and of each day of both for the charts, as a Report."""
    return Report(
        assistant=assistant,
        since=since,
        until=until,
        conversations=conversations,
        customers=customers,
        lines=tuple(
            _line(metric, now.get(metric, Tally()), before.get(metric, Tally())) for metric in UNITS
        ),
        daily={
            metric: tuple(cell(day).value for day in daily.get(metric, ()))
            for metric in UNITS
            if any(day.sample.count for day in daily.get(metric, ()))
        },
    )


def cell(tally: Tally) -> Cell:
    """The mean with its denominator; suppressed below five customers."""
    if tally.sample.count == 0:
        return Cell(value=None, denominator=0)
    if tally.customers < MIN_CUSTOMERS:
        return Cell(value=None, denominator=tally.sample.count, suppressed=True)
    return Cell(value=tally.sample.total / tally.sample.count, denominator=tally.sample.count)


def is_good(line: Line) -> bool:
    """Whether the change is for the better; False without one."""
    if not line.change:
        return False
    return (line.change < 0) is (line.metric in LOWER_IS_BETTER)


def _line(metric: str, now: Tally, before: Tally) -> Line:
    unit = UNITS[metric]
    current = cell(now)
    previous = cell(before)
    if current.value is None or previous.value is None:
        why = (
            "suppressed: fewer than 5 customers"
            if current.suppressed or previous.suppressed
            else "unknown in one of the weeks"
            if current.denominator or previous.denominator
            else "it was not reported"
        )
        return Line(
            metric=metric, unit=unit, now=current, before=previous, change=None, noise=None, why=why
        )
    change = current.value - previous.value
    low, high = (newcombe if unit == "share" else welch)(now.sample, before.sample)
    noise = low <= 0 <= high
    return Line(
        metric=metric,
        unit=unit,
        now=current,
        before=previous,
        change=change,
        noise=noise,
        why=f"95 % interval of the change [{low:+.3f}, {high:+.3f}]",
    )
