"""A rollout's observations so far, and the verdict: promote, roll back or hold.

Valid however often one asks. Promotion needs everything at once: the candidate is better, on
average and lately; every guardrail holds; customers arrive in the assigned shares; and they rate as
often as before. Harm rolls back on its own.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from kaeshi.nouns import Comparison, Decision, Interval, Json, MetricComparison, RolloutPlan, Sample
from kaeshi.rules.alarms import Errors, SampleRatio, daily_threshold
from kaeshi.rules.comparison import SPANS
from kaeshi.rules.evidence import Effects, Rows, fixed_horizon_boundary
from kaeshi.rules.measured import (
    COMPOSITE,
    GOAL,
    TRUSTING_GOAL,
    base_metrics,
    bets_of,
    fewer_name,
    harm_name,
    kept_name,
    mixes,
    more_name,
    pessimistic_name,
    sparse_stars,
    sure_harm_name,
    sway,
    values_of,
)
from kaeshi.rules.statistics import Floats

# of a guardrail's margin; one-sided 99 %
SILENT_MARGIN = 0.45
SILENT_SIGMAS = 2.33
RATES_DIFFER = math.log(20)
RATIO_HOLDS = math.log(20)
RATIO_ENDS = math.log(1000)
BLAME = math.log(20)
# once there are six whole days, the last three must show their share of the whole gain,
FADING_AFTER = 6
FADING_DAYS = 3
# which is 1.1 of it after a week and .6 after two: a lasting effect is not a novelty
FADING_SHARE = 1.6
FADING_PER_DAY = 1 / 14
# by which the arms may differ: a quarter of the customers times the variance of what is yes or no,
# or of those who rate
LEAST_EVENTS = 10.0
BY_BETS = 0.4  # share of alpha for the bets where a horizon is fixed; the rest is for its boundary


@dataclass(slots=True)
class Trial:
    """The evidence of one rollout.

    Assignments, requests and closed conversations are added as they happen, each once.
    """

    plan: RolloutPlan
    effects: Effects
    ratio: SampleRatio = field(default_factory=SampleRatio)
    errors: Errors = field(default_factory=Errors)
    suspicion: str | None = None  # why the customers' votes look arranged
    is_trusted: bool = False  # a person has looked at the customers

    @classmethod
    def of(cls, plan: RolloutPlan) -> "Trial":
        """Before the first customer."""
        base = base_metrics(plan)
        names = [metric.name for metric in base]
        total = sum(plan.weights.values())
        mixed = mixes(names, plan, total)
        return cls(
            plan,
            Effects.of(
                base, mixed, bets_of(plan, [*names, *(mix.name for mix in mixed)]), plan.covariates
            ),
        )

    def customers_needed(self) -> dict[str, int]:
        """Customers at half and half until half of all rollouts have shown each thing.

        From history's spread, before covariates help. The best stake grows by effect^2 p(1 - p) /
        (2 variance) per customer on average (Kelly 1956), from its share of the money to 1 / alpha.
        For the goal the effect is the smallest one looked for; for a guardrail the candidate loses
        nothing.
        """
        proven = self._proven()
        variance = {metric.name: metric.variance for metric in self.effects.metrics}
        return {
            proven[bet.name]: math.ceil(
                8
                * variance[proven[bet.name]]
                * (self._need() - math.log(dict(bet.stakes)[1.0]))
                / bet.expected**2
            )
            for bet in self.effects.bets
            if bet.name in proven
        }

    def with_horizon(self, hours: float, customers: float) -> RolloutPlan:
        """The plan with a fixed horizon.

        So many hours at half and half, in which the windows of so many customers close. A metric of
        which fewer than LEAST_EVENTS are expected by then gets no boundary: so small a sum is not
        normal yet.
        """
        information = {}
        for metric in self.effects.metrics:
            spread = metric.variance
            events = customers / 4 * self.plan.rated.get(metric.name, 1.0)
            if (metric.low, metric.high) == (0, 1):
                # a candidate that just fails the margin varies more than a production that hardly
                # fails
                worst = min(max(metric.mean - self.plan.margins.get(metric.name, 0.0), 0.0), 1.0)
                spread = max(spread, worst * (1 - worst))
                events *= spread
            if metric.name in self._proven().values() and events >= LEAST_EVENTS:
                information[metric.name] = customers / 4 * spread
        return self.plan.model_copy(update={"horizon_hours": hours, "information": information})

    def assign(self, arm: Floats, share: Floats) -> None:
        """Add customers at their first conversation, in order.

        Their arm, and the candidate's share at that moment.
        """
        self.ratio.add(arm, share)

    def finish(
        self, arm: Floats, share: Floats, failed: Floats, *, candidate_per_day: float
    ) -> None:
        """Add requests in the order in which they ended; a time-out has failed."""
        self.errors.add(
            arm,
            share,
            failed,
            fine=self.plan.failing,
            threshold=daily_threshold(candidate_per_day),
            blame=BLAME,
        )

    def close(
        self,
        day: NDArray[np.int64],
        arm: Floats,
        share: Floats,
        covariates: Floats,
        values: Mapping[str, Floats],
    ) -> None:
        """Add customers whose windows have closed, in the order of their first conversations.

        `covariates` (n, d) were known before the assignment; `values` by metric (n,), NaN where
        unknown, which counts as a failure.
        """
        self.effects.add(
            Rows(
                day,
                arm,
                share,
                covariates,
                np.column_stack([values_of(self.plan, m.name, values) for m in self.effects.base]),
            )
        )

    def verdict(self, *, may_promote: bool) -> Decision:
        """The present verdict; an ending carries its evidence.

        `may_promote`: the stage and its shortest duration allow it.
        """
        if ending := self._why_ended():
            return Decision(verdict="roll_back", why=ending, evidence=self.evidence())
        if (harmed := self._harmed()) is not None:
            return harmed
        missing = self._blocked() or (
            self._why_not_promoted()
            if may_promote
            else "too early to promote: only harm is tested for so far"
        )
        if missing:
            return Decision(verdict="hold", why=missing)
        return self._promotion()

    def _promotion(self) -> Decision:
        effect, low, high = self.effects.interval(
            COMPOSITE, self.plan.alpha, self.plan.smallest_effect
        )
        goal = "better" if self.plan.goal == "superior" else "not worse than agreed"
        kept = (
            f", and {_and(self.plan.margins)} kept within their margins"
            if self.plan.margins
            else ""
        )
        why = (
            f"the candidate is {goal}: composite {effect:+.3f} [{low:+.3f}, {high:+.3f}] over "
            f"{sum(self.effects.count)} customers{kept}{self._stands(low)}"
        )
        return Decision(verdict="advance", why=why, evidence=self.evidence())

    @property
    def is_calm(self) -> bool:
        """Whether there is no sign that the figures are wrong."""
        return self._blocked() is None

    def compared(
        self, metrics: Sequence[str], arms: Mapping[str, Mapping[str, Sample]]
    ) -> Comparison:
        """Both arms on these metrics, for people to read.

        `arms`: by arm and metric the sums of known values.
        """
        verdict = self.verdict(may_promote=True)
        names = [metric.name for metric in self.effects.metrics]
        rows = tuple(
            MetricComparison(
                metric=name,
                production=arms["production"].get(name, Sample()),
                candidate=arms["candidate"].get(name, Sample()),
                difference=self._interval(name) if name in names else None,
            )
            for name in metrics
        )
        return Comparison(
            metrics=rows,
            composite=self._interval(COMPOSITE),
            candidate_better=verdict.verdict == "advance",
            candidate_worse=verdict.verdict in {"roll_back", "set_aside"},
            switched_off=tuple(name for name in metrics if name not in names),
            why=verdict.why,
        )

    def evidence(self) -> Json:
        """Everything a decision rests on.

        Evidence as natural logarithms, each beside its threshold.
        """
        effects = self.effects
        return {
            "customers": {"production": effects.count[0], "candidate": effects.count[1]},
            "log_evidence": {bet.name: round(effects.log_e(bet.name), 4) for bet in effects.bets},
            "thresholds": {"promote": self._need()}
            | {harm_name(metric): at for metric, at in self._harm_thresholds().items()},
            "effects": {
                metric.name: interval.model_dump()
                for metric in effects.metrics
                if (interval := self._interval(metric.name)) is not None
            },
            "last_week": effects.lately(COMPOSITE, 7),
            "fixed_horizon": {
                name: dict(zip(("gain", "boundary", "information"), found, strict=True))
                for name in self._proven()
                if (found := self._at_horizon(name))
            },
            "sample_ratio": {
                "log_evidence": self.ratio.log_e,
                "highest": self.ratio.highest,
                "customers": self.ratio.count,
            },
            "errors": {
                "production": [self.errors.failures[0], self.errors.requests[0]],
                "candidate": [self.errors.failures[1], self.errors.requests[1]],
            },
        }

    def _interval(self, metric: str) -> Interval | None:
        if not self.effects.weight:
            return None
        estimate, low, high = self.effects.interval(metric, self.plan.alpha, self._smallest(metric))
        return Interval(estimate=estimate, low=low, high=high)

    def _smallest(self, metric: str) -> float:
        return self.plan.margins.get(metric, self.plan.smallest_effect * SPANS.get(metric, 1.0))

    def _harm_thresholds(self) -> dict[str, float]:
        """Half of alpha on the composite, half spread over the guardrails."""
        each = math.log(2 * max(len(self.plan.margins), 1) / self.plan.alpha)
        return {COMPOSITE: math.log(2 / self.plan.alpha)} | dict.fromkeys(self.plan.margins, each)

    def _why_ended(self) -> str | None:
        if self.errors.is_blamed:
            failures = self.errors.failures[1]
            requests = self.errors.requests[1]
            return (
                f"the candidate fails while production answers: {failures} of its {requests} "
                "requests failed"
            )
        if self.ratio.highest >= RATIO_ENDS:
            return (
                f"the arms do not get the customers they were assigned ({self.effects.count[1]} "
                f"of {sum(self.effects.count)} are the candidate's): customers are lost on the "
                "way, and no figure can be trusted"
            )
        return None

    def _stands(self, low: float) -> str:
        """What share of false customers the lower end of the composite's interval allows for."""
        if not self.plan.false_promote:
            return ""
        share = max(low, self.plan.false_promote * sway(self.plan, COMPOSITE)) / sway(
            self.plan, COMPOSITE
        )
        return f", even if {share:.1%} of the customers were false"

    @property
    def is_in_doubt(self) -> bool:
        """Whether a person has to look at the customers."""
        harmed = self._harmed()
        return self.suspicion is not None or (harmed is not None and harmed.verdict == "set_aside")

    def _harmed(self) -> Decision | None:
        """What follows from harm that customers show.

        False customers may have made it, if they are as many as the plan allows for or look
        arranged; then a person decides, and until then it has no customers.
        """
        sure = self._why_harmed(sure_harm_name if self.plan.false_harm else harm_name)
        if sure and self.suspicion is None:
            return Decision(verdict="roll_back", why=sure, evidence=self.evidence())
        doubtful = sure or self._why_harmed(harm_name)
        if doubtful is None or self.is_trusted:
            return None
        doubt = self.suspicion or f"{self.plan.false_harm:.0%} of false customers could do that"
        why = f"{doubtful}, but {doubt}: a person decides"
        return Decision(verdict="set_aside", why=why, evidence=self.evidence())

    def _why_harmed(self, name_of: Callable[[str], str]) -> str | None:
        for metric, threshold in self._harm_thresholds().items():
            if self.effects.log_e(name_of(metric)) >= threshold:
                effect, low, high = self.effects.interval(
                    metric, self.plan.alpha, self._smallest(metric)
                )
                beyond = (
                    f", beyond the {self.plan.margins[metric]:g} that is tolerated"
                    if metric in self.plan.margins
                    else ""
                )
                return (
                    f"the candidate is worse: {metric} {effect:+.3f} [{low:+.3f}, "
                    f"{high:+.3f}]{beyond}"
                )
        return None

    def _blocked(self) -> str | None:
        if min(self.errors.log_fault(0), self.errors.log_fault(1)) >= BLAME:
            return "held: both arms are failing, so the candidate is not at fault"
        if not sum(self.effects.count):
            return "nothing has been observed"
        if self.suspicion is not None:
            return f"held: {self.suspicion}"
        if self.ratio.log_e >= RATIO_HOLDS:
            return "held: the arms' customers do not seem to match the assignment"
        return None

    def _why_not_promoted(self) -> str | None:
        effect, seen = self._composite_seen()
        if not self._is_shown(GOAL):
            return f"inconclusive, production stays: {seen}{self._if_all_are_real()}"
        unproven = [name for name in self.plan.margins if not self._is_shown(kept_name(name))]
        if unproven:
            return (
                f"production stays: {seen}, but {_and(unproven)} are not yet shown to stay "
                "within their margins"
            )
        return self._why_silent(seen) or self._why_fading(seen, effect)

    def _composite_seen(self) -> tuple[float, str]:
        effects = self.effects
        effect, low, high = effects.interval(COMPOSITE, self.plan.alpha, self.plan.smallest_effect)
        customers = sum(effects.count)
        return (
            effect,
            f"composite {effect:+.3f} [{low:+.3f}, {high:+.3f}] over {customers} customers",
        )

    def _if_all_are_real(self) -> str:
        if not self.plan.false_promote or not self._is_shown(TRUSTING_GOAL):
            return ""
        return (
            f"; it is better if every customer is real, and not shown to be if "
            f"{self.plan.false_promote:.1%} are false: a person may promote it, and signed "
            "customers need no such doubt"
        )

    def _is_shown(self, bet: str) -> bool:
        """Whether a bet is won, for the goal on the running average too.

        Or the boundary of a horizon that was fixed before the first customer is crossed.
        """
        effects = self.effects
        need = self._need()
        if effects.log_e(bet) >= need and (
            bet not in {GOAL, TRUSTING_GOAL} or effects.average_log_e(bet) >= need
        ):
            return True
        found = self._at_horizon(bet)
        return found is not None and found[2] <= 1 and found[0] >= found[1]

    def _at_horizon(self, bet: str) -> tuple[float, float, float] | None:
        """(gain, boundary, share of the planned information reached).

        None without a horizon.
        """
        planned = self.plan.information.get(self._proven().get(bet, COMPOSITE))
        if planned is None:
            return None
        gain, variance = self.effects.gain(bet)
        return (
            gain,
            fixed_horizon_boundary((1 - BY_BETS) * self.plan.alpha_to_promote, planned),
            variance / planned,
        )

    def _proven(self) -> dict[str, str]:
        """The bets that a promotion needs, and their metrics."""
        return {GOAL: COMPOSITE} | {kept_name(name): name for name in self.plan.margins}

    def _need(self) -> float:
        return math.log(1 / self.plan.alpha_to_promote / (BY_BETS if self.plan.information else 1))

    def _why_fading(self, seen: str, effect: float) -> str | None:
        """Why the effect counts as fading; None if it does not.

        A novelty stays better on average for weeks after it has worn off.
        """
        today = int(self.effects.week.days.max())
        if self.plan.goal != "superior" or today < FADING_AFTER:
            return None
        for days, least in (
            (7, 0.0),
            (FADING_DAYS, max(FADING_SHARE - FADING_PER_DAY * today, 0.0) * effect),
        ):
            lately = self.effects.lately(COMPOSITE, days)
            if lately is not None and lately < least:
                return (
                    f"production stays: {seen}, but {lately:+.3f} over the last {days} whole "
                    "days: the gain is fading"
                )
        return None

    def _why_silent(self, seen: str) -> str | None:
        for stars in sparse_stars(self.plan):
            if (
                max(self.effects.log_e(more_name(stars)), self.effects.log_e(fewer_name(stars)))
                >= RATES_DIFFER
            ):
                return (
                    f"production stays: {seen}, but customers of one arm rate less often, so "
                    f"{stars} cannot be compared"
                )
            if stars not in self.plan.margins:
                continue
            effect, error = self.effects.estimate(pessimistic_name(stars))
            margin = self.plan.margins[stars]
            if effect < min(-SILENT_MARGIN * margin, -margin + SILENT_SIGMAS * error):
                return (
                    f"production stays: {seen}, but {stars} is {effect:+.2f} if customers "
                    "who did not rate were unhappy"
                )
        return None


def _and(names: Mapping[str, float] | Sequence[str]) -> str:
    *first, last = names
    return f"{', '.join(first)} and {last}" if first else last
