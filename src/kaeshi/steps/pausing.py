"""Pausing a rollout, and resuming it: by people, and where people have to look."""

from kaeshi.errors import Conflict
from kaeshi.loop import Loop
from kaeshi.nouns import Decision, Rollout, RolloutState
from kaeshi.rules import rollout as rules
from kaeshi.rules.trial import Trial
from kaeshi.steps.notice import notify
from kaeshi.steps.trial import observe

# stages in which customers of both arms are compared
WATCHED = frozenset({"canary", "half", "full"})


async def pause(loop: Loop, rollout: str, *, reason: str, by: str) -> Rollout:
    """Pause a rollout until it is resumed, or promoted by name.

    Shares stay, customers are counted, and harm still rolls it back. Raises Conflict for one that
    is over, or paused already.
    """
    async with loop.store.write() as tx:
        current = await tx.rollouts.get(loop.assistant, rollout)
        if current.state not in rules.LIVE or current.paused is not None:
            msg = (
                f"rollout {rollout!r} is "
                f"{current.state}{f', and paused by {current.paused}' if current.paused else ''}; "
                "only a running rollout can be paused"
            )
            raise Conflict(msg)
        why = reason or "no reason given"
        held = await tx.rollouts.pause(
            current,
            f"{by}: {why}",
            loop.clock.now(),
            by=by,
            why=f"paused: {why}",
            percent=current.percent,
        )
    await notify(
        loop, f"rollout {rollout} of {loop.assistant} is paused in {held.state} by {held.paused}"
    )
    return held


async def resume(loop: Loop, rollout: str, *, by: str) -> Rollout:
    """Let a paused rollout continue by its schedule, with its share of the customers.

    A person who resumes one whose customers are in doubt has looked at them: from then on only what
    false customers could not have done rolls it back. Raises Conflict for one that is not paused.
    """
    async with loop.store.read() as tx:
        current = await tx.rollouts.get(loop.assistant, rollout)
    if current.paused is None:
        msg = f"rollout {rollout!r} is not paused; `kaeshi rollout status` shows its state"
        raise Conflict(msg)
    now = loop.clock.now()
    seen = await observe(loop, current, now) if current.state in WATCHED else None
    async with loop.store.write() as tx:
        # fixing the plan does not change the version
        going = await tx.rollouts.pause(
            current,
            None,
            now,
            by=by,
            why="resumed",
            percent=percent_of(loop, current.state, current.target_percent),
            trusted_by=by if seen is not None and seen.is_in_doubt else current.trusted_by,
        )
    await notify(
        loop, f"rollout {rollout} of {loop.assistant} goes on in {going.state}: resumed by {by}"
    )
    return going


def percent_of(loop: Loop, state: RolloutState, target: float) -> float:
    """The candidate's share of the customers in a stage, in percent."""
    held_out = loop.settings.rollout_holdout_percent if loop.settings.rollout_holdout_days else 0.0
    return rules.share(state, target, held_out) * 100


async def for_people(
    rollout: Rollout, decision: Decision, seen: Trial | None, loop: Loop, by: str
) -> tuple[Rollout, Decision]:
    """Pause a rollout that a person has to look at."""
    if decision.verdict == "set_aside":
        return await _set_aside(rollout, decision, loop, by)
    if seen is not None and seen.suspicion is not None and rollout.paused is None:
        rollout = await _hold(loop, rollout, seen.suspicion, by)
    return await _with_approval(rollout, decision, loop, by)


async def _set_aside(
    rollout: Rollout, decision: Decision, loop: Loop, by: str
) -> tuple[Rollout, Decision]:
    """Take a rollout's customers from it until a person decides; in full it keeps them."""
    held = decision.model_copy(update={"verdict": "hold"})
    is_aside = rollout.percent == 0 or rollout.state == "full"
    if rollout.paused is not None and is_aside:
        return rollout, held
    percent = rollout.percent if rollout.state == "full" else 0.0
    return await _hold(loop, rollout, decision.why, by, percent), held


async def _hold(
    loop: Loop, rollout: Rollout, why: str, by: str, percent: float | None = None
) -> Rollout:
    """Pause it, and tell a person."""
    share = rollout.percent if percent is None else percent
    async with loop.store.write() as tx:
        held = await tx.rollouts.pause(
            rollout,
            "; ".join(filter(None, (rollout.paused, f"{by}: {why}"))),
            loop.clock.now(),
            by=by,
            why=why,
            percent=share,
        )
    await notify(
        loop,
        f"rollout {held.id} of {loop.assistant} waits for a person in {held.state} ({share:g} %): "
        f"{why}. `kaeshi rollout resume {held.id} --by NAME` lets it go on, "
        f"`kaeshi rollout rollback {held.id} --by NAME` ends it",
    )
    return held


async def _with_approval(
    rollout: Rollout, decision: Decision, loop: Loop, by: str
) -> tuple[Rollout, Decision]:
    following = rules.following(rollout.state)
    if (
        decision.verdict == "advance"
        and rollout.paused is None
        and following in loop.settings.rollout_approvals
    ):
        why = (
            f"{following} needs a person's approval: kaeshi rollout promote "
            f"{rollout.id} --by NAME. {decision.why}"
        )
        rollout = await pause(loop, rollout.id, reason=why, by=by)
    if decision.verdict == "advance" and rollout.paused is not None:
        decision = decision.model_copy(
            update={"verdict": "hold", "why": f"paused by {rollout.paused}"}
        )
    return rollout, decision
