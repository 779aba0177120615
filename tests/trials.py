"""Simulated customers of a rollout, whose truth is known."""

import math
from dataclasses import dataclass

import numpy as np

from kaeshi.nouns import Decision, RolloutPlan
from kaeshi.rules.trial import Trial

PLAN = RolloutPlan(
    weights={"containment": 0.5, "conversion": 0.3, "csat": 0.2},
    margins={"containment": 0.03, "conversion": 0.02, "csat": 0.25},
    means={"containment": 0.7, "conversion": 0.12, "csat": 4.3},
    rated={"csat": 0.2},
    window_hours=24,
    least_hours=168,
)


@dataclass(frozen=True)
class World:
    """What production does, and what the candidate adds to it."""

    customers: int = 4000
    contained: float = 0.0
    booked: float = 0.0
    stars: float = 0.0
    silent: float = 0.0  # chance that an unhappy customer of the candidate does not rate
    lasts: float = 1.0  # what is left of the gain in the second half
    a_day: int = 1000
    lost: float = 0.0  # chance that a customer of the candidate leaves no trace

    def trial(self, seed: int = 1, plan: RolloutPlan = PLAN) -> Trial:
        rng, n = np.random.default_rng(seed), self.customers
        arm = rng.integers(0, 2, n) * 1.0
        left = np.where(np.arange(n) < n / 2, 1.0, self.lasts)
        keep = ~((arm == 1) & (rng.uniform(size=n) < self.lost))
        stars = 1.0 + rng.binomial(4, np.clip((3.3 + self.stars * arm) / 4, 0, 1))
        stars[rng.uniform(size=n) > 0.2] = math.nan
        stars[(arm == 1) & (stars <= 3) & (rng.uniform(size=n) < self.silent)] = math.nan
        values = {
            "containment": (rng.uniform(size=n) < 0.7 + self.contained * left * arm) * 1.0,
            "conversion": (rng.uniform(size=n) < 0.12 + self.booked * arm) * 1.0,
            "csat": stars,
        }
        trial, share = Trial.of(plan), np.full(int(keep.sum()), 0.5)
        trial.assign(arm[keep], share)
        trial.close(
            np.arange(n)[keep] // self.a_day,
            arm[keep],
            share,
            np.zeros((len(share), 0)),
            {name: v[keep] for name, v in values.items()},
        )
        return trial

    def verdict(self, seed: int = 1) -> Decision:
        return self.trial(seed).verdict(may_promote=True)


BETTER = World(contained=0.06, booked=0.03, stars=0.2)
