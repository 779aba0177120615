"""Taking a candidate into production step by step, or back out. Every step says why, and who took it."""

from collections.abc import Mapping, Sequence
from datetime import timedelta

from kaeshi.errors import Conflict, InvalidInput, NotFound, Refused
from kaeshi.loop import Loop
from kaeshi.rules import rollout as rules
from kaeshi.rules.assignment import arm_of
from kaeshi.rules.comparison import compare as compare_samples
from kaeshi.rules.comparison import sample
from kaeshi.steps import evaluation
from kaeshi.types import Candidate, Comparison, Decision, Json, Rollout, RolloutState, Sample

METRICS = ("containment", "conversion", "csat")


async def register(loop: Loop, model: str, *, kind: str = "fine_tune", evidence: Json | None = None) -> Candidate:
    """Make a model known as a candidate, with what is known about it."""
    candidate = Candidate.model_validate(
        {
            "id": loop.ids.new("cand"),
            "assistant": loop.assistant,
            "kind": kind,
            "model": model,
            "evidence": evidence or {},
            "created_at": loop.clock.now(),
        }
    )
    async with loop.store.write() as tx:
        return await tx.add_candidate(candidate)


async def set_production(loop: Loop, model: str) -> Candidate:
    """Put the very first model into production. Raises Conflict when there is one: a second one goes through a rollout."""
    candidate = await register(loop, model, kind="base_model")
    async with loop.store.write() as tx:
        current = await tx.production(loop.assistant)
        if current is not None and current.model != model:
            msg = f"assistant {loop.assistant!r} has {current.model!r} in production; start a rollout for {model!r} instead"
            raise Conflict(msg)
        if current is None:
            await tx.set_production(loop.assistant, candidate.id, loop.clock.now())
    return candidate


async def begin(loop: Loop, model: str, *, percent: float, hours: float, by: str = "") -> Rollout:
    """Start a rollout. With test cases, the offline gate is passed or the rollout ends there; without any, it says so and mirrors.

    Raises NotFound for a model that was never registered, Conflict while another candidate is under way.
    """
    if not 0 < percent <= rules.HALF_PERCENT:
        msg = f"traffic_percent {percent!r} is not above 0 and at most {rules.HALF_PERCENT:g}"
        raise InvalidInput(msg)
    if not 0 <= hours <= 24 * 365:
        msg = f"duration_hours {hours!r} is not between 0 and a year"
        raise InvalidInput(msg)
    now = loop.clock.now()
    async with loop.store.write() as tx:
        candidate = await tx.candidate(loop.assistant, model)
        production = await tx.production(loop.assistant)
        if production is not None and production.id == candidate.id:
            msg = f"{model!r} is in production already"
            raise Conflict(msg)
        rollout = Rollout(
            id=loop.ids.new("ro"), assistant=loop.assistant, candidate=candidate.id, state="gate", percent=0, target_percent=percent, mirror_until=now + timedelta(hours=hours), version=1, began_at=now, changed_at=now
        )  # fmt: skip
        await tx.begin_rollout(rollout, by, f"rollout of {candidate.model} to {percent:g} %")
    passed = await evaluation.passes_gate(loop, candidate.model, production.model if production else None)
    if passed is None:
        return await _move(loop, rollout, "mirror", by, "no test cases are stored, so the gate asked nothing", {})
    return await _apply(loop, rollout, rules.decide(rollout, None, now, gate_passed=passed), by, {"gate": {"passed": passed}})


async def compare(loop: Loop, rollout: str, metrics: Sequence[str] = METRICS) -> Comparison:
    """Both arms of a rollout on these metrics. Nothing seen is nothing better."""
    async with loop.store.read() as tx:
        await tx.rollout(loop.assistant, rollout)
        observed = await tx.observed_in(loop.assistant, rollout)
    samples: dict[str, dict[str, Sample]] = {}
    for arm in ("production", "candidate"):
        mine = [o.values for o in observed if o.arm == arm]
        samples[arm] = {metric: sample([v[metric] for v in mine if metric in v]) for metric in {m for v in mine for m in v}}
    return compare_samples(samples["production"], samples["candidate"], metrics)


async def step(loop: Loop, rollout: Rollout, *, by: str = "schedule") -> tuple[Rollout, Decision]:
    """Let the rule decide once, and do it."""
    comparison = await compare(loop, rollout.id) if rollout.state in {"canary", "half"} else None
    decision = rules.decide(rollout, comparison, loop.clock.now(), gate_passed=None)
    return await _apply(loop, rollout, decision, by, comparison.model_dump() if comparison else {}), decision


async def step_all(loop: Loop) -> list[tuple[str, str]]:
    """The scheduled job: step the live rollout, if there is one; returns (rollout, why)."""
    async with loop.store.read() as tx:
        live = await tx.live_rollout(loop.assistant)
    if live is None:
        return []
    _, decision = await step(loop, live)
    return [(live.id, decision.why)]


async def promote(loop: Loop, rollout: str, *, strategy: str = "gradual", by: str = "", force: bool = False) -> Rollout:
    """Advance by evidence: gradual takes one step, immediate goes to full. Without evidence it is refused, unless a named person forces it.

    Raises Refused without evidence, Conflict for a rollout that is over.
    """
    if strategy not in {"gradual", "immediate"}:
        msg = f"rollout_strategy {strategy!r} is neither 'gradual' nor 'immediate'"
        raise InvalidInput(msg)
    if force and not by:
        msg = "forcing a promotion needs the name of who does it"
        raise InvalidInput(msg)
    async with loop.store.read() as tx:
        current = await tx.rollout(loop.assistant, rollout)
    following = rules.following(current.state)
    if following is None:
        msg = f"rollout {rollout!r} is over ({current.state}); what was rolled back is not promoted, start a new one"
        raise Conflict(msg)
    comparison = await compare(loop, rollout)
    if current.state in {"canary", "half"} and not comparison.candidate_better and not force:
        msg = f"rollout {rollout!r} is not promoted: {comparison.why}"
        raise Refused(msg)
    if current.state in {"gate", "mirror"} and (strategy == "immediate" or loop.clock.now() < current.mirror_until) and not force:
        msg = f"rollout {rollout!r} is in its {current.state} stage until {current.mirror_until:%Y-%m-%d %H:%M} UTC and has no evidence yet"
        raise Refused(msg)
    why = f"{'forced by ' + by if force else 'promoted'}: {comparison.why}"
    return await _move(loop, current, "full" if strategy == "immediate" else following, by, why, comparison.model_dump())


async def roll_back(loop: Loop, rollout: str, *, reason: str, by: str = "") -> Rollout:
    """End a rollout; production stays what it was. Rolling back twice is one roll-back. Raises Conflict for one that went to full."""
    async with loop.store.read() as tx:
        current = await tx.rollout(loop.assistant, rollout)
    if current.state == "rolled_back":
        return current
    if current.state == "full":
        msg = f"rollout {rollout!r} is in production; start a rollout of the former model to replace it"
        raise Conflict(msg)
    return await _move(loop, current, "rolled_back", by, reason or "no reason given", {})


async def status(loop: Loop) -> Json:
    """Production, the live rollout, and every rollout's audit."""
    async with loop.store.read() as tx:
        production, every = await tx.production(loop.assistant), await tx.rollouts(loop.assistant)
        return {
            "production": production.model if production else None,
            "rollouts": [
                {
                    **r.model_dump(mode="json"),
                    "model": (await tx.candidate(loop.assistant, r.candidate)).model,
                    "audit": await tx.audit(loop.assistant, r.id),
                }
                for r in every
            ],
        }


def replay(items: Mapping[str, Mapping[str, float]], production: str, candidate: str, metric: str) -> Comparison:
    """Recorded ratings as if they came from live arms: each item is hashed to one arm, whose recorded rating counts.

    `items`: item -> system -> rating. Raises NotFound for a system that rated nothing.
    """
    values: dict[str, list[float]] = {"production": [], "candidate": []}
    for system in (production, candidate):
        if not any(system in ratings for ratings in items.values()):
            known = sorted({name for ratings in items.values() for name in ratings})
            msg = f"system {system!r} is not in the file; it has {', '.join(known[:20])}"
            raise NotFound(msg)
    for item, ratings in items.items():
        if production in ratings and candidate in ratings:
            arm = arm_of(f"replay {production} {candidate}", item, 0.5)
            values[arm].append(ratings[candidate if arm == "candidate" else production])
    arms = {arm: {metric: sample(seen)} for arm, seen in values.items()}
    return compare_samples(arms["production"], arms["candidate"], [metric])


async def _apply(loop: Loop, rollout: Rollout, decision: Decision, by: str, evidence: Json) -> Rollout:
    if decision.verdict == "roll_back":
        return await _move(loop, rollout, "rolled_back", by, decision.why, evidence)
    following = rules.following(rollout.state)
    if decision.verdict == "advance" and following is not None:
        return await _move(loop, rollout, following, by, decision.why, evidence)
    return rollout


async def _move(loop: Loop, rollout: Rollout, after: RolloutState, by: str, why: str, evidence: Json) -> Rollout:
    percent = rules.share(after, rollout.target_percent) * 100
    async with loop.store.write() as tx:
        return await tx.move_rollout(rollout, after, percent, loop.clock.now(), by=by, why=why, evidence=evidence)
