"""Taking a candidate into production stage by stage, or back out.

Every transition records why it was made, and by whom.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from kaeshi.errors import Conflict, InvalidInput, Refused
from kaeshi.loop import Loop
from kaeshi.nouns import (
    Candidate,
    Comparison,
    Decision,
    Forecast,
    Goal,
    Json,
    MetricComparison,
    Rollout,
    RolloutState,
    Sample,
    Serving,
    TrialRow,
    Verdict,
)
from kaeshi.rules import rollout as rules
from kaeshi.rules.comparison import SPANS, named
from kaeshi.rules.trial import Trial
from kaeshi.steps import asking, evaluation
from kaeshi.steps.conversation import holdout_since
from kaeshi.steps.notice import notify
from kaeshi.steps.pausing import WATCHED, for_people, percent_of
from kaeshi.steps.replay import samples
from kaeshi.steps.traffic import RECENT, check_customers
from kaeshi.steps.trial import HISTORY, budget_of, customers_per_day, observe, of_verified, trial_of

COMPARED = ("containment", "conversion", "csat")
GATE_PATIENCE = timedelta(hours=1)  # age at which an open gate is judged again
FORCED_PAUSE = timedelta(seconds=10)
UNLOGGED = timedelta(days=1)  # how long requests that could not be logged hold a promotion


async def register(
    loop: Loop,
    model: str,
    *,
    kind: str = "fine_tune",
    evidence: Json | None = None,
    serving: Serving | None = None,
) -> Candidate:
    """Register a model as a candidate, with what is known about it and how it is asked."""
    candidate = Candidate.model_validate(
        {
            "id": loop.ids.new("cand"),
            "assistant": loop.assistant,
            "kind": kind,
            "model": model,
            "evidence": evidence or {},
            "serving": serving or Serving(),
            "created_at": loop.clock.now(),
        }
    )
    async with loop.store.write() as tx:
        return await tx.candidates.add(candidate)


async def name_first(loop: Loop, model: str, serving: Serving | None = None) -> Candidate:
    """`set_production`, after the model was asked once. Raises Refused where it does not answer."""
    asked = asking.unregistered(loop.assistant, model)
    if serving is not None:
        asked = asked.model_copy(update={"serving": serving})
    await asking.check_answers(loop, asked)
    return await set_production(loop, model, serving)


async def set_production(loop: Loop, model: str, serving: Serving | None = None) -> Candidate:
    """Put the very first model into production.

    Raises Conflict when there is one: a second one goes through a rollout.
    """
    candidate = await register(loop, model, kind="base_model", serving=serving)
    async with loop.store.write() as tx:
        current = await tx.rollouts.production(loop.assistant)
        if current is not None and current.model != model:
            msg = (
                f"assistant {loop.assistant!r} has {current.model!r} in production; start a "
                f"rollout for {model!r} instead"
            )
            raise Conflict(msg)
        if current is None:
            await tx.rollouts.set_production(loop.assistant, candidate.id, loop.clock.now())
    return candidate


async def start(
    loop: Loop, model: str, *, percent: float, hours: float, goal: Goal = "superior", by: str = ""
) -> Rollout:
    """`begin`, after the candidate was asked once.

    Raises Refused where it does not answer, Conflict where nothing is in production.
    """
    async with loop.store.read() as tx:
        production = await tx.rollouts.production(loop.assistant)
    if production is None:
        msg = (
            f"assistant {loop.assistant!r} has nothing in production to compare {model!r} with; "
            "`kaeshi rollout start MODEL --first` names the first"
        )
        raise Conflict(msg)
    await ask_once(loop, model)
    return await begin(loop, model, percent=percent, hours=hours, goal=goal, by=by)


async def ask_once(loop: Loop, model: str) -> None:
    """Ask a candidate as customers would. Raises Refused where it does not answer."""
    async with loop.store.read() as tx:
        candidate = await tx.candidates.named(loop.assistant, model)
    await asking.check_answers(loop, candidate)


async def begin(
    loop: Loop, model: str, *, percent: float, hours: float, goal: Goal = "superior", by: str = ""
) -> Rollout:
    """Start a rollout towards a better candidate, or one that is not worse.

    Not worse: for a forced migration or a cheaper model. With test cases, the offline gate is
    passed or the rollout ends there; without any, the reason says so and the mirror begins. Raises
    NotFound for a model that was never registered, Conflict while another candidate is under way.
    """
    _check_begin(percent, hours)
    now = loop.clock.now()
    await check_customers(loop, now)
    async with loop.store.write() as tx:
        candidate = await tx.candidates.named(loop.assistant, model)
        production = await tx.rollouts.production(loop.assistant)
        if production is not None and production.id == candidate.id:
            msg = f"{model!r} is in production already"
            raise Conflict(msg)
        rollout = _rollout_of(loop, candidate, percent, now, hours, goal)
        await tx.rollouts.begin(rollout, by, f"rollout of {candidate.model} to {percent:g} %")
    return await _through_gate(loop, rollout, candidate, production, by)


async def succeed(loop: Loop, model: str, *, by: str, why: str) -> Rollout:
    """Put a successor into production at once, where production answers no more.

    Neither gate, evidence nor holdout: what answers nothing has no customers to compare. A rollout
    of the successor ends so; any other that is under way is rolled back.
    """
    async with loop.store.read() as tx:
        candidate = await tx.candidates.named(loop.assistant, model)
        live = await tx.rollouts.live(loop.assistant)
    if live is not None and live.candidate != candidate.id:
        await roll_back(loop, live.id, reason=why, by=by)
        live = None
    if live is None:
        live = _rollout_of(loop, candidate, rules.HALF_PERCENT, loop.clock.now(), 0, "non_inferior")
        async with loop.store.write() as tx:
            await tx.rollouts.begin(live, by, f"{model} succeeds")
    return await _move(loop, live, "full", by, why, {}, holds_out=False)


def _check_begin(percent: float, hours: float) -> None:
    if not 0 < percent <= rules.HALF_PERCENT:
        msg = f"traffic_percent {percent!r} is not above 0 and at most {rules.HALF_PERCENT:g}"
        raise InvalidInput(msg)
    if not 0 <= hours <= 24 * 365:
        msg = f"duration_hours {hours!r} is not between 0 and a year"
        raise InvalidInput(msg)


def _rollout_of(
    loop: Loop, candidate: Candidate, percent: float, now: datetime, hours: float, goal: Goal
) -> Rollout:
    return Rollout(
        id=loop.ids.new("ro"),
        assistant=loop.assistant,
        candidate=candidate.id,
        state="gate",
        percent=0,
        target_percent=percent,
        mirror_until=now + timedelta(hours=hours),
        version=1,
        began_at=now,
        changed_at=now,
        goal=goal,
    )


async def _through_gate(
    loop: Loop, rollout: Rollout, candidate: Candidate, production: Candidate | None, by: str
) -> Rollout:
    """Mirror the candidate if it passes the gate; end the rollout, with the reason, if it fails."""
    found = await evaluation.gate(loop, candidate.model, production.model if production else None)
    after: RolloutState = "rolled_back" if found.passed is False else "mirror"
    evidence = {} if found.passed is None else {"gate": {"passed": found.passed}}
    return await _move(loop, rollout, after, by, found.why, evidence)


async def forecast(loop: Loop, hours: float) -> Forecast | None:
    """How long a rollout is likely to take at the traffic of the last weeks.

    With so many hours of mirroring. None without a history to plan by.
    """
    now = loop.clock.now()
    async with loop.store.read() as tx:
        past = await tx.reports.observed_between(loop.assistant, now - HISTORY, now)
        budget = await budget_of(loop, tx, "", now)
    past, only_verified = of_verified(loop.settings, past)
    per_day = customers_per_day(past, now)
    plan = rules.plan(
        [seen.values for seen in past],
        [],
        loop.settings,
        promote_alpha=budget,
        customers_per_day=per_day,
        only_verified=only_verified,
    )
    if plan is None:
        return None
    return rules.forecast(
        plan, per_day, before_half_hours=hours + loop.settings.rollout_canary_hours
    )


async def compare(loop: Loop, rollout: str, metrics: Sequence[str] = COMPARED) -> Comparison:
    """Both arms of a rollout on these metrics, as far as it has counted them.

    Without observations the candidate is not better.
    """
    async with loop.store.read() as tx:
        current = await tx.rollouts.get(loop.assistant, rollout)
        assigned = await tx.rollouts.assigned(loop.assistant, rollout)
        seen, rows = await trial_of(tx, current, assigned)
    waiting = len(assigned) - len(rows)
    asked = named(metrics)
    arms = _arms_of(current, rows)
    if seen is None:
        return _nothing_seen(asked, current)
    found = seen.compared(asked, arms)
    hours = seen.plan.window_hours
    return (
        found.model_copy(
            update={
                "why": f"{found.why}; {waiting} more are within their window of {hours:.3g} hours"
            }
        )
        if waiting
        else found
    )


def _arms_of(current: Rollout, rows: list[TrialRow]) -> dict[str, dict[str, Sample]]:
    failed = (
        {name: 0.0 for name in current.plan.means if name not in SPANS} if current.plan else {}
    )  # unreported values
    return {
        arm: samples([failed | row.values for row in rows if row.arm == arm])
        for arm in ("production", "candidate")
    }


def _nothing_seen(asked: list[str], current: Rollout) -> Comparison:
    return Comparison(
        metrics=tuple(
            MetricComparison(metric=m, production=Sample(), candidate=Sample(), difference=None)
            for m in asked
        ),
        composite=None,
        candidate_better=False,
        candidate_worse=False,
        switched_off=tuple(asked),
        why=f"nothing is observed yet: the rollout is in its {current.state} stage"
        if current.state in {"gate", "mirror"}
        else rules.NO_HISTORY,
    )


async def step(loop: Loop, rollout: Rollout, *, by: str = "schedule") -> tuple[Rollout, Decision]:
    """Count the customers whose windows have closed, decide once, and act.

    A rollout whose process died in the gate is judged there again after GATE_PATIENCE.
    """
    now = loop.clock.now()
    if rollout.state == "gate" and now - rollout.began_at >= GATE_PATIENCE:
        return await _judge_again(loop, rollout, by)
    seen = await observe(loop, rollout, now) if rollout.state in WATCHED else None
    if rollout.state == "mirror":
        async with loop.store.read() as tx:
            mirrored = await tx.exchanges.mirror_tally(loop.assistant, rollout.id)
        if why := rules.fault_in_mirror(mirrored):
            decision = Decision(verdict="roll_back", why=why, evidence={"mirror": mirrored})
            return await _apply(loop, rollout, decision, by, decision.evidence), decision
    decision = await _decision_of(loop, now, rollout, seen)
    rollout, decision = await for_people(rollout, decision, seen, loop, by)
    return await _apply(loop, rollout, decision, by, decision.evidence), decision


async def _decision_of(loop: Loop, now: datetime, rollout: Rollout, seen: Trial | None) -> Decision:
    async with loop.store.read() as tx:
        dropped = await tx.exchanges.dropped_since(loop.assistant, now - UNLOGGED)
    return rules.decide(
        rollout,
        seen,
        now,
        canary_hours=loop.settings.rollout_canary_hours,
        dropped=dropped,
    )


async def _judge_again(loop: Loop, rollout: Rollout, by: str) -> tuple[Rollout, Decision]:
    async with loop.store.read() as tx:
        candidate = await tx.candidates.named(loop.assistant, rollout.candidate)
        production = await tx.rollouts.production(loop.assistant)
    moved = await _through_gate(loop, rollout, candidate, production, by)
    verdict: Verdict = "roll_back" if moved.state == "rolled_back" else "advance"
    return moved, Decision(
        verdict=verdict, why=f"the gate was interrupted and judged again: {moved.state}"
    )


async def step_all(loop: Loop) -> list[tuple[str, str]]:
    """The scheduled job: step the live rollout, or the one in its holdout, if there is one.

    Returns (rollout, why).
    """
    async with loop.store.read() as tx:
        live = await tx.rollouts.live(loop.assistant) or await tx.rollouts.held_out(
            loop.assistant, holdout_since(loop)
        )
    if live is None:
        return []
    _, decision = await step(loop, live)
    return [(live.id, decision.why)]


async def promote(
    loop: Loop, rollout: str, *, strategy: str = "gradual", by: str = "", force: bool = False
) -> Rollout:
    """Advance by evidence: gradual takes one stage, immediate goes to full.

    Without evidence it is refused, unless a named person forces it. Two people who force it at once
    mean one stage: a second one within FORCED_PAUSE is refused. Raises Refused without evidence,
    Conflict for a rollout that is over or has just moved.
    """
    _check_promotion(strategy, force, by)
    async with loop.store.read() as tx:
        current = await tx.rollouts.get(loop.assistant, rollout)
    following = rules.following(current.state)
    if following is None:
        msg = f"rollout {rollout!r} is over ({current.state}); start a new one"
        raise Conflict(msg)
    now = loop.clock.now()
    if force:
        _check_settled(current, now)
    seen, decision = await _decision_by_hand(current, loop, now, strategy)
    if decision.verdict != "advance" and not force:
        msg = f"rollout {rollout!r} is not promoted: {decision.why}"
        raise Refused(msg)
    why = f"{'forced by ' + by if force else 'promoted'}: {decision.why}"
    return await _move(
        loop,
        current,
        "full" if strategy == "immediate" else following,
        by,
        why,
        seen.evidence() if seen else {},
    )


def _check_settled(current: Rollout, now: datetime) -> None:
    ago = now - current.changed_at
    if current.state in WATCHED and ago < FORCED_PAUSE:
        msg = (
            f"rollout {current.id!r} moved to {current.state} {ago.seconds} seconds ago; look at "
            f"it, and force it again after {FORCED_PAUSE.seconds} seconds if that is what you mean"
        )
        raise Conflict(msg)


async def _decision_by_hand(
    current: Rollout, loop: Loop, now: datetime, strategy: str
) -> tuple[Trial | None, Decision]:
    seen = await observe(loop, current, now) if current.state in WATCHED else None
    async with loop.store.read() as tx:
        dropped = await tx.exchanges.dropped_since(loop.assistant, now - UNLOGGED)
    decision = _by_hand(current, seen, now, strategy, loop.settings.rollout_canary_hours, dropped)
    return seen, decision


def _check_promotion(strategy: str, force: bool, by: str) -> None:
    if strategy not in {"gradual", "immediate"}:
        msg = f"rollout_strategy {strategy!r} is neither 'gradual' nor 'immediate'"
        raise InvalidInput(msg)
    if force and not by:
        msg = "forcing a promotion needs a person's name"
        raise InvalidInput(msg)


async def roll_back(loop: Loop, rollout: str, *, reason: str, by: str = "") -> Rollout:
    """End a rollout at once; it asks neither evidence nor provider.

    Rolling back twice is one roll-back. A model in full is replaced by its predecessor, as long as
    the holdout lasts. Raises Conflict afterwards.
    """
    async with loop.store.read() as tx:
        current = await tx.rollouts.get(loop.assistant, rollout)
    if current.state == "rolled_back":
        return current
    if current.state == "full" and current.changed_at <= holdout_since(loop):
        msg = (
            f"rollout {rollout!r} is in production, and its holdout is over; start a rollout "
            "of the former model to replace it"
        )
        raise Conflict(msg)
    return await _move(loop, current, "rolled_back", by, reason or "no reason given", {})


async def status(loop: Loop) -> Json:
    """Production, and every rollout with its audit, and the failures of each arm by reason."""
    async with loop.store.read() as tx:
        production = await tx.rollouts.production(loop.assistant)
        every = await tx.rollouts.history(loop.assistant)
        return {
            "production": production.model if production else None,
            "traffic": await tx.exchanges.recognised(loop.assistant, loop.clock.now() - RECENT),
            "rollouts": [
                {
                    **r.model_dump(mode="json"),
                    "model": (await tx.candidates.named(loop.assistant, r.candidate)).model,
                    "mirror": {
                        **await tx.exchanges.mirror_tally(loop.assistant, r.id),
                        "why": await tx.exchanges.mirror_failures(loop.assistant, r.id),
                    },
                    "arms": await tx.exchanges.failures(loop.assistant, r.id),
                    "audit": await tx.rollouts.audit(loop.assistant, r.id),
                }
                for r in every
            ],
        }


def _by_hand(
    rollout: Rollout,
    seen: Trial | None,
    now: datetime,
    strategy: str,
    canary_hours: float,
    dropped: int,
) -> Decision:
    """What a person may do.

    What the schedule may, and to full at once when the evidence is complete before the shortest
    duration is over.
    """
    if strategy == "immediate" and rollout.state in {"canary", "half"}:
        return (
            seen.verdict(may_promote=True)
            if seen
            else Decision(verdict="hold", why=rules.NO_HISTORY)
        )
    if strategy == "immediate":
        return Decision(
            verdict="hold", why=f"it is in its {rollout.state} stage and has no evidence yet"
        )
    return rules.decide(rollout, seen, now, canary_hours=canary_hours, dropped=dropped)


async def _apply(
    loop: Loop, rollout: Rollout, decision: Decision, by: str, evidence: Json
) -> Rollout:
    if decision.verdict == "roll_back":
        return await _move(loop, rollout, "rolled_back", by, decision.why, evidence)
    following = rules.following(rollout.state)
    if decision.verdict == "advance" and following is not None:
        return await _move(loop, rollout, following, by, decision.why, evidence)
    return rollout


async def _move(
    loop: Loop,
    rollout: Rollout,
    after: RolloutState,
    by: str,
    why: str,
    evidence: Json,
    *,
    holds_out: bool = True,
) -> Rollout:
    percent = percent_of(loop, after, rollout.target_percent) if holds_out else 100.0
    now = loop.clock.now()
    async with loop.store.write() as tx:
        moved = await tx.rollouts.move(
            rollout, after, percent, now, by=by, why=why, evidence=evidence, holds_out=holds_out
        )
    step = f"{rollout.state} -> {after} ({percent:g} %) by {by or 'no name'}"
    await notify(loop, f"rollout {rollout.id} of {loop.assistant}: {step}: {why}")
    return moved
