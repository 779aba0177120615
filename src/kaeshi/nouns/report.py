"""The weekly report and its figures."""

from collections.abc import Mapping
from datetime import datetime
from typing import Literal

from kaeshi.nouns.value import Value


class Cell(Value):
    """One figure of a report.

    None: unknown or suppressed, never zero. `denominator` counts conversations with a value.
    """

    value: float | None
    denominator: int
    suppressed: bool = False


class Line(Value):
    """One metric over two weeks. `noise` is True when the change is within chance."""

    metric: str
    unit: Literal["share", "stars", "seconds", "usd", "count"]
    now: Cell
    before: Cell
    change: float | None
    noise: bool | None
    why: str


class Report(Value):
    """The last complete week against the one before. Times are UTC, `until` exclusive.

    `learned`: what was learned in the week, and from whom; `autopilot`: what the loop did by
    itself, and why; `todo`: what waits for a person when it is composed.
    """

    assistant: str
    since: datetime
    until: datetime
    conversations: int
    customers: int
    lines: tuple[Line, ...]
    daily: Mapping[str, tuple[float | None, ...]]
    learned: tuple[str, ...] = ()
    autopilot: tuple[str, ...] = ()
    todo: tuple[str, ...] = ()
