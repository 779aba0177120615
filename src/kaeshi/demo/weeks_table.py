"""The table of the twelve weeks, drawn for a terminal and as SVG."""

from collections.abc import Mapping, Sequence
from typing import Any

from kaeshi.rules.statistics import wilson

NAMES: dict[str, str] = {
    "loop": "the loop",
    "person": "20 answers of a person a week",
    "seed": "four stars, promoted after a day",
    "stars": "four stars, shown at once",
    "nothing": "no learning",
}
COLOURS = dict(zip(NAMES, ("#0f766e", "#1d4ed8", "#a21caf", "#c2410c", "#6b7280"), strict=True))
BARS = "▁▂▃▄▅▆▇█"
HEAD = (
    "      customers, with 95 % limits                                 held-out questions right, %",
    "week  contained     right  satisfied      booked            $ each  loop 20/w seed stars none",
)
WIDTH = 560
HEIGHT = 240
LEFT = 44
TOP = 16
LABELS = 190  # pixels to the right of the lines


def as_text(result: Mapping[str, Any]) -> str:
    """Customers and held-out questions by week, what was done by itself, and the shares drawn."""
    weeks: Sequence[Mapping[str, Any]] = result["weeks"]
    who = f"a reviewer answers {result['items']} items a week, and no person does more"
    lines = [
        f"{result['customers']}, seed {result['seed']}; {who}",
        "",
        *HEAD,
        *[_row(week) for week in weeks],
        "",
        *[f"{NAMES[name]:34}{_bars(weeks, name)}" for name in NAMES],
        "",
        *[f"week {week['week']:>2}  {event}" for week in weeks for event in week["events"]],
        "",
        f"money       ${sum(week['cost_usd'] for week in weeks):.2f} for what models read",
        f"people      {sum(week['minutes'] for week in weeks):g} minutes of the reviewer",
        f"plot        {result['plot']}",
        f"files       {result['folder']}",
    ]
    return "\n".join(lines)


def _row(week: Mapping[str, Any]) -> str:
    tally = week["tally"]
    asked = tally["asked"]
    contained = asked - tally["handed_over"] - tally["failed"]
    held = [f"{100 * week['held_out'][name]:.0f}" for name in NAMES]
    each = f"{week['cost_usd'] / contained:.5f}" if contained else "-"
    return (
        f"{week['week']:>4}  {_share(contained, asked):12}  {tally['right'] / asked:>4.0%}  "
        f"{_share(tally['satisfied'], tally['rated']):13}  "
        f"{_share(tally['booked'], tally['tried_to_book']):13}  {each:>9}  "
        f"{held[0]:>4} {held[1]:>4} {held[2]:>4} {held[3]:>5} {held[4]:>4}"
    )


def _share(successes: int, count: int) -> str:
    """A share with its limits, such as 82% [79, 85]."""
    if not count:
        return "-"
    low, high = wilson(successes, count)
    return f"{successes / count:.0%} [{100 * low:.0f}, {100 * high:.0f}]"


def _bars(weeks: Sequence[Mapping[str, Any]], name: str) -> str:
    shares = [week["held_out"][name] for week in weeks]
    drawn = "".join(BARS[min(int(share * len(BARS)), len(BARS) - 1)] for share in shares)
    return f"{drawn}  {shares[0]:.0%} -> {shares[-1]:.0%}"


def as_svg(result: Mapping[str, Any]) -> str:
    """Right answers among each week's held-out questions, one line for each way of learning."""
    weeks = result["weeks"]
    drawn = [_grid(share) for share in (0, 0.25, 0.5, 0.75, 1)]
    drawn += [
        f'<text x="{_x(i, weeks):.0f}" y="{TOP + HEIGHT + 18}" text-anchor="middle">'
        f"{week['week']}</text>"
        for i, week in enumerate(weeks)
    ]
    drawn += [_line(weeks, name) for name in reversed(NAMES)]
    drawn += _labels(weeks)
    size = f'width="{LEFT + WIDTH + LABELS}" height="{TOP + HEIGHT + 44}"'
    style = "text{font:12px sans-serif;fill:#374151}"
    axis = (
        f'<text x="{LEFT + WIDTH / 2:.0f}" y="{TOP + HEIGHT + 36}" text-anchor="middle">week; '
        "right answers among that week's held-out questions</text>"
    )
    body = "\n".join(drawn)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" '
        f'aria-label="right answers by week"><style>{style}</style>\n{body}\n{axis}\n</svg>\n'
    )


def _x(place: int, weeks: Sequence[Any]) -> float:
    return LEFT + (place + 0.5) * WIDTH / len(weeks)


def _y(share: float) -> float:
    return TOP + (1 - share) * HEIGHT


def _grid(share: float) -> str:
    y = f"{_y(share):.0f}"
    return (
        f'<line x1="{LEFT}" y1="{y}" x2="{LEFT + WIDTH}" y2="{y}" stroke="#e5e7eb"/>'
        f'<text x="{LEFT - 8}" y="{_y(share) + 4:.0f}" text-anchor="end">{share:.0%}</text>'
    )


def _line(weeks: Sequence[Mapping[str, Any]], name: str) -> str:
    points = " ".join(
        f"{_x(i, weeks):.1f},{_y(week['held_out'][name]):.1f}" for i, week in enumerate(weeks)
    )
    width = 3 if name == "loop" else 1.5
    return (
        f'<polyline fill="none" stroke="{COLOURS[name]}" stroke-width="{width}" points="{points}"/>'
    )


def _labels(weeks: Sequence[Mapping[str, Any]]) -> list[str]:
    """The lines' names at their ends, moved apart where they would touch."""
    ends = sorted((_y(weeks[-1]["held_out"][name]), name) for name in NAMES)
    drawn = []
    last = -100.0
    for y, name in ends:
        last = max(y + 4, last + 15)
        drawn.append(
            f'<text x="{LEFT + WIDTH + 6}" y="{last:.0f}" style="fill:{COLOURS[name]}">'
            f"{NAMES[name]}</text>"
        )
    return drawn
