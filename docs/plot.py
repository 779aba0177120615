"""Draws docs/rollout.svg.

The evidence of two simulated rollouts over their customers, one candidate that is better and one
that is the same.

`python docs/plot.py` writes it anew; the streams are drawn from a fixed seed. Chart and simulation
are as small as they can be on purpose.
"""

import math
from pathlib import Path

import numpy as np

from kaeshi.nouns import RolloutPlan
from kaeshi.rules.trial import Trial

CUSTOMERS, A_DAY, LOOK = 5000, 400, 50
PLAN = RolloutPlan(
    weights={"containment": 0.5, "conversion": 0.3, "csat": 0.2},
    margins={"containment": 0.03, "conversion": 0.02, "csat": 0.25},
    means={"containment": 0.7, "conversion": 0.12, "csat": 4.3},
    rated={"csat": 0.2},
    window_hours=24,
    least_hours=168,
)
LINES = {
    "goal": "better",
    "keeps containment": "containment kept",
    "keeps conversion": "conversion kept",
    "keeps csat": "CSAT kept",
}
COLOURS = dict(zip(LINES, ("#c2410c", "#0f766e", "#1d4ed8", "#6d28d9"), strict=True))
WIDTH, HEIGHT, LEFT, TOP, GAP = 400, 230, 46, 34, 40
LOW, HIGH = -2.0, 4.0  # powers of ten


def evidence(gain: float, seed: int) -> tuple[dict[str, list[float]], int | None]:
    """Evidence by bet (powers of ten) at every look, and the customer at whom it is promoted."""
    rng, trial = np.random.default_rng(seed), Trial.of(PLAN)
    found: dict[str, list[float]] = {name: [] for name in LINES}
    promoted = None
    for first in range(0, CUSTOMERS, LOOK):
        arm = rng.integers(0, 2, LOOK) * 1.0
        stars = 1.0 + rng.binomial(4, (3.3 + 2 * gain * arm) / 4)
        stars[rng.uniform(size=LOOK) > PLAN.rated["csat"]] = math.nan
        values = {
            "containment": (rng.uniform(size=LOOK) < PLAN.means["containment"] + gain * arm) * 1.0,
            "conversion": (rng.uniform(size=LOOK) < PLAN.means["conversion"] + gain / 2 * arm)
            * 1.0,
            "csat": stars,
        }
        share = np.full(LOOK, 0.5)
        trial.assign(arm, share)
        trial.close(np.full(LOOK, first // A_DAY), arm, share, np.zeros((LOOK, 0)), values)
        for name in LINES:
            found[name].append(trial.effects.log_e(name) / math.log(10))
        if (
            promoted is None
            and first + LOOK >= 7 * A_DAY
            and trial.verdict(may_promote=True).verdict == "advance"
        ):
            promoted = first + LOOK
    return found, promoted


def panel(title: str, found: dict[str, list[float]], promoted: int | None, left: int) -> list[str]:
    """One chart: thresholds and bets."""

    def at(customer: float, power: float) -> str:
        x = left + customer / CUSTOMERS * WIDTH
        return f"{x:.1f},{TOP + (HIGH - min(max(power, LOW), HIGH)) / (HIGH - LOW) * HEIGHT:.1f}"

    need = math.log10(1 / PLAN.alpha)
    (x0, y0), (x1, y1) = at(0, need).split(","), at(CUSTOMERS, need).split(",")
    drawn = [f'<text x="{left}" y="{TOP - 14}" class="title">{title}</text>']
    for power in range(int(LOW), int(HIGH) + 1):
        y = at(0, power).split(",")[1]
        drawn += [
            f'<line x1="{left}" y1="{y}" x2="{left + WIDTH}" y2="{y}" class="grid"/>',
            f'<text x="{left - 6}" y="{float(y) + 4:.1f}" text-anchor="end">{10.0**power:g}</text>',
        ]
    for customer in range(0, CUSTOMERS + 1, 1000):
        drawn.append(
            f'<text x="{at(customer, LOW).split(",")[0]}" y="{TOP + HEIGHT + 18}" '
            f'text-anchor="middle">{customer}</text>'
        )
    drawn.append(f'<line x1="{x0}" y1="{y0}" x2="{x1}" y2="{y1}" class="need"/>')
    drawn.append(
        f'<text x="{left + 6}" y="{float(y0) - 6:.1f}">1 / alpha = {1 / PLAN.alpha:g}</text>'
    )
    for name, values in found.items():
        points = " ".join(at((i + 1) * LOOK, value) for i, value in enumerate(values))
        drawn.append(f'<polyline points="{points}" stroke="{COLOURS[name]}" class="bet"/>')
    if promoted is not None:
        x = at(promoted, 0).split(",")[0]
        drawn.append(f'<line x1="{x}" y1="{TOP}" x2="{x}" y2="{TOP + HEIGHT}" class="end"/>')
        drawn.append(
            f'<text x="{float(x) - 5:.1f}" y="{TOP + HEIGHT - 8}" text-anchor="end">promoted at '
            f"{promoted}</text>"
        )
    return drawn


def svg() -> str:
    """Both charts, and what the lines are."""
    drawn: list[str] = []
    for number, (title, gain) in enumerate(
        (("a candidate 3 points better", 0.03), ("the same model twice", 0.0))
    ):
        drawn += panel(title, *evidence(gain, seed=11), LEFT + number * (WIDTH + LEFT + GAP))
    wide, high = 2 * (LEFT + WIDTH) + GAP + 20, TOP + HEIGHT + 66
    for number, (name, words) in enumerate(LINES.items()):
        x, y = LEFT + number * 190, high - 18
        drawn += [
            (
                f'<line x1="{x}" y1="{y - 4}" x2="{x + 24}" y2="{y - 4}" '
                f'stroke="{COLOURS[name]}" class="bet"/>'
            ),
            f'<text x="{x + 30}" y="{y}">{words}</text>',
        ]
    style = (
        "text{font:12px system-ui,sans-serif;fill:#374151}"
        ".title{font-weight:600;fill:#111827}.grid{stroke:#e5e7eb}"
        ".need{stroke:#111827;stroke-dasharray:5 4}.end{stroke:#111827}"
        ".bet{fill:none;stroke-width:1.8}"
    )
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {wide} {high}" width="{wide}" '
        f'height="{high}" role="img" aria-label="Evidence of two rollouts by customers">'
    )
    return "\n".join(
        [
            head,
            f"<style>{style}</style>",
            f'<rect width="{wide}" height="{high}" fill="#fff"/>',
            *drawn,
            "</svg>",
            "",
        ]
    )


if __name__ == "__main__":
    (Path(__file__).parent / "rollout.svg").write_text(svg(), encoding="utf-8")
