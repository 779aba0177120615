"""How a candidate travels: gate, mirror, canary, half, full; or rolled back.

One stage at a time, and never back up.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import numpy as np

from kaeshi.errors import Conflict
from kaeshi.nouns import (
    Arm,
    Candidate,
    Decision,
    Forecast,
    Foresight,
    Goal,
    Rollout,
    RolloutPlan,
    RolloutState,
    TrialRow,
)
from kaeshi.rules.comparison import SPANS, WEIGHTS
from kaeshi.rules.crowds import suspicion
from kaeshi.rules.judging import LEAST_EVIDENCE, log_evidence_worse
from kaeshi.rules.measured import narrowed, tolerable
from kaeshi.rules.statistics import Floats, wilson
from kaeshi.rules.trial import Trial
from kaeshi.settings import Settings

ORDER: tuple[RolloutState, ...] = ("gate", "mirror", "canary", "half", "full")
YEAR = timedelta(days=365)
LIVE: tuple[RolloutState, ...] = ("gate", "mirror", "canary", "half")
HALF_PERCENT = 50.0
COVARIATES = (
    4  # as many as `covariates` gives of a conversation's start; what is foreseen comes besides
)
LEAST_HISTORY = 30  # production's conversations with a value for a metric
LEAST_MIRRORED = 10  # turns
NO_HISTORY = (
    f"production has no {LEAST_HISTORY} conversations that know containment, conversion or CSAT, "
    "so there is nothing to compare the candidate with"
)


def following(state: RolloutState) -> RolloutState | None:
    """The next stage; None from the last one and from rolled back."""
    return ORDER[ORDER.index(state) + 1] if state in LIVE else None


def production_after(
    before: Rollout, state: RolloutState, current: Candidate | None, live: Rollout | None
) -> str | None:
    """The id of the candidate that a transition puts into production; None if it stays.

    Reaching full replaces production. A roll-back from full restores the former one. `current`: the
    production before the transition; `live`: the rollout that is under way, if any. Raises Conflict
    where the former production cannot be restored.
    """
    if state == "full":
        return before.candidate
    if before.state != "full":
        return None
    is_current = current is not None and current.id == before.candidate
    if before.former is None or not is_current or live is not None:
        msg = (
            f"rollout {before.id!r} is no longer in production, or has no predecessor; "
            "start a rollout of the former model"
        )
        raise Conflict(msg)
    return before.former


def share(state: RolloutState, target_percent: float, holdout_percent: float) -> float:
    """Share of customers that the candidate answers in a stage, 0 to 1.

    For `full`: while there is a holdout.
    """
    return {
        "canary": target_percent / 100,
        "half": HALF_PERCENT / 100,
        "full": 1 - holdout_percent / 100,
    }.get(state, 0.0)


def plan(
    history: Sequence[Mapping[str, float]],
    delays: Sequence[float],
    setting: Settings,
    *,
    goal: Goal = "superior",
    failing: float | None = None,
    promote_alpha: float | None = None,
    customers_per_day: float = 0,
    foresight: Foresight | None = None,
    only_verified: bool = False,
) -> RolloutPlan | None:
    """What a rollout has to show, from production's past.

    `history`: its conversations' figures by metric; `delays`: hours that its conversions took;
    `failing`: share of its requests that failed; `promote_alpha`: this try's part of a year's
    budget, if there is one; `customers_per_day`: for a horizon, where one is set; `foresight`:
    predictions from first messages; `only_verified`: customers who are not are left out, so that
    none is false. A metric that fewer than LEAST_HISTORY conversations know is
    left out, because there is nothing to compare the candidate with; None when no metric is left.
    """
    known = _known(history)
    if not known:
        return None
    predicted = _foresight_of(foresight, known)
    found = _plan_of(goal, setting, promote_alpha, known, history, delays, failing, predicted)
    if only_verified:
        found = found.model_copy(
            update={"only_verified": True, "false_promote": 0.0, "false_harm": 0.0}
        )
    days = setting.rollout_horizon_days
    if days is None or not customers_per_day:
        return found
    return Trial.of(found).with_horizon(
        days * 24, customers_per_day * (days - found.window_hours / 24)
    )


def known_metrics(history: Sequence[Mapping[str, float]]) -> list[str]:
    """The metrics that enough of these conversations know."""
    return list(_known(history))


def _known(history: Sequence[Mapping[str, float]]) -> dict[str, list[float]]:
    known = {name: [row[name] for row in history if name in row] for name in WEIGHTS}
    return {name: values for name, values in known.items() if len(values) >= LEAST_HISTORY}


def _foresight_of(foresight: Foresight | None, known: dict[str, list[float]]) -> Foresight:
    return Foresight(
        weights={
            name: weights
            for name, weights in (foresight or Foresight()).weights.items()
            if name in known
        }
    )


def _plan_of(
    goal: Goal,
    setting: Settings,
    promote_alpha: float | None,
    known: dict[str, list[float]],
    history: Sequence[Mapping[str, float]],
    delays: Sequence[float],
    failing: float | None,
    predicted: Foresight,
) -> RolloutPlan:
    return RolloutPlan(
        goal=goal,
        alpha=setting.rollout_alpha,
        promote_alpha=None if promote_alpha is None else min(promote_alpha, setting.rollout_alpha),
        smallest_effect=setting.rollout_smallest_effect,
        weights={name: WEIGHTS[name] for name in known},
        margins={name: margin for name, margin in setting.rollout_margins.items() if name in known},
        means=_means_of(known, history),
        rated={name: len(values) / len(history) for name, values in known.items() if name in SPANS},
        window_hours=narrowed(
            setting.rollout_window_hours,
            [hours for hours in delays if hours <= setting.rollout_window_hours],
        ),
        least_hours=setting.rollout_half_hours,
        failing=tolerable(failing),
        false_promote=setting.rollout_false_percent / 100,
        false_harm=setting.rollout_false_harm_percent / 100,
        covariates=COVARIATES + len(predicted.weights),
        foresight=predicted,
    )


def _means_of(
    known: dict[str, list[float]], history: Sequence[Mapping[str, float]]
) -> dict[str, float]:
    return {
        name: math.fsum(values) / (len(values) if name in SPANS else len(history))
        for name, values in known.items()
    }


def budgeted(alpha: float, tries: Sequence[tuple[str, bool]], candidate: str) -> float:
    """The largest chance of a false promotion for the next try, from a year's budget.

    `tries`: (candidate, was promoted) before it, in order. e-LOND (Xu & Ramdas, "Online multiple
    testing with e-values", AISTATS 2024): the t-th candidate gets alpha * gamma_t * (promotions
    before it + 1), the gammas summing to 1; then of the year's promotions a share of at most alpha
    is expected to be no better, however they depend on each other. gamma_t = 1 / (t (t + 1)). The
    tries of one candidate share its part: the first has half of it, the next half of what is left.

    >>> budgeted(0.1, [], "a"), budgeted(0.1, [("a", False)], "a")
    (0.025, 0.0125)
    >>> round(budgeted(0.1, [("a", True)], "b"), 4)
    0.0167
    """
    order = [*dict.fromkeys([*(name for name, _ in tries), candidate])]
    turn = order.index(candidate)
    names = [name for name, _ in tries]
    first = names.index(candidate) if candidate in names else len(names)
    promotions = sum(promoted for _, promoted in tries[:first])
    return (
        alpha / ((turn + 1) * (turn + 2)) * (promotions + 1) * 0.5 ** (names.count(candidate) + 1)
    )


def forecast(plan: RolloutPlan, customers_per_day: float, *, before_half_hours: float) -> Forecast:
    """Days until each thing that `plan` asks for is shown.

    Mirror and canary, then so many customers at half and half, then their window.
    """
    needed = Trial.of(plan).customers_needed()
    around = (before_half_hours + plan.window_hours) / 24
    least = (before_half_hours + plan.least_hours) / 24
    days = {name: max(least, around + count / customers_per_day) for name, count in needed.items()}
    return Forecast(
        customers_per_day=customers_per_day,
        customers_needed=needed,
        false_customers=plan.false_promote,
        days=days,
    )


def covariates(plan: RolloutPlan, row: TrialRow) -> tuple[float, ...]:
    """What is known of a conversation before its arm is.

    The hour as a circle, the weekend, whether the customer was here before, what the first message
    predicts.
    """
    at = row.started_at
    angle = 2 * math.pi * (at.hour + at.minute / 60) / 24
    unread = (0.0,) * (plan.covariates - COVARIATES)
    return (
        math.sin(angle),
        math.cos(angle),
        float(at.weekday() >= 5),
        float(row.is_returning),
        *(row.foreseen or unread),
    )


def trial(
    plan: RolloutPlan,
    began_at: datetime,
    assigned: Sequence[TrialRow],
    requests: Sequence[tuple[Arm, float, bool]],
    entered: Sequence[TrialRow],
    *,
    is_trusted: bool = False,
) -> Trial:
    """The evidence of a rollout: a fold over its rows, so that it can be computed at any time.

    `requests`: (arm, share, failed) in the order in which they ended. `is_trusted`: a person has
    looked at its customers.
    """
    found = Trial.of(plan)
    found.is_trusted = is_trusted
    assigned = _counted(plan, assigned)
    entered = _counted(plan, entered)
    found.assign(_arms(row.arm for row in assigned), np.array([row.share for row in assigned]))
    share = np.array([share for _, share, _ in requests])
    days = max((row.started_at - began_at).days for row in assigned) + 1 if assigned else 1
    found.finish(
        _arms(arm for arm, _, _ in requests),
        share,
        np.array([float(bad) for *_, bad in requests]),
        candidate_per_day=float(share.sum()) / days,
    )
    _close(found, entered, began_at, plan)
    if not is_trusted:
        found.suspicion = suspicion(plan, entered)
    return found


def _counted(plan: RolloutPlan, rows: Sequence[TrialRow]) -> Sequence[TrialRow]:
    return [row for row in rows if row.is_verified] if plan.only_verified else rows


def _close(
    found: Trial, entered: Sequence[TrialRow], began_at: datetime, plan: RolloutPlan
) -> None:
    found.close(
        np.array([(row.started_at - began_at).days for row in entered], dtype=np.int64),
        _arms(row.arm for row in entered),
        np.array([row.share for row in entered]),
        np.array([covariates(plan, row) for row in entered]).reshape(len(entered), plan.covariates),
        {
            name: np.array([row.values.get(name, math.nan) for row in entered])
            for name in plan.means
        },
    )


def fault_in_mirror(tally: Mapping[str, Any]) -> str | None:
    """Why a mirrored candidate must not answer customers; None while nothing is shown.

    With Wilson limits of 95 %.
    """
    asked = tally["answered"] + tally["failed"]
    for count, of, what in (
        (tally["failed"], asked, "failed in"),
        (tally["broken"], tally["answered"], "broke policy checks in"),
    ):
        if of >= LEAST_MIRRORED and wilson(count, of)[0] > tolerable(None):
            return f"the candidate {what} {count} of {of} mirrored turns"
    won, lost = (tally["preferred"].get(whose, 0) for whose in ("candidate", "production"))
    if log_evidence_worse(won, lost) >= LEAST_EVIDENCE:
        return (
            f"the blind judge prefers production's answers in {lost} mirrored turns, "
            f"the candidate's in {won}"
        )
    return None


def decide(
    rollout: Rollout,
    seen: Trial | None,
    now: datetime,
    *,
    canary_hours: float,
    dropped: int = 0,
) -> Decision:
    """Hold, advance, roll back, or set aside for a person.

    Unknown holds; inconclusive keeps production. The mirror ends by time alone: a mirrored answer
    has no outcome, so it can show a fault but never a gain. So does the canary, if no harm is seen:
    a tenth of the customers cannot show a gain either. `dropped`: recent requests that could not be
    logged. A rollout in `full` is decided about only during its holdout.
    """
    if rollout.state == "full" and seen is not None:
        return _in_holdout(seen)
    if rollout.state not in LIVE:
        return Decision(verdict="hold", why=f"the rollout is over ({rollout.state})")
    if rollout.state == "gate":
        return Decision(verdict="hold", why="the offline evaluation is not done")
    if rollout.state == "mirror":
        return _in_mirror(now, rollout)
    if seen is None:
        return Decision(verdict="hold", why=NO_HISTORY)
    found = _by_evidence(rollout, seen, now, canary_hours)
    if dropped and found.verdict == "advance":
        return Decision(
            verdict="hold",
            why=(
                f"paused: {dropped} requests could not be logged lately, so the arms' "
                "figures may be biased"
            ),
        )
    return found


def _in_holdout(seen: Trial) -> Decision:
    found = seen.verdict(may_promote=False)
    return (
        found
        if found.verdict in {"roll_back", "set_aside"}
        else Decision(verdict="hold", why="it is in production, and no harm is seen in its holdout")
    )


def _in_mirror(now: datetime, rollout: Rollout) -> Decision:
    over = now >= rollout.mirror_until
    return Decision(
        verdict="advance" if over else "hold",
        why="the mirror stage is over"
        if over
        else f"mirrored until {rollout.mirror_until:%Y-%m-%d %H:%M} UTC",
    )


def _by_evidence(rollout: Rollout, seen: Trial, now: datetime, canary_hours: float) -> Decision:
    hours = (now - rollout.changed_at) / timedelta(hours=1)
    if rollout.state == "half":
        return _at_half(seen, hours)
    found = seen.verdict(may_promote=False)
    if found.verdict == "hold" and hours >= canary_hours and seen.is_calm and seen.effects.count[1]:
        why = (
            f"no harm seen in {hours:.0f} hours, with {seen.effects.count[1]} customers of the "
            "candidate"
        )
        return Decision(verdict="advance", why=why, evidence=seen.evidence())
    return found


def _at_half(seen: Trial, hours: float) -> Decision:
    found = seen.verdict(may_promote=hours >= seen.plan.least_hours)
    if (
        found.verdict == "hold"
        and seen.plan.horizon_hours is not None
        and hours >= seen.plan.horizon_hours
    ):
        why = (
            f"no evidence within the horizon of {seen.plan.horizon_hours / 24:g} days: {found.why}"
        )
        return Decision(verdict="roll_back", why=why, evidence=seen.evidence())
    return found


def _arms(arms: Iterable[Arm]) -> Floats:
    return np.array([float(arm == "candidate") for arm in arms])
