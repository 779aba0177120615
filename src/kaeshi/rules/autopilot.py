"""What the autopilot tries next, and why: the means whose past is worth most for its price.

Nothing is known of a means before it was tried, so all begin with the same expectations, and the
cheaper is tried first. What came of each try moves them.
"""

import hashlib
import math
from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple, get_args

from kaeshi.nouns import AutopilotRun, AutopilotState, Evaluation, Json, Means, Option, Plan

# points of the share of right answers that each doubling of the material brings, before anything
# was measured, and how many measurements that belief weighs
PRIOR_POINTS = 2.0
PRIOR_WEIGHT = 2.0
LEAST_POINTS = 0.5  # an expected gain that is worth a rollout
# what the place of one rollout is worth, so that free means are not worth everything
SLOT_USD = 5.0
COUNTED: frozenset[AutopilotState] = frozenset({"promoted", "rolled_back", "refused", "failed"})
LEAST_CASES = 20  # test cases, from which on a difference is a measurement
FIRST = 20  # pieces of material that a first try is compared with


class Fresh(NamedTuple):
    """How many held-out questions were asked, and how many each answered as people did."""

    asked: int = 0
    candidate: int = 0
    production: int = 0


def chance(past: Sequence[AutopilotRun], means: Means) -> float:
    """The chance that the next try with these means is promoted.

    The mean of a beta distribution that begins uniform: (promoted + 1) / (tries + 2).
    """
    tried = [run for run in past if _is_try(run, means)]
    return (sum(run.state == "promoted" for run in tried) + 1) / (len(tried) + 2)


def fingerprint(*parts: str) -> str:
    """Of an option's content: what has the same is never tried twice."""
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def doublings(option: Option) -> float:
    """How often what was known would have to double to become what there is.

    >>> doublings(Option(means="examples", fingerprint="", material=160, known=40))
    2.0
    """
    return math.log2(max(option.material, 1) / max(min(option.known or FIRST, option.material), 1))


def points_per_doubling(past: Sequence[AutopilotRun], means: Means) -> float:
    """Points that a doubling brought with these means, drawn towards the prior.

    Shares of right answers rise with the logarithm of what is learned from (a learning curve). What
    was not promoted says nothing of it: it lowers the chance, and with more material another try
    may win.
    """
    measured = [
        (float(run.found["gain"]), doublings(run.plan.option))
        for run in past
        if "gain" in run.found and run.state == "promoted" and run.plan.option.means == means
    ]
    doubled = sum(max(times, 1.0) for _, times in measured)
    brought = sum(max(gain, 0.0) for gain, _ in measured)
    return (PRIOR_POINTS * PRIOR_WEIGHT + brought) / (PRIOR_WEIGHT + doubled)


def planned(past: Sequence[AutopilotRun], option: Option) -> Plan:
    """The option with what is expected of it."""
    share = chance(past, option.means)
    gain = points_per_doubling(past, option.means) * doublings(option)
    tried = sum(_is_try(run, option.means) for run in past)
    why = (
        f"{option.material} to learn from, {option.known} of them known to the last of its kind; "
        f"{tried} {'try' if tried == 1 else 'tries'} before: {share:.0%} likely to be promoted, "
        f"{gain:+.1f} points if it is, for ${option.cost_usd:.2f}"
    )
    if option.forced:
        why = str(option.detail["why"])
    return Plan(option=option, chance=round(share, 4), gain=round(gain, 3), why=why)


def _is_try(run: AutopilotRun, means: Means) -> bool:
    return run.plan.option.means == means and run.state in COUNTED


def measured(candidate: Evaluation | None, production: Evaluation | None, fresh: Fresh) -> Json:
    """What the offline evaluation found; the gain in points only where enough was asked for one.

    Fresh questions tell more of a gain than test cases, which stay as they are.
    """
    found: Json = {"fresh": list(fresh)} if fresh.asked else {}
    gains = [(fresh.asked, fresh.candidate, fresh.production)]
    if candidate is not None and production is not None:
        cases = (len(candidate.results), candidate.passed, production.passed)
        found |= dict(zip(("cases", "passed", "production"), cases, strict=True))
        gains.append(cases)
    enough = next((gain for gain in gains if gain[0] >= LEAST_CASES), None)
    if enough is not None:
        asked, mine, other = enough
        found["gain"] = round(100 * (mine - other) / asked, 2)
    return found


def told(found: Json) -> str:
    """The offline evaluation in words."""
    said = []
    if "fresh" in found:
        asked, mine, other = found["fresh"]
        said.append(f"{mine} of {asked} held-out questions answered right, production {other}")
    if "cases" in found:
        said.append(
            f"{found['passed']} of {found['cases']} test cases passed, production "
            f"{found['production']}"
        )
    return "; ".join(said) or "nothing to judge by offline: live traffic alone will tell"


def worth(plan: Plan) -> float:
    """Expected points per dollar, a place in the queue of rollouts counted as SLOT_USD."""
    return plan.chance * plan.gain / (SLOT_USD + float(plan.option.cost_usd))


def choose(past: Sequence[AutopilotRun], options: Sequence[Option]) -> tuple[Plan | None, str]:
    """The plan to follow, or None and why nothing is worth trying.

    What is forced comes first; what was tried with the same content is not tried again.
    """
    tried = {run.plan.option.fingerprint for run in past}
    fresh = [option for option in options if option.fingerprint not in tried]
    plans = sorted((planned(past, option) for option in fresh), key=_rank)
    if not plans:
        why = "all of it was tried" if options else "nothing can be made of what there is"
        return None, f"nothing new: {why}"
    best = plans[0]
    if not best.option.forced and best.gain * best.chance < LEAST_POINTS:
        return None, (
            f"the best, {best.option.means}, is expected to bring {best.gain * best.chance:.2f} "
            f"points, less than {LEAST_POINTS}: {best.why}"
        )
    return best, _against(plans)


def _rank(plan: Plan) -> tuple[bool, float, int]:
    return not plan.option.forced, -worth(plan), get_args(Means).index(plan.option.means)


def _against(plans: Sequence[Plan]) -> str:
    """Why the first was chosen before the others."""
    best = plans[0]
    said = f"{best.option.means}: {best.why}"
    others = [
        f"{plan.option.means} ({plan.chance:.0%}, {plan.gain:+.1f} points, "
        f"${plan.option.cost_usd:.2f})"
        for plan in plans[1:]
    ]
    return f"{said}; rather than {', '.join(others)}" if others else said


def calibration(past: Sequence[AutopilotRun]) -> str | None:
    """Whether the autopilot's forecasts held, in a sentence; None before anything ended."""
    ended = [run for run in past if run.state in COUNTED]
    if not ended:
        return None
    won = [run for run in ended if run.state == "promoted"]
    said = sum(run.plan.chance for run in ended) / len(ended)
    were = "1 was" if len(won) == 1 else f"{len(won)} were"
    return (
        f"forecasts so far: {said:.0%} of {len(ended)} expected to be promoted, {were}{_gains(won)}"
    )


def _gains(won: Sequence[AutopilotRun]) -> str:
    gains = [(run.plan.gain, float(run.found["gain"])) for run in won if "gain" in run.found]
    if not gains:
        return ""
    expected, found = (sum(column) / len(gains) for column in zip(*gains, strict=True))
    return f"; {expected:+.1f} points expected of a promotion, {found:+.1f} measured"


def sentences(past: Sequence[AutopilotRun], since: datetime, until: datetime) -> tuple[str, ...]:
    """What the autopilot did in a week, and whether its forecasts held; `until` is exclusive."""
    moved = [run for run in past if since <= run.changed_at < until or run.is_open]
    said = [
        f"{run.plan.option.means} {run.state.replace('_', ' ')}, for "
        f"${run.plan.option.cost_usd:.2f}: {run.why}"
        for run in moved
        if run.began_at < until
    ]
    held = calibration([run for run in past if run.changed_at < until])
    return (*said, held) if said and held else tuple(said)
