"""The report as a mail: subject, text and HTML.

Charts are table cells, which every mail program shows.
"""

from collections.abc import Sequence
from functools import cache
from importlib import resources

import css_inline
from jinja2 import Environment, StrictUndefined, Template

from kaeshi.nouns import Cell, Line, Report
from kaeshi.rules.report import MEANING, MIN_CUSTOMERS, is_good

BAR_PIXELS = 60
MOST_SUBJECT = 200


def render(report: Report) -> tuple[str, str, str]:
    """(subject, text, html) of a report."""
    subject = (
        f"Weekly report for {report.assistant}, {report.since:%Y-%m-%d} to {report.until:%Y-%m-%d}"
        f": {headline(report)}"
    )
    return (
        subject[:MOST_SUBJECT],
        text(report),
        css_inline.inline(html(report), keep_style_tags=True),
    )


def html(report: Report) -> str:
    """The report as a page of its own."""
    known, unknown, charted = _known_and_charted(report)
    charts = {line.metric: bars(report.daily[line.metric]) for line in charted}
    peaks = _peaks_of(charted, report)
    return _template().render(
        report=report,
        known=known,
        unknown=unknown,
        charts=charts,
        peaks=peaks,
        meaning=MEANING,
        least=MIN_CUSTOMERS,
        figure=figure,
        change=change,
        verdict=verdict,
        name=name,
        headline=headline(report),
    )


def headline(report: Report) -> str:
    """What changed more than by chance, in one line."""
    if not report.conversations:
        return "no conversations"
    said = []
    for word, are_good in (("better", True), ("worse", False)):
        changed = [line for line in report.lines if line.noise is False]
        found = [_in_words(line) for line in changed if is_good(line) is are_good]
        if found:
            said.append(f"{word}: {', '.join(found)}")
    return "; ".join(said) or "nothing changed more than by chance"


def _in_words(line: Line) -> str:
    return f"{name(line.metric)} {figure(line.now, line)} ({change(line)})"


def _known_and_charted(report: Report) -> tuple[list[Line], list[Line], list[Line]]:
    known = [line for line in report.lines if line.now.denominator or line.before.denominator]
    unknown = [
        line for line in report.lines if not (line.now.denominator or line.before.denominator)
    ]
    charted = [
        line
        for line in known
        if any(value is not None for value in report.daily.get(line.metric, ()))
    ]
    return known, unknown, charted


def _peaks_of(charted: list[Line], report: Report) -> dict[str, str]:
    return {
        line.metric: _in_unit(max(v for v in report.daily[line.metric] if v is not None), line.unit)
        for line in charted
    }


def text(report: Report) -> str:
    """The report as plain text, one line per metric."""
    head = (
        f"Report for {report.assistant}, {report.since:%Y-%m-%d} to {report.until:%Y-%m-%d} "
        f"(UTC)\n{report.conversations} conversations with {report.customers} customers\n"
        f"{headline(report)}\n"
    )
    rows = _table_rows(report)
    body = _columns(rows)
    return (
        f"{head}\n{body}\n{_listed('Waiting for a person', report.todo)}"
        f"{_listed('Learned', report.learned)}{_listed('By itself', report.autopilot)}\n"
        "'of' is the number of conversations where the "
        f"figure is known; fewer than {MIN_CUSTOMERS} customers are not shown.\n"
    )


def _listed(title: str, said: Sequence[str]) -> str:
    return "\n".join(["", f"{title}:", *(f"- {one}" for one in said), ""]) if said else ""


def _table_rows(report: Report) -> list[tuple[str, str, str, str, str, str, str]]:
    rows = [("", "this week", "of", "week before", "of", "change", "")]
    rows += [
        (
            name(line.metric),
            figure(line.now, line),
            str(line.now.denominator),
            figure(line.before, line),
            str(line.before.denominator),
            change(line),
            verdict(line),
        )
        for line in report.lines
    ]
    return rows


def _columns(rows: list[tuple[str, str, str, str, str, str, str]]) -> str:
    widths = [max(len(row[i]) for row in rows) for i in range(6)]
    return "\n".join(
        "  ".join(
            [row[0].ljust(widths[0]), *(row[i].rjust(widths[i]) for i in range(1, 6)), row[6]]
        ).rstrip()
        for row in rows
    )


def figure(cell: Cell, line: Line) -> str:
    """A value with its unit; unknown is a word, never zero."""
    if cell.value is None:
        return "too few" if cell.suppressed else "unknown"
    return _in_unit(cell.value, line.unit)


def change(line: Line) -> str:
    """The difference between the weeks, signed."""
    if line.change is None:
        return "-"
    if line.unit == "share":
        return f"{line.change * 100:+.1f} pts"
    size = _in_unit(abs(line.change), line.unit)
    if not any(digit in size for digit in "123456789"):
        return size  # no sign before a zero
    return ("+" if line.change >= 0 else "-") + size


def verdict(line: Line) -> str:
    """Whether the change is more than noise."""
    if line.noise is None:
        return line.why
    return "within noise" if line.noise else "more than noise"


def name(metric: str) -> str:
    """A metric's name in words."""
    return {"csat": "CSAT", "cost": "cost per conversation", "thumbs_up": "thumbs-up share"}.get(
        metric, metric.replace("_", " ")
    )


def bars(values: tuple[float | None, ...]) -> list[int | None]:
    """Bar heights in pixels, the highest day full; None for an unknown or suppressed day."""
    top = max((v for v in values if v is not None), default=0.0)
    return [
        None if v is None else max(1, round(BAR_PIXELS * v / top)) if top > 0 else 1 for v in values
    ]


def _in_unit(value: float, unit: str) -> str:
    match unit:
        case "share":
            return f"{value * 100:.1f} %"
        case "stars":
            return f"{value:.2f} stars"
        case "seconds":
            return f"{value:.1f} s" if value >= 1 else f"{value * 1000:.0f} ms"
        case "usd":
            return f"${value:.4f}"
        case _:
            return f"{value:g}"


@cache
def _template() -> Template:
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    return environment.from_string(
        resources.files("kaeshi").joinpath("data", "report.html").read_text(encoding="utf-8")
    )
