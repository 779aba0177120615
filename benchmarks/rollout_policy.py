"""Our rollout rules as a policy for a trial on simulated streams of conversations.

Only translates the stream's events.
"""

from typing import Any

import numpy as np

from kaeshi.nouns import RolloutPlan
from kaeshi.rules.measured import narrowed, tolerable
from kaeshi.rules.trial import Trial


class make:  # noqa: N801 - the trial asks for a factory by this name
    """decide(events so far) -> promote, rollback or continue.

    Each call costs the new events only.
    """

    def __init__(self, c: dict[str, Any]) -> None:
        self.plan = RolloutPlan(
            alpha=c["alpha"],
            smallest_effect=c["mde"],
            weights=c["weights"],
            margins=c["guardrails"],
            means={m: c["history"][m] for m in c["weights"]},
            rated={"csat": c["history"]["rated"]},
            window_hours=c["maturity_h"],
            least_hours=c["min_hours"],
            failing=tolerable(c["history"]["error"]),
            covariates=4,
        )
        self.trial = Trial.of(self.plan)
        self.window = self.plan.window_hours
        self.seen = 0
        # by customer the first conversation, by conversation the hours
        self.first = dict[int, int]()
        self.delays = dict[int, float]()
        self.open = self.running = self.unconverted = np.zeros(0, int)

    def decide(self, s: dict[str, Any]) -> str:
        new = np.arange(self.seen, len(s["t"]))
        now = s["now"]
        arm = s["arm"].astype(float)
        live = new[(s["p"][new] > 0) & (s["p"][new] < 1)]
        first = live[
            np.array(
                [
                    self.first.setdefault(user, i) == i
                    for user, i in zip(s["user"][live], live, strict=True)
                ],
                bool,
            )
        ]
        self.seen = len(s["t"])
        self.open = np.append(self.open, first)
        self.running = np.append(self.running, new)
        self.trial.assign(arm[first], s["p"][first])
        ended = ~np.isnan(s["error"][self.running])
        done = self.running[ended]
        self.running = self.running[~ended]
        self.trial.finish(
            arm[done],
            s["p"][done],
            s["error"][done],
            candidate_per_day=24 * self.seen / max(now, 1) * s["p"][-1],
        )
        if self.window == self.plan.window_hours:
            self.unconverted = np.append(self.unconverted, new[arm[new] == 0])
            self.delays |= {
                i: now - s["t"][i] for i in self.unconverted[s["conversion"][self.unconverted] > 0]
            }
            self.unconverted = self.unconverted[s["conversion"][self.unconverted] == 0]
            self.window = narrowed(
                self.window,
                [
                    d
                    for i, d in self.delays.items()
                    if s["t"][i] <= now - self.window and d <= self.window
                ],
            )
        due = int((s["t"][self.open] <= now - self.window).sum())
        done = self.open[:due]
        self.open = self.open[due:]
        self.trial.close(
            (s["t"][done] // 24).astype(int),
            arm[done],
            s["p"][done],
            s["x"][done],
            {m: s[m][done] for m in self.plan.weights},
        )
        verdict = self.trial.verdict(may_promote=now >= self.plan.least_hours).verdict
        return {"advance": "promote", "roll_back": "rollback", "hold": "continue"}[verdict]
