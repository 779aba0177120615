"""Tests that watch a rollout's plumbing: sample ratio and failing requests."""

import math
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from kaeshi.rules.statistics import Floats, log_mean_exp, rows_log_mean_exp

ODDS = (
    0.4,
    0.6,
    0.75,
    0.85,
    1 / 0.85,
    1 / 0.75,
    1 / 0.6,
    1 / 0.4,
)  # factors by which a broken assignment may favour an arm


ARM_ODDS = (4.0, 20.0, 100.0)  # factors by which failures may favour an arm


# evidence that production fails too; at this loss a bet restarts
OUTAGE = math.log(100)


FORGET = -1000.0


ERROR_FAULTS = (0.5, 0.95)  # shares of failing requests to bet on


@dataclass(slots=True)
class SampleRatio:
    """Sample-ratio test: whether customers reach the arms in the assigned shares.

    Bets on the odds being off by a fixed factor.
    """

    log_wealth: Floats = field(default_factory=lambda: np.zeros(len(ODDS)))
    highest: float = 0.0
    count: int = 0

    def add(self, arm: Floats, share: Floats) -> None:
        """Add first assignments, one per customer, in order."""
        if not len(arm):
            return
        odds = np.array(ODDS)
        path = self.log_wealth + np.cumsum(
            arm[:, None] * np.log(odds) - np.log1p(share[:, None] * (odds - 1)), axis=0
        )
        self.log_wealth = path[-1].copy()
        top = path.max(1)
        self.highest = max(
            self.highest, float((top + np.log(np.exp(path - top[:, None]).mean(1))).max())
        )
        self.count += len(arm)

    @property
    def log_e(self) -> float:
        """Current log evidence that customers are lost on the way to an arm."""
        return log_mean_exp(self.log_wealth)


@dataclass(slots=True)
class Errors:
    """Failing requests of the candidate, and whether only the candidate fails.

    An e-CUSUM restarts a likelihood-ratio bet whenever it has lost: a change at any moment is seen
    within a few requests, and the mean time to a false alarm is at least e**threshold requests
    (Shin, Ramdas & Rinaldo, "E-detectors", 2023; Lorden 1971).
    """

    # log of each restarted bet that production fails, that the candidate does, and that it does
    # while production answers: (3, ...)
    faults: Floats = field(default_factory=lambda: np.zeros((3, len(ERROR_FAULTS))))
    blame: Floats = field(
        default_factory=lambda: np.zeros(len(ARM_ODDS))
    )  # log of each restarted bet that failures are the candidate's
    requests: list[int] = field(default_factory=lambda: [0, 0])
    failures: list[int] = field(default_factory=lambda: [0, 0])
    is_blamed: bool = False

    def add(
        self,
        arm: Floats,
        share: Floats,
        failed: Floats,
        *,
        fine: float,
        threshold: float,
        blame: float,
    ) -> None:
        """Add requests in the order in which they ended.

        `fine`: the share of them that may fail. `is_blamed` is set when two bets were above their
        thresholds (logarithms) at the same request: that the candidate fails while production
        answers, and that the failures are its own.
        """
        if not len(arm):
            return
        production, candidate, alone = self._fault_paths(failed, fine, arm)
        whose = self._blame_path(failed, arm, share)
        faulty = rows_log_mean_exp(alone) >= threshold
        is_its_own = rows_log_mean_exp(whose) >= blame
        self.is_blamed = self.is_blamed or bool(
            (faulty & is_its_own & (rows_log_mean_exp(production) < blame)).any()
        )
        self.faults = np.stack([production[-1], candidate[-1], alone[-1]])
        self.blame = whose[-1].copy()
        self._count(arm, failed)

    def _fault_paths(
        self, failed: Floats, fine: float, arm: Floats
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        rates = np.array(ERROR_FAULTS)
        ratio = np.where(
            failed[:, None] > 0, np.log(rates / fine), np.log((1 - rates) / (1 - fine))
        )
        theirs = ratio * (arm == 1)[:, None]
        production = restarted(self.faults[0], ratio * (arm == 0)[:, None])
        candidate = restarted(self.faults[1], theirs)
        # failures while production clearly fails are never evidence against the candidate
        alone = restarted(
            self.faults[2],
            np.where(rows_log_mean_exp(production)[:, None] >= OUTAGE, FORGET, theirs),
        )
        return production, candidate, alone

    def _blame_path(self, failed: Floats, arm: Floats, share: Floats) -> NDArray[np.float64]:
        odds = np.array(ARM_ODDS)
        return restarted(
            self.blame,
            failed[:, None] * (arm[:, None] * np.log(odds) - np.log1p(share[:, None] * (odds - 1))),
        )

    def _count(self, arm: Floats, failed: Floats) -> None:
        for which in (0, 1):
            mine = arm == which
            self.requests[which] += int(mine.sum())
            self.failures[which] += int(failed[mine].sum())

    def log_fault(self, arm: int) -> float:
        """Current log evidence that an arm fails more than is tolerable."""
        return log_mean_exp(self.faults[arm])


def daily_threshold(requests_per_day: float) -> float:
    """The threshold (a logarithm) that keeps false alarms of Errors below one a year.

    At this many requests of the candidate a day.
    """
    return math.log(365 * max(requests_per_day, 1.0))


def restarted(start: Floats, ratios: Floats) -> Floats:
    """Running sums (n, k) from `start`, reset to 0 whenever they would fall below."""
    sums = start + np.cumsum(ratios, axis=0)
    lowest = np.minimum(np.minimum.accumulate(sums, axis=0), 0.0)
    path: Floats = sums - lowest
    return path
