"""What twelve weeks of the autopilot are worth, beside other ways of learning from the same weeks.

`python -m benchmarks.autopilot [--seeds 1 2 3] [--json]`. Customers are simulated (kaeshi demo
--weeks); the model answers from what it reads and knows nothing else. Each seed takes five minutes.
"""

import argparse
import asyncio
import json
import tempfile
from itertools import pairwise
from pathlib import Path
from typing import Any

from kaeshi.demo import weeks
from kaeshi.demo.weeks_table import NAMES, as_text

LAST = 4  # weeks, in which the ways are compared


def figures(result: dict[str, Any]) -> dict[str, Any]:
    """The first and the last week's shares, means of the last weeks, and the largest step back."""
    held = [week["held_out"] for week in result["weeks"]]
    loop = [shares["loop"] for shares in held]
    events = [event for week in result["weeks"] for event in week["events"]]
    return {
        "seed": result["seed"],
        "first": loop[0],
        "last": loop[-1],
        "last_weeks": {
            name: round(sum(shares[name] for shares in held[-LAST:]) / LAST, 4) for name in NAMES
        },
        "largest_step_back": round(max(a - b for a, b in pairwise(loop)), 4),
        "promoted": sum("promoted" in event for event in events),
        "rolled_back": sum("rolled back" in event for event in events),
        "refused": sum("refused" in event for event in events),
    }


def main() -> None:
    """Play the seeds and print their tables and figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", nargs="+", type=int, default=[1, 2, 3])
    parser.add_argument("--json", action="store_true")
    wanted = parser.parse_args()
    found = []
    for seed in wanted.seeds:
        with tempfile.TemporaryDirectory() as folder:
            result = asyncio.run(weeks.play(Path(folder) / "weeks", seed=seed))
        found.append(figures(result))
        if not wanted.json:
            print(as_text(result), found[-1], sep="\n", flush=True)
    if wanted.json:
        print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
