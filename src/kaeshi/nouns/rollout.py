"""A rollout: plan, stage, evidence, decision."""

from datetime import datetime
from typing import Literal

from kaeshi.nouns.assignment import Arm
from kaeshi.nouns.value import Json, Value

Goal = Literal["superior", "non_inferior"]
RolloutState = Literal["gate", "mirror", "canary", "half", "full", "rolled_back"]
Verdict = Literal["hold", "advance", "roll_back", "set_aside"]  # set aside: for a person


class Foresight(Value):
    """Linear predictions of metrics from first messages.

    By metric a constant and a weight for each dimension of the embedding.
    """

    weights: dict[str, tuple[float, ...]] = {}


class RolloutPlan(Value):
    """What a rollout has to show, fixed before its first customer.

    Margins and effects are differences, candidate minus production.
    """

    goal: Goal = "superior"
    alpha: float = 0.05
    promote_alpha: float | None = None  # this try's part, where the tries of a year share a budget
    # on the composite: the uplift worth finding, or the loss that a non-inferior candidate may have
    smallest_effect: float = 0.033
    weights: dict[str, float]  # of the metrics in the composite
    margins: dict[str, float]  # largest loss that is tolerated, by guardrail
    means: dict[str, float]  # of production, by metric
    rated: dict[
        str, float
    ] = {}  # share of customers in production who give stars, by metric of stars
    window_hours: float  # after which a conversation's outcomes are final
    least_hours: float  # no promotion before
    failing: float = 0.05  # share of failing requests that is tolerable
    # share of customers who may be false, and vote for one arm: with so many a promotion still
    # holds, and with so many a roll-back; 0 where customers are verified
    false_promote: float = 0.0
    false_harm: float = 0.0
    only_verified: bool = False  # customers who are not verified are left out
    covariates: int = 0
    foresight: Foresight = Foresight()
    horizon_hours: float | None = None  # at half and half, after which it ends without evidence
    information: dict[
        str, float
    ] = {}  # variance that the sum of U is expected to have by the horizon, by metric

    @property
    def alpha_to_promote(self) -> float:
        """The largest chance of promoting a candidate that is not better.

        Tests for harm always use `alpha`.
        """
        return self.alpha if self.promote_alpha is None else self.promote_alpha


class Rollout(Value):
    """A candidate on its way into production.

    `version` rises with every transition (compare-and-set).
    """

    id: str
    assistant: str
    candidate: str
    state: RolloutState
    percent: float
    target_percent: float
    mirror_until: datetime
    version: int
    began_at: datetime
    changed_at: datetime
    goal: Goal = "superior"
    plan: RolloutPlan | None = None  # until the canary begins
    former: str | None = None  # candidate that it replaced in production
    paused: str | None = None  # who paused it, and why; it is still rolled back
    trusted_by: str | None = None  # who resumed it after it was set aside


class TrialRow(Value):
    """A customer in a rollout's analysis.

    Their first conversation while both arms were open to them, as it stood when its window closed.
    """

    customer: str
    conversation: str
    arm: Arm
    share: float
    started_at: datetime
    is_returning: bool
    is_verified: bool = True
    network: str = ""  # a keyed digest of where the conversation came from
    foreseen: tuple[
        float, ...
        # predictions from the first message; empty when its text is erased
    ] = ()
    values: dict[str, float]


class Forecast(Value):
    """How long a rollout is likely to take at production's traffic.

    Half of all rollouts have shown each thing by then.
    """

    customers_per_day: float
    customers_needed: dict[str, int]
    false_customers: float = 0.0  # share of all with which a promotion still holds
    days: dict[str, float]


class Decision(Value):
    """What to do with a rollout now, and why."""

    verdict: Verdict
    why: str
    evidence: Json = {}
