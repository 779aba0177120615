"""How much of an outcome's variance the first message predicts.

And how many fewer customers a rollout therefore needs.

`python -m benchmarks.foresight --data DIR [--past 1500] [--json]`. Learned from the first
conversations of each log, by time, judged on the others.
"""

import argparse
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.responder import by_time
from kaeshi.providers.minilm import MiniLMEmbedder
from kaeshi.rules.foresight import foreseen, learned
from kaeshi.settings import load

SETS = {"conversations_star": ("booked", "resolved"), "conversations_sgd": ("booked", "resolved")}


def run(data: Path, past: int) -> Iterator[dict[str, Any]]:
    """A row for each log and outcome."""
    embedder = MiniLMEmbedder(load().models_dir)
    for name, outcomes in SETS.items():
        records = by_time(data / f"{name}.jsonl.gz")
        first = [
            next(m["content"] for m in record["messages"] if m["role"] == "user")
            for record in records
        ]
        vectors = embedder.embed(first[: 3 * past]).astype(float)
        for outcome in outcomes:
            known = [
                (v, float(r["outcome"][outcome] is True))
                for v, r in zip(vectors, records, strict=False)
            ]
            x = np.stack([v for v, _ in known])
            y = np.array([value for _, value in known])
            found = learned(x[:past], {outcome: y[:past]})
            share = 0.0
            if found.weights:
                told = np.array([foreseen(found, row)[0] for row in x[past:]])
                share = float(np.corrcoef(told, y[past:])[0, 1] ** 2)
            yield {
                "log": name,
                "outcome": outcome,
                "rate": float(y[past:].mean()),
                "judged": len(y) - past,
                "explained": share,
            }


def main() -> None:
    """Print a table, or JSON with --json."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--past", type=int, default=1500)
    parser.add_argument("--json", action="store_true")
    wanted = parser.parse_args()
    for row in run(wanted.data, wanted.past):
        if wanted.json:
            print(json.dumps(row), flush=True)
        else:
            print(
                (
                    f"{row['log']:26} {row['outcome']:9} {row['rate']:6.1%} of {row['judged']:5}: "
                    f"{row['explained']:5.1%} of the variance foretold"
                ),
                flush=True,
            )


if __name__ == "__main__":
    main()
