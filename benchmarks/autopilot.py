"""What twelve weeks of the autopilot are worth, beside other ways of learning from the same weeks.

`python -m benchmarks.autopilot [--seeds 1 2 3] [--questions FILE [--source NAME]] [--json]`.
Customers are simulated (kaeshi demo --weeks), or ask the recorded questions of every source of a
file; the model answers from what it reads and knows nothing else. Each seed takes six minutes.
"""

import argparse
import asyncio
import json
import tempfile
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

from kaeshi.demo import recorded, weeks
from kaeshi.demo.seasons import BREAKS
from kaeshi.demo.weeks_table import NAMES, as_text

LAST = 4  # weeks, in which the ways are compared


def figures(result: dict[str, Any]) -> dict[str, Any]:
    """The first and the last week's shares, means of the last weeks, and the largest step back."""
    held = [week["held_out"] for week in result["weeks"]]
    loop = [shares["loop"] for shares in held]
    events = [event for week in result["weeks"] for event in week["events"]]
    back = {
        week["week"]: before - now
        for week, (before, now) in zip(result["weeks"][1:], pairwise(loop), strict=True)
    }
    others = [name for name in NAMES if name != "loop"]
    return {
        "customers": result["customers"],
        "seed": result["seed"],
        "first": loop[0],
        "last": loop[-1],
        "last_weeks": {
            name: round(sum(shares[name] for shares in held[-LAST:]) / LAST, 4) for name in NAMES
        },
        "rise": round(loop[-1] - loop[0], 4),
        "largest_step_back": round(max(back.values()), 4),
        "largest_step_back_without_a_break": round(
            max(step for week, step in back.items() if week not in BREAKS), 4
        ),
        "weeks_behind_the_best_other": sum(
            shares["loop"] < max(shares[name] for name in others) for shares in held[-LAST:]
        ),
        "broken_in_production": any("broken model full" in event for event in events),
        "usd": round(sum(week["cost_usd"] for week in result["weeks"]), 2),
        "promoted": sum("promoted" in event for event in events),
        "rolled_back": sum("rolled back" in event for event in events),
        "refused": sum("refused" in event for event in events),
    }


def main() -> None:
    """Play the seeds and print their tables and figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", nargs="+", type=int, default=[1, 2, 3])
    parser.add_argument("--questions", type=Path, help="recorded questions, as kb_public.jsonl.gz")
    parser.add_argument("--source", help="of the recorded questions; default: each")
    parser.add_argument("--json", action="store_true")
    wanted = parser.parse_args()
    found = []
    for seed in wanted.seeds:
        for crowd in _crowds(wanted.questions, wanted.source, seed):
            with tempfile.TemporaryDirectory() as folder:
                result = asyncio.run(weeks.play(Path(folder) / "weeks", seed=seed, crowd=crowd))
            found.append(figures(result))
            if not wanted.json:
                print(as_text(result), found[-1], sep="\n", flush=True)
    if wanted.json:
        print(json.dumps(found, indent=1))


def _crowds(
    questions: Path | None, source: str | None, seed: int
) -> Sequence[recorded.RecordedCrowd | None]:
    """Who asks: the simulated customers (None), or those of each source."""
    if questions is None:
        return [None]
    names = [source] if source else recorded.sources(questions)
    return [recorded.crowd(questions, name, seed) for name in names]


if __name__ == "__main__":
    main()
