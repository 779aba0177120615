"""What false customers can do to a rollout, on simulated customers whose truth is known.

usage: python -m benchmarks.rollout_sybils [--runs 100] [--customers 500] [--days 28] [--jobs 2]
[--json] [--contained .7] [--booked .12] [--rated .18] [--promote-percent P] [--harm-percent P]

False customers are a share of all. They know their arm, and vote with everything that a customer
decides alone: in the arm they are for, five stars and no call for a person; in the other, one star
and a hand-over. They book nothing, because bookings are reported by the operator. `promote` wants
the candidate in production, `sink` wants it gone. `signed` is the share of honest customers with a
signed token; false ones have none.
"""

import argparse
import itertools
import json
import math
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np

from kaeshi.nouns import RolloutPlan
from kaeshi.rules.trial import Trial
from kaeshi.settings import load

CANARY_DAYS = 3
SHARES = (0.1, 0.5)


@dataclass(frozen=True)
class World:
    """Production's rates, and how many customers a day."""

    customers: int
    days: int
    contained: float
    booked: float
    rated: float
    false_promote: float  # shares of false customers that the plan allows for
    false_harm: float
    stars: float = 4.2


@dataclass(frozen=True)
class Attack:
    """How good the candidate is, and what share of customers is false for or against it."""

    uplift: float  # of the composite
    false: float
    wants: str
    signed: float = 0.0


def plan_of(world: World, *, only_verified: bool) -> RolloutPlan:
    """The plan that the shipped settings make of this production."""
    settings = load()
    return RolloutPlan(
        alpha=settings.rollout_alpha,
        smallest_effect=settings.rollout_smallest_effect,
        weights={"containment": 0.5, "conversion": 0.3, "csat": 0.2},
        margins=settings.rollout_margins,
        means={"containment": world.contained, "conversion": world.booked, "csat": world.stars},
        rated={"csat": world.rated},
        window_hours=24,
        least_hours=settings.rollout_half_hours,
        false_promote=0.0 if only_verified else world.false_promote,
        false_harm=0.0 if only_verified else world.false_harm,
        only_verified=only_verified,
    )


def _day(
    rng: np.random.Generator, world: World, attack: Attack, share: float
) -> tuple[Any, dict[str, Any], Any]:
    """(arm, values, whether each is signed) of one day's customers."""
    n = rng.poisson(world.customers)
    arm = (rng.uniform(size=n) < share) * 1.0
    lift = attack.uplift * arm
    false = rng.uniform(size=n) < attack.false
    for_it = arm == (1.0 if attack.wants == "promote" else 0.0)
    stars = 1.0 + rng.binomial(4, np.clip((world.stars - 1) / 4 + lift, 0, 1), n)
    stars[rng.uniform(size=n) > world.rated] = math.nan
    values = {
        "containment": (rng.uniform(size=n) < world.contained + lift) * 1.0,
        "conversion": (rng.uniform(size=n) < world.booked + lift) * 1.0,
        "csat": stars,
    }
    values["containment"] = np.where(false, for_it * 1.0, values["containment"])
    values["conversion"] = np.where(false, 0.0, values["conversion"])
    values["csat"] = np.where(false, np.where(for_it, 5.0, 1.0), values["csat"])
    return arm, values, ~false & (rng.uniform(size=n) < attack.signed)


def decided(world: World, attack: Attack, seed: int) -> tuple[str, int]:
    """(promoted, rolled back, held for a person or undecided; after how many days)."""
    rng = np.random.default_rng(seed)
    only_verified = attack.signed > 0
    trial = Trial.of(plan_of(world, only_verified=only_verified))
    for day in range(world.days):
        share = SHARES[day >= CANARY_DAYS]
        arm, values, is_signed = _day(rng, world, attack, share)
        shares = np.full(len(arm), share)
        kept = is_signed if only_verified else np.ones(len(arm), bool)
        trial.assign(arm[kept], shares[kept])
        trial.close(
            np.full(int(kept.sum()), day),
            arm[kept],
            shares[kept],
            np.zeros((int(kept.sum()), 0)),
            {name: found[kept] for name, found in values.items()},
        )
        least = trial.plan.least_hours / 24 + CANARY_DAYS
        verdict = trial.verdict(may_promote=day + 1 >= least).verdict
        if verdict != "hold":
            known = {"advance": "promoted", "roll_back": "rolled back", "set_aside": "held"}
            return known[verdict], day + 1
    return "undecided", world.days


ATTACKS = (
    *(Attack(0.0, false, "promote") for false in (0.0, 0.01, 0.05)),
    *(Attack(uplift, false, "sink") for uplift in (0.033, 0.066) for false in (0.0, 0.01, 0.05)),
    *(Attack(-0.033, false, "promote") for false in (0.0, 0.01, 0.05)),
    Attack(0.0, 0.05, "promote", signed=0.6),
    Attack(0.033, 0.05, "sink", signed=0.6),
)


def table(world: World, runs: int, jobs: int) -> list[dict[str, Any]]:
    """One row for each attack."""
    rows = []
    with ProcessPoolExecutor(jobs) as pool:
        for attack in ATTACKS:
            found = list(
                pool.map(decided, itertools.repeat(world), itertools.repeat(attack), range(runs))
            )
            days = sorted(day for what, day in found if what == "promoted")
            rows.append(
                {
                    "candidate": f"{100 * attack.uplift:+.1f} points",
                    "false": attack.false,
                    "want": attack.wants,
                    "signed": attack.signed,
                }
                | {
                    what: sum(said == what for said, _ in found) / runs
                    for what in ("promoted", "rolled back", "held", "undecided")
                }
                | {"days": days[len(days) // 2] if days else None}
            )
    return rows


def main() -> None:
    """Print the table, or JSON with --json."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=100)
    parser.add_argument("--customers", type=int, default=500)
    parser.add_argument("--days", type=int, default=28)
    parser.add_argument("--contained", type=float, default=0.7)
    parser.add_argument("--booked", type=float, default=0.12)
    parser.add_argument("--rated", type=float, default=0.18)
    settings = load()
    parser.add_argument("--promote-percent", type=float, default=settings.rollout_false_percent)
    parser.add_argument("--harm-percent", type=float, default=settings.rollout_false_harm_percent)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--json", action="store_true")
    wanted = parser.parse_args()
    world = World(
        wanted.customers,
        wanted.days,
        wanted.contained,
        wanted.booked,
        wanted.rated,
        wanted.promote_percent / 100,
        wanted.harm_percent / 100,
    )
    rows = table(world, wanted.runs, wanted.jobs)
    if wanted.json:
        print(json.dumps(rows, indent=1))
        return
    print(f"{wanted.customers} customers a day, {wanted.days} days, {wanted.runs} runs each")
    print(
        f"{'candidate':>12} {'false':>6} {'want':>8} {'signed':>7} | {'promoted':>9} "
        f"{'rolled back':>12} {'held':>6} {'undecided':>10} | median days to promotion"
    )
    for row in rows:
        print(
            f"{row['candidate']:>12} {row['false']:>6.0%} {row['want']:>8} {row['signed']:>7.0%} | "
            f"{row['promoted']:>9.0%} {row['rolled back']:>12.0%} {row['held']:>6.0%} "
            f"{row['undecided']:>10.0%} | {row['days'] or '-'}"
        )


if __name__ == "__main__":
    main()
