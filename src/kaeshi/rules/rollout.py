"""How a candidate travels: gate, mirror, canary, half, full; or rolled back. One step at a time, and never back up."""

from datetime import datetime

from kaeshi.types import Comparison, Decision, Rollout, RolloutState

ORDER: tuple[RolloutState, ...] = ("gate", "mirror", "canary", "half", "full")
LIVE: tuple[RolloutState, ...] = ("gate", "mirror", "canary", "half")
HALF_PERCENT = 50.0


def following(state: RolloutState) -> RolloutState | None:
    """The next stage; None from the last one and from rolled back."""
    return ORDER[ORDER.index(state) + 1] if state in LIVE else None


def share(state: RolloutState, target_percent: float) -> float:
    """Share of customers that the candidate answers in a stage, 0 to 1."""
    return {"canary": target_percent / 100, "half": HALF_PERCENT / 100, "full": 1.0}.get(state, 0.0)


def decide(rollout: Rollout, comparison: Comparison | None, now: datetime, *, gate_passed: bool | None) -> Decision:
    """Hold, advance or roll back. What is unknown holds; inconclusive keeps production.

    The mirror ends by time alone: a mirrored answer has no outcome, so it can show a fault but never a gain.
    """
    if rollout.state not in LIVE:
        return Decision(verdict="hold", why=f"the rollout is over ({rollout.state})")
    if rollout.state == "gate":
        return _gate(gate_passed)
    if rollout.state == "mirror":
        over = now >= rollout.mirror_until
        return Decision(
            verdict="advance" if over else "hold",
            why="the mirror's time is over" if over else f"mirrored until {rollout.mirror_until:%Y-%m-%d %H:%M} UTC",
        )
    if comparison is None:
        return Decision(verdict="hold", why="nothing has been observed")
    if comparison.candidate_worse:
        return Decision(verdict="roll_back", why=f"the candidate is worse: {comparison.why}")
    if comparison.candidate_better:
        return Decision(verdict="advance", why=f"the candidate is better: {comparison.why}")
    return Decision(verdict="hold", why=comparison.why)


def _gate(passed: bool | None) -> Decision:
    if passed is None:
        return Decision(verdict="hold", why="the offline evaluation has not been run")
    return (
        Decision(verdict="advance", why="the offline evaluation passed")
        if passed
        else Decision(verdict="roll_back", why="the offline evaluation failed")
    )
