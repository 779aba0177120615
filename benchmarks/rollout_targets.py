"""What the rollout rules decide on simulated streams whose truth is known.

Each share has its number of runs and 95 % Wilson bounds.

usage: python -m benchmarks.rollout_targets --scenarios FOLDER [--runs 200] [--alpha .05 .01]
[--only NAME ...] [--jobs 2] [--json] FOLDER holds the trial's scenarios.py and acceptance.py.
Beside the scenarios there, streams of our own: other base rates and shares.
"""

import argparse
import json
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.rollout_policy import make

DECIDE_EVERY = 50
LOCKED_AFTER = 48.0  # hours, by whose traffic --horizon plans


class with_horizon(make):  # noqa: N801 - a factory, as the trial asks for one
    """The same policy with the trial's end as its horizon.

    Fixed by the traffic of the first two days, before anything can be promoted.
    """

    def __init__(self, c: dict[str, Any]) -> None:
        super().__init__(c)
        self.hours = c["horizon_h"]
        self.per_user = c["per_user"]

    def decide(self, s: dict[str, Any]) -> str:
        if s["now"] >= LOCKED_AFTER and not self.trial.plan.information:
            left = self.hours - s["now"] - self.window
            self.trial.plan = self.trial.with_horizon(
                left, len(s["t"]) / self.per_user / s["now"] * left
            )
        return super().decide(s)


def streams(trial: Any, per_day: float) -> Iterator[tuple[str, Any, str, str, float]]:
    """(name, scenario, what is counted, at most or at least, aim at alpha .05)."""
    known = {s.name: s for s in trial.scenarios(per_day)}
    for name in (
        "AA_base",
        "AA_lowconv",
        "AA_midrates",
        "weekday",
        "ramp_drift",
        "delay_faster_cand",
        "clusters",
    ):
        yield name, known[name], "promote", "<=", 0.025
    quarter = ((0.0, 0.05), (48.0, 0.25), (120.0, 0.5))
    yield (
        "AA, another ramp and rates",
        replace(known["AA_base"], cont=0.55, conv=0.25, csat=4.0, rated=0.4, split=quarter),
        "promote",
        "<=",
        0.025,
    )
    yield (
        "AA, conversions a day late",
        replace(known["AA_base"], conv_delay_h=(20.0, 20.0), trend=-0.08, week_amp=0.04),
        "promote",
        "<=",
        0.025,
    )
    yield "+1.65 points", known["uplift_small"], "promote", ">=", 0.90
    yield "+3.3 points", known["uplift_medium"], "promote", ">=", 1.0
    yield "+3.3 points at half and half", known["speed_medium"], "conversations", "<=", 1600
    yield "guardrail csat harmed", known["guardrail_csat"], "promote", "<=", 0.005
    yield "guardrail conversion harmed", known["guardrail_conv"], "promote", "<=", 0.005
    yield "silent unhappy raters", known["silent_unhappy"], "promote", "<=", 0.005
    yield "worse by a little", known["worse_small"], "promote", "<=", 0.002
    yield "worse by much", known["worse_large"], "promote", "<=", 0.002
    yield "full outage", known["outage_full"], "requests", "<=", 5


def decided(scenario: Any, alpha: float, policy: Any, seed: int) -> tuple[str, int, float, int]:
    """(decision, conversations seen, hour, the candidate's requests since an outage began)."""
    import acceptance

    return acceptance.run(
        policy, scenario, seed, 1 if scenario.truth == "outage" else DECIDE_EVERY, alpha
    )


def judged(found: list[tuple[str, int, float, int]], counted: str) -> tuple[float, float, float]:
    """(figure, low, high); of a share with Wilson's bounds, of a median or percentile without."""
    import acceptance

    if counted == "promote":
        share = sum(decision == "promote" for decision, *_ in found) / len(found)
        return (share, *acceptance.wilson(share, len(found)))
    if counted == "conversations":
        middle = float(
            np.median([seen if decision == "promote" else np.inf for decision, seen, *_ in found])
        )
        return middle, middle, middle
    last = float(
        np.percentile(
            [requests if decision == "rollback" else 10**6 for decision, *_, requests in found], 95
        )
    )
    return last, last, last


def seconds_for_ten_thousand(scenario: Any) -> float:
    """CPU seconds to enter 10,000 outcomes and decide."""
    import acceptance

    rng = np.random.default_rng(0)
    n = 10_000
    arm = rng.integers(0, 2, n) * 1.0
    x = rng.normal(size=(n, 4))
    values = {
        "containment": rng.integers(0, 2, n) * 1.0,
        "conversion": rng.integers(0, 2, n) * 1.0,
        "csat": rng.integers(1, 6, n) * 1.0,
    }
    trial = make(acceptance.config_for(scenario)).trial
    began = time.process_time()
    trial.close(np.arange(n) // 500, arm, np.full(n, 0.5), x, values)
    trial.verdict(may_promote=True)
    return time.process_time() - began


def main() -> int:
    """Print every aim beside what was found."""
    arguments = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    arguments.add_argument("--scenarios", type=Path, required=True)
    arguments.add_argument("--runs", type=int, default=200)
    arguments.add_argument("--alpha", type=float, nargs="+", default=[0.05])
    arguments.add_argument("--only", nargs="+")
    arguments.add_argument("--per-day", type=float, default=500)
    arguments.add_argument("--seed", type=int, default=70_000)
    arguments.add_argument("--jobs", type=int, default=2)
    arguments.add_argument(
        "--horizon",
        action="store_true",
        help="fix the trial's end beforehand (ROLLOUT_HORIZON_DAYS)",
    )
    arguments.add_argument("--json", action="store_true")
    given = arguments.parse_args()
    sys.path.insert(0, str(given.scenarios))
    import scenarios

    found: list[dict[str, Any]] = []
    with ProcessPoolExecutor(given.jobs) as pool:
        for alpha in given.alpha:
            for name, scenario, counted, side, aim in streams(scenarios, given.per_day):
                if given.only and name not in given.only:
                    continue
                wanted = (
                    0.01 if scenario.truth == "null" and alpha <= 0.01 else aim
                )  # the aims for alpha .01
                seeds = range(given.seed, given.seed + given.runs)
                figure, low, high = judged(
                    list(
                        pool.map(
                            partial(
                                decided, scenario, alpha, with_horizon if given.horizon else make
                            ),
                            seeds,
                            chunksize=4,
                        )
                    ),
                    counted,
                )
                met = figure <= wanted if side == "<=" else figure >= wanted
                found.append(
                    {
                        "alpha": alpha,
                        "stream": name,
                        "counted": counted,
                        "runs": given.runs,
                        "figure": figure,
                        "low": low,
                        "high": high,
                        "aim": f"{side} {wanted:g}",
                        "met": met,
                    }
                )
                if not given.json:
                    bounds = f" [{low:.3f}, {high:.3f}]" if counted == "promote" else ""
                    print(
                        (
                            f"{'met ' if met else 'MISS'} {name:30s} {counted} "
                            f"{figure:.3f}{bounds}, "
                            f"aim {side} {wanted:g} ({given.runs} runs, alpha {alpha:g})"
                        ),
                        flush=True,
                    )
    took = min(seconds_for_ten_thousand(scenarios.scenarios()[0]) for _ in range(3))
    found.append(
        {
            "stream": "10,000 outcomes",
            "counted": "CPU seconds",
            "figure": took,
            "aim": "<= 0.1",
            "met": took <= 0.1,
        }
    )
    if given.json:
        print(json.dumps(found))
    else:
        print(
            f"{'met ' if took <= 0.1 else 'MISS'} 10,000 outcomes decided in {took:.3f} s of "
            "CPU, aim <= 0.1"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
