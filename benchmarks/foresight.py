"""How much of an outcome's variance the first message predicts.

And how many fewer customers a rollout therefore needs.

`python -m benchmarks.foresight --data DIR [--past 1500] [--json]`. Learned from the first
conversations of each log, by time, judged on the others.
"""

import argparse
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import folder
from kaeshi.providers.minilm import MiniLMEmbedder
from kaeshi.rules.foresight import foreseen, learned
from kaeshi.settings import load

OUTCOMES = ("booked", "resolved")


def has_outcome(record: folder.Record) -> bool:
    """Whether it is a conversation of which an outcome is known."""
    known = record.get("outcome") or {}
    return folder.is_conversation(record) and any(
        isinstance(known.get(name), bool) for name in OUTCOMES
    )


def run(logs: dict[str, Path], past: int) -> Iterator[dict[str, Any]]:
    """A row for each log and outcome; a log of less than twice `past` conversations has none."""
    embedder = MiniLMEmbedder(load().models_dir)
    for name, path in logs.items():
        records = [
            r for r in folder.by_time(path) if any(m["role"] == "user" for m in r["messages"])
        ]
        if len(records) < 2 * past:
            print(f"{name}: {len(records)} conversations, {2 * past} needed", file=sys.stderr)
            continue
        first = [
            next(m["content"] for m in record["messages"] if m["role"] == "user")
            for record in records
        ]
        vectors = embedder.embed(first[: 3 * past]).astype(float)
        for outcome in OUTCOMES:
            known = [
                (v, float((r.get("outcome") or {}).get(outcome) is True))
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
    folder.add_arguments(parser)
    parser.add_argument("--past", type=int, default=1500)
    parser.add_argument("--json", action="store_true")
    wanted = parser.parse_args()
    for row in run(folder.files(wanted, has_outcome, "outcomes"), wanted.past):
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
