"""Evidence about two arms that stays valid however often it is looked at.

Every statistic here is a running product of bets against a null hypothesis (an e-process): while
the null is true it exceeds 1/alpha with a chance of at most alpha, over all looks together (Ville
1939; Waudby-Smith & Ramdas, "Estimating means of bounded random variables by betting", JRSS-B
2024). Decisions on it are made in rules/rollout.py.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kaeshi.rules.logistic import sigmoid
from kaeshi.rules.statistics import Floats, log_sum_exp

# largest loss of a stake in one row: a bet that can lose all of it ends at log 0
LARGEST_LOSS = 0.98
# predictions and stakes change after so many rows, later after so much growth
REFRESH_ROWS = 25
REFRESH_GROWTH = 1.05
# the prior weighs as much as this many rows
PRIOR_ROWS = 30.0
PRIOR_SLOPE = 10.0
# (multiple of the stake that is best for the expected effect, share of the money on it); a
# candidate without loss is one margin away from it, a candidate that also gains is two
STAKES = {"gain": ((0.5, 0.5), (1.0, 0.5)), "loss": ((1.0, 0.25), (2.0, 0.75))}


@dataclass(frozen=True, slots=True)
class Metric:
    """What is measured per customer: its bounds, and production's history."""

    name: str
    low: float
    high: float
    mean: float
    variance: float


@dataclass(frozen=True, slots=True)
class Mix:
    """A weighted sum of other metrics, such as the composite."""

    name: str
    weights: tuple[float, ...]

    def metric(self, base: Sequence[Metric]) -> Metric:
        """The sum's bounds; its history, as if the metrics were independent."""
        pairs = list(zip(self.weights, base, strict=True))
        return Metric(
            self.name,
            sum(min(w * m.low, w * m.high) for w, m in pairs),
            sum(max(w * m.low, w * m.high) for w, m in pairs),
            sum(w * m.mean for w, m in pairs),
            sum(w * w * m.variance for w, m in pairs),
        )


@dataclass(frozen=True, slots=True)
class Bet:
    """A null hypothesis to bet against: `sign` times the effect on a metric is <= `-margin`.

    sign 1, margin 0: the candidate is not better. sign -1, margin 0: it does no harm. sign 1,
    margin .02: it loses .02 or more (evidence against it is non-inferiority). sign -1, margin -.02:
    it loses .02 at most. `expected`: the size of |effect + margin| at which the bets grow fastest.
    """

    name: str
    metric: int
    sign: int
    margin: float
    expected: float

    @property
    def stakes(self) -> tuple[tuple[float, float], ...]:
        """(multiple of the best stake, share of the money) of each bet."""
        return STAKES["loss" if self.margin > 0 else "gain"]


@dataclass(frozen=True, slots=True)
class Rows:
    """One row per customer, in the order of their first conversations.

    n rows, d covariates, m metrics.
    """

    day: NDArray[np.int64]  # (n,) whole days since the rollout began
    arm: Floats  # (n,) 0 production, 1 candidate
    share: Floats  # (n,) of the candidate, as logged at assignment; strictly between 0 and 1
    covariates: Floats  # (n, d) known before the assignment, about 0 with a spread of about 1
    outcomes: Floats  # (n, m)

    def __len__(self) -> int:
        return len(self.arm)

    def part(self, since: int, until: int) -> "Rows":
        """Rows since..until."""
        cut = slice(since, until)
        return Rows(
            self.day[cut], self.arm[cut], self.share[cut], self.covariates[cut], self.outcomes[cut]
        )


@dataclass(slots=True)
class Expectation:
    """Expected outcomes before the arm has answered, from covariates and past rows only.

    Logistic regression for metrics of 0 and 1, linear regression for others, each by one Newton
    step per refresh on the curvature of all rows so far: for the linear model that is ridge
    regression, for the logistic one an online approximation of it.
    """

    is_binary: NDArray[np.bool_]  # (b,)
    curvature: Floats  # (b, d + 1, d + 1)
    weights: Floats  # (b, d + 1), as of the last refresh
    pending: Floats  # (b, d + 1) gradients since then
    residual: Floats  # (m,) sums of squared residuals
    variance: Floats  # (m,), as of the last refresh
    rows: int = 0
    next_refresh: int = REFRESH_ROWS

    @classmethod
    def of(cls, base: Sequence[Metric], variance: Floats, covariates: int) -> "Expectation":
        """Before any row: production's history."""
        is_binary = np.array([(metric.low, metric.high) == (0, 1) for metric in base])
        weights = np.zeros((len(base), covariates + 1))
        means = np.array([metric.mean for metric in base])
        inside = np.clip(means, 0.001, 0.999)
        weights[:, 0] = np.where(is_binary, np.log(inside / (1 - inside)), means)
        scale = np.where(is_binary, inside * (1 - inside), 1.0)
        prior = np.diag([PRIOR_ROWS] + [PRIOR_SLOPE] * covariates)
        return cls(
            is_binary,
            scale[:, None, None] * prior,
            weights,
            np.zeros_like(weights),
            variance * PRIOR_ROWS,
            variance.copy(),
        )

    def refresh(self) -> None:
        """Include the rows since the last refresh."""
        self.weights = (
            self.weights + np.linalg.solve(self.curvature, self.pending[:, :, None])[:, :, 0]
        )
        self.pending = np.zeros_like(self.pending)
        self.variance = self.residual / (PRIOR_ROWS + self.rows)
        self.next_refresh = max(self.rows + REFRESH_ROWS, math.ceil(self.rows * REFRESH_GROWTH))

    def predict(self, covariates: Floats) -> Floats:
        """Predicted metrics, shape (n, b)."""
        score = _with_one(covariates) @ self.weights.T
        return np.where(self.is_binary, sigmoid(score), score)

    def learn(self, covariates: Floats, outcomes: Floats, predicted: Floats) -> None:
        """Add rows; they count from the next refresh on."""
        design = _with_one(covariates)
        scale = np.where(self.is_binary, predicted * (1 - predicted), 1.0)
        self.curvature += np.einsum("nb,ni,nj->bij", scale, design, design)
        self.pending += (outcomes - predicted).T @ design
        self.rows += len(outcomes)


@dataclass(slots=True)
class Week:
    """Sums per day of the last whole week, to separate recent effects from older ones."""

    days: NDArray[np.int64]  # (9,), -1 where nothing is kept
    effect: Floats  # (9, m) sums of (arm - share) * (outcome - expected)
    weight: Floats  # (9,) sums of share * (1 - share)

    @classmethod
    def of(cls, metrics: int) -> "Week":
        """Without rows."""
        return cls(np.full(9, -1), np.zeros((9, metrics)), np.zeros(9))

    def add(self, day: NDArray[np.int64], scores: Floats, weights: Floats) -> None:
        """Add rows, roughly in the order of their days.

        A row of a day that has left the week is ignored.
        """
        for today in np.unique(day):
            slot = int(today) % len(self.days)
            of_today = day == today
            if today < self.days[slot]:
                continue
            if self.days[slot] != today:
                self.days[slot] = today
                self.effect[slot] = 0.0
                self.weight[slot] = 0.0
            self.effect[slot] += scores[of_today].sum(0)
            self.weight[slot] += weights[of_today].sum()

    def mean(self, metric: int, days: int) -> float | None:
        """Estimated effect over the last `days` complete days, 8 at most.

        None before there is one.
        """
        last = int(self.days.max())
        inside = (self.days >= 0) & (self.days < last) & (self.days >= last - days)
        weight = self.weight[inside].sum()
        return float(self.effect[inside, metric].sum() / weight) if weight else None


@dataclass(slots=True)
class Effects:
    """The effect of the candidate on every metric, and the bets about it.

    Bounded memory, one pass, rows in any batches. With U = (arm - p)(y - m), p the share at
    assignment and m a prediction made before, E[U | past] = p(1 - p) times the effect, whatever m
    is and however p changes. A bet multiplies its wealth by 1 + l(sign U + margin p(1 - p)), with l
    fixed before the row.
    """

    base: tuple[Metric, ...]  # b of them, each predicted
    mix: Floats  # (b, k) weights: k more metrics that are sums of the first
    metrics: tuple[Metric, ...]  # m = b + k
    bets: tuple[Bet, ...]
    expectation: Expectation
    week: Week
    log_wealth: Floats  # (bets, stakes), the money put on each included
    total: Floats  # (m,) sums of U
    spread: Floats  # (m,) sums of U squared
    weight: float = 0.0  # sum of p(1 - p)
    count: list[int] = field(default_factory=lambda: [0, 0])  # rows per arm

    @classmethod
    def of(
        cls, base: Sequence[Metric], mixed: Sequence["Mix"], bets: Sequence[Bet], covariates: int
    ) -> "Effects":
        """Before any row."""
        metrics = (*base, *(mix.metric(base) for mix in mixed))
        variance = np.array([metric.variance for metric in metrics])
        return cls(
            base=tuple(base),
            mix=np.array([mix.weights for mix in mixed]).reshape(len(mixed), len(base)).T,
            metrics=metrics,
            bets=tuple(bets),
            expectation=Expectation.of(base, variance, covariates),
            week=Week.of(len(metrics)),
            log_wealth=np.array([[math.log(money) for _, money in bet.stakes] for bet in bets]),
            total=np.zeros(len(metrics)),
            spread=np.zeros(len(metrics)),
        )

    def add(self, rows: Rows) -> None:
        """Add rows.

        The same rows in other batches give the same evidence: predictions and stakes change at
        fixed row numbers only.
        """
        done = 0
        while done < len(rows):
            room = self.expectation.next_refresh - self.expectation.rows
            self._add_between_refreshes(rows.part(done, done + room))
            done += room
            if self.expectation.rows >= self.expectation.next_refresh:
                self.expectation.refresh()

    def _add_between_refreshes(self, rows: Rows) -> None:
        low = np.array([metric.low for metric in self.metrics])
        high = np.array([metric.high for metric in self.metrics])
        expected = self.expectation.predict(rows.covariates)
        outcomes = np.hstack([rows.outcomes, rows.outcomes @ self.mix])
        predicted = np.clip(np.hstack([expected, expected @ self.mix]), low, high)
        weight, scores = self._bets_on(rows, outcomes, predicted, low, high)
        self.expectation.learn(rows.covariates, rows.outcomes, expected)
        self.expectation.residual += ((outcomes - predicted) ** 2).sum(0)
        self.week.add(rows.day, scores, weight[:, 0])
        self._add_sums(scores, weight)
        candidates = int(rows.arm.sum())
        self.count = [self.count[0] + len(rows) - candidates, self.count[1] + candidates]

    def _add_sums(self, scores: Floats, weight: Floats) -> None:
        self.total += scores.sum(0)
        self.spread += (scores**2).sum(0)
        self.weight += float(weight.sum())

    def _bets_on(
        self,
        rows: Rows,
        outcomes: NDArray[Any],
        predicted: NDArray[np.float64],
        low: NDArray[Any],
        high: NDArray[Any],
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        share = rows.share[:, None]
        weight = (rows.share * (1 - rows.share))[:, None]
        scores = (rows.arm[:, None] - share) * (outcomes - predicted)
        self._bet(
            scores,
            weight,
            np.maximum((1 - share) * (predicted - low), share * (high - predicted)),
            np.maximum((1 - share) * (high - predicted), share * (predicted - low)),
        )
        return weight, scores

    def _bet(self, scores: Floats, weight: Floats, most_down: Floats, most_up: Floats) -> None:
        """Place the bets on a batch of scores.

        `most_down`, `most_up` (n, m): how far a score can fall below and rise above 0, known before
        the row.
        """
        gains, worst, stakes = self._stakes(weight, scores, most_down, most_up)
        cap = LARGEST_LOSS / np.maximum(worst, 1e-12)
        self.log_wealth += np.log1p(np.minimum(stakes, cap[:, :, None]) * gains[:, :, None]).sum(0)

    def _stakes(
        self, weight: Floats, scores: Floats, most_down: Floats, most_up: Floats
    ) -> tuple[Any, NDArray[np.float64], Any]:
        metric = [bet.metric for bet in self.bets]
        sign = np.array([bet.sign for bet in self.bets])
        margin = np.array([bet.margin for bet in self.bets]) * weight
        gains = scores[:, metric] * sign + margin
        worst = np.where(sign > 0, most_down[:, metric], most_up[:, metric]) - margin
        best_stake = (
            np.array([bet.expected for bet in self.bets]) / self.expectation.variance[metric]
        )
        stakes = best_stake[:, None] * np.array(
            [[multiple for multiple, _ in bet.stakes] for bet in self.bets]
        )
        return gains, worst, stakes

    def log_e(self, name: str) -> float:
        """Natural logarithm of the current evidence against a bet's null.

        The null is "the effect is never more than that"; 3.0 is 1 in 20.
        """
        return log_sum_exp(self.log_wealth[self._bet_at(name)])

    def average_log_e(self, name: str) -> float:
        """Log evidence against the null that the running average is no more than that.

        For a novelty that was better and no longer is. exp(l S - l^2 V / 2) with S the sum of gains
        and V that of U squared, for the same stakes l. Asymptotic: V stands for the variance.
        """
        bet = self.bets[self._bet_at(name)]
        stakes = (
            bet.expected
            / self.expectation.variance[bet.metric]
            * np.array([multiple for multiple, _ in bet.stakes])
        )
        gain, variance = self.gain(name)
        return log_sum_exp(
            np.log([money for _, money in bet.stakes]) + stakes * gain - stakes**2 / 2 * variance
        )

    def gain(self, name: str) -> tuple[float, float]:
        """The sum of a bet's gains so far, at most 0 under its null, and its variance."""
        bet = self.bets[self._bet_at(name)]
        return float(bet.sign * self.total[bet.metric] + bet.margin * self.weight), float(
            self.spread[bet.metric]
        )

    def estimate(self, metric: str) -> tuple[float, float]:
        """The running average effect and its standard error, for one look.

        (0, inf) before any row.
        """
        at = self._metric_at(metric)
        return (
            (float(self.total[at]) / self.weight, math.sqrt(float(self.spread[at])) / self.weight)
            if self.weight
            else (0.0, math.inf)
        )

    def lately(self, metric: str, days: int) -> float | None:
        """The effect over the last `days` whole days, 8 at most; None before there is one."""
        return self.week.mean(self._metric_at(metric), days)

    def interval(self, metric: str, alpha: float, smallest: float) -> tuple[float, float, float]:
        """(estimate, low, high) of the running average effect, all looks together, two-sided.

        Normal mixture boundary on the sum of U with its empirical variance (Robbins 1970;
        asymptotic, as in Waudby-Smith, Arbour, Sinha, Kennedy & Ramdas, "Time-uniform central limit
        theory", 2021), narrowest when an effect of size `smallest` begins to show.
        """
        at = self._metric_at(metric)
        if self.weight == 0:
            return 0.0, -math.inf, math.inf
        prior = self.metrics[at].variance
        variance = (
            float(self.spread[at]) + prior * PRIOR_ROWS / 4
        )  # a few rows estimate their own variance badly
        return self._boundary(alpha, prior, smallest, variance, at)

    def _boundary(
        self, alpha: float, prior: float, smallest: float, variance: float, at: int
    ) -> tuple[float, float, float]:
        level = 2 * math.log(1 / alpha)
        tuned = 9 * (prior / smallest) ** 2 / (level + math.log(1 + level))
        reach = math.sqrt((variance + tuned) * math.log((variance + tuned) / (tuned * alpha**2)))
        estimate = float(self.total[at]) / self.weight
        return estimate, estimate - reach / self.weight, estimate + reach / self.weight

    def _bet_at(self, name: str) -> int:
        return [bet.name for bet in self.bets].index(name)

    def _metric_at(self, name: str) -> int:
        return [metric.name for metric in self.metrics].index(name)


def fixed_horizon_boundary(alpha: float, information: float) -> float:
    """What a driftless sum stays below until its horizon, except with a chance of `alpha`.

    `information`: the sum's variance at the horizon. O'Brien & Fleming's boundary for looks at any
    time: a Brownian motion exceeds z anywhere in [0, 1] with twice the chance of its end
    (reflection), so z is the normal quantile of 1 - alpha / 2. Asymptotic, and void once the
    variance is beyond `information`.

    >>> round(fixed_horizon_boundary(0.03, 100.0), 2)
    21.7
    """
    return NormalDist().inv_cdf(1 - alpha / 2) * math.sqrt(information)


def _with_one(covariates: Floats) -> Floats:
    return np.column_stack([np.ones(len(covariates)), covariates])
