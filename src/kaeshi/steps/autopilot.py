"""The loop by itself: plan a candidate, build it, judge it, roll it out, and learn from the end.

One candidate at a time. Each change of state is stored before the next begins, and each state can
be carried on from after a crash: what was built or asked for is found again, and not paid twice.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import get_args

from kaeshi.errors import Conflict, InvalidInput, NotFound, ProviderError, Refused, TooFew
from kaeshi.loop import Loop
from kaeshi.nouns import (
    AutopilotRun,
    Candidate,
    Goal,
    Json,
    Means,
    Option,
    Plan,
    Rollout,
    TrainingRun,
)
from kaeshi.rules import autopilot as rules
from kaeshi.rules.evaluation import lost_promises
from kaeshi.rules.retirement import Standing
from kaeshi.steps import (
    evaluation,
    fresh,
    prompting,
    rollout,
    succession,
    training,
    variants,
)
from kaeshi.steps.notice import notify
from kaeshi.steps.options import Options, options, paid_lately, price_of

BY = "autopilot"
MOST_STEPS = 6  # of one run in one go: from the plan to the rollout
OFF = "AUTOPILOT is off"
NOTHING = "nothing under way"
SAFE: frozenset[Means] = frozenset({"knowledge", "base_model"})
FIRST_PAUSE = timedelta(minutes=10)  # after a provider failed; it doubles
MOST_ERRORS = 10  # after which a run is given up: three and a half days
REFUSED = " refused: "  # as carry_on says it


async def run(loop: Loop) -> str:
    """The weekly job: plan something where nothing is under way, and carry on.

    What is refused offline at once leaves the week to the next best.
    """
    if _mode(loop) == "off":
        return OFF
    said: list[str] = []
    for _ in get_args(Means):
        async with loop.store.read() as tx:
            under_way = await tx.autopilot.open_run(loop.assistant)
        said += [] if under_way else [await plan(loop)]
        said.append(await carry_on(loop))
        if said[-1] == NOTHING or REFUSED not in said[-1]:
            break
    return "; ".join(one for one in said if one != NOTHING or len(said) == 1)


async def plan(loop: Loop) -> str:
    """Choose what to try next, and store it with why; returns the why."""
    async with loop.store.read() as tx:
        live = await tx.rollouts.live(loop.assistant)
        production = await tx.rollouts.production(loop.assistant)
        past = await tx.autopilot.every(loop.assistant)
    if production is None:
        return "nothing is in production to improve on"
    if live is not None:
        return f"rollout {live.id} is under way"
    seen = await options(loop, production, past)
    chosen, why = rules.choose(past, _payable(loop, past, seen))
    if chosen is None:
        return "; ".join([why, *(f"{means}: {reason}" for means, reason in seen.missing.items())])
    return why if await _stored(loop, chosen, why) else "another process has planned meanwhile"


async def _stored(loop: Loop, chosen: Plan, why: str) -> bool:
    now = loop.clock.now()
    begun = AutopilotRun(
        id=loop.ids.new("auto"),
        assistant=loop.assistant,
        state="proposed",
        plan=chosen,
        why=why,
        began_at=now,
        changed_at=now,
    )
    async with loop.store.write() as tx:
        return await tx.autopilot.begin(begun)


def _payable(loop: Loop, past: list[AutopilotRun], seen: Options) -> list[Option]:
    """The options that may be tried, without those that cost money too soon after the last."""
    wanted = [o for o in seen.found if o.means in loop.settings.autopilot_means]
    last = paid_lately(loop, past)
    if last is None:
        return wanted
    early = [o for o in wanted if o.cost_usd > 0 and not o.forced]
    seen.missing |= {option.means: last for option in early}
    return [option for option in wanted if option not in early]


async def carry_on(loop: Loop) -> str:
    """Take the run under way as far as it goes by itself; returns where it stands, and why."""
    if _mode(loop) == "off":
        return OFF
    async with loop.store.read() as tx:
        current = await tx.autopilot.open_run(loop.assistant)
    await succession.let_go(loop)
    ending = await succession.urgent(loop) if _mode(loop) == "rollout" else None
    if ending is not None and ending.days_left <= 0:
        return await _taken_over(loop, current, ending)
    if ending is not None and not await succession.is_tried(loop, ending):
        current = await _make_way(loop, current, str(ending))
    if current is None:
        return NOTHING
    for _ in range(MOST_STEPS):
        before = current
        current = await _step(loop, current)
        if current == before or not current.is_open:
            break
    return f"{current.id} {current.state}: {current.why}"


async def _taken_over(loop: Loop, current: AutopilotRun | None, ending: Standing) -> str:
    """A successor in production, and the end of what was under way: promoted if it was that one."""
    try:
        done = await succession.take_over(loop, ending, by=BY)
    except Refused as error:
        await notify(loop, f"autopilot of {loop.assistant}: {error}")
        raise
    if current is not None:
        async with loop.store.read() as tx:
            production = await tx.rollouts.production(loop.assistant)
        is_it = production is not None and production.model == current.candidate
        await _end(loop, current, "promoted" if is_it else "declined", done)
    return done


async def _make_way(loop: Loop, current: AutopilotRun | None, ending: str) -> AutopilotRun | None:
    """The run of a successor, when the model in production soon ends; what else runs is ended."""
    if current is not None and current.plan.option.means == "base_model":
        return current
    if current is not None:
        why = f"it makes way for a successor: {ending}"
        if current.rollout is not None:
            await rollout.roll_back(loop, current.rollout, reason=why, by=BY)
        await _end(loop, current, "declined", why)
    await plan(loop)
    async with loop.store.read() as tx:
        return await tx.autopilot.open_run(loop.assistant)


async def _step(loop: Loop, current: AutopilotRun) -> AutopilotRun:
    """One change of state, or the same run where it waits."""
    if current.held_by is not None or loop.clock.now() < _again_at(current):
        return current
    try:
        if current.state == "proposed":
            return await _begin(loop, current)
        if current.state == "building":
            return await _build(loop, current)
        if current.state == "built":
            return await _start(loop, current)
        return await _follow(loop, current)
    except ProviderError as error:  # it is there again one day
        return await _try_later(loop, current, f"waits for the provider: {error}")


async def _begin(loop: Loop, current: AutopilotRun) -> AutopilotRun:
    """From the plan to building, unless money needs a person's yes."""
    costs = current.plan.option.cost_usd
    if costs > 0 and _needs_yes(loop, current):
        return await _ask(loop, current, f"it costs ${costs:.2f}")
    return await _save(loop, current, state="building")


def _needs_yes(loop: Loop, current: AutopilotRun) -> bool:
    """Whether money waits for a person."""
    return _mode(loop) == "propose" and current.approved_by is None


def _again_at(current: AutopilotRun) -> datetime:
    """When a provider that failed is asked again."""
    after = current.found.get("again_at")
    return datetime.fromisoformat(after) if after else current.began_at


async def _try_later(loop: Loop, current: AutopilotRun, why: str) -> AutopilotRun:
    """Wait for a provider, longer each time, and give up after MOST_ERRORS: asking costs."""
    errors = int(current.found.get("errors", 0)) + 1
    if errors >= MOST_ERRORS:
        return await _end(loop, current, "failed", f"{errors} times: {why}")
    if errors == 1:
        await notify(loop, f"autopilot of {loop.assistant} {why}")
    again = loop.clock.now() + FIRST_PAUSE * 2 ** (errors - 1)
    found = current.found | {"errors": errors, "again_at": again.isoformat()}
    return await _save(loop, current, why=why, found=found)


async def _build(loop: Loop, current: AutopilotRun) -> AutopilotRun:
    try:
        made = await _made(loop, current)
        return made if isinstance(made, AutopilotRun) else await _judge(loop, current, made)
    except (TooFew, Refused, InvalidInput, NotFound) as error:
        return await _end(loop, current, "failed", str(error))


async def _made(loop: Loop, current: AutopilotRun) -> Candidate | AutopilotRun:
    """The candidate, or the run while it is still in training."""
    option = current.plan.option
    if option.means == "knowledge":
        return await variants.with_knowledge(loop)
    if option.means == "examples":
        return await variants.with_current_examples(loop)
    if option.means == "prompt":
        return await prompting.search(loop, reflector=loop.settings.autopilot_reflector or "")
    if option.means == "base_model":
        base = await variants.base_of(loop, None)
        return await variants.register(loop, base, "base_model", {}, model=option.detail["model"])
    return await _trained(loop, current)


async def _trained(loop: Loop, current: AutopilotRun) -> Candidate | AutopilotRun:
    if current.training_run is None:
        return await _begin_training(loop, current)
    found = await training.look(loop, await training.find(loop, current.training_run))
    if loop.trainer.embedded:
        found = await training.wait(loop, found)
    if found.state in {"failed", "cancelled"}:
        return await _end(loop, current, "failed", f"run {found.id} {found.state}: {found.error}")
    if found.state != "succeeded" or found.model is None:
        return await _wait(loop, current, f"run {found.id} is {found.state}")
    async with loop.store.read() as tx:
        return await tx.candidates.named(loop.assistant, found.model)


async def _begin_training(loop: Loop, current: AutopilotRun) -> AutopilotRun:
    """Ask for the job, unless it became dearer than what was agreed to."""
    files = _files(current.plan.option)
    now = await price_of(loop, files[0])
    if now > current.plan.option.cost_usd and _needs_yes(loop, current):
        return await _ask(loop, current, f"it costs ${now:.2f} by now")
    begun = await _asked_to_train(loop, files)
    return await _save(loop, current, training_run=begun.id)


async def _asked_to_train(loop: Loop, files: Sequence[Path]) -> TrainingRun:
    """The job on these files; the same work again is the first job."""
    s = loop.settings
    train, validation = [await training.upload(loop, path) for path in files]
    return await training.start(
        loop,
        train,
        s.fine_tune_base_model,
        s.fine_tune_suffix,
        s.fine_tune_epochs,
        validation_file_id=validation,
    )


async def _judge(loop: Loop, current: AutopilotRun, made: Candidate) -> AutopilotRun:
    """Ask the candidate and production the test cases, and what customers asked lately."""
    production = await variants.base_of(loop, None)
    mine, other = await evaluation.both(loop, made.model, production.model)
    found = current.found | rules.measured(
        mine, other, await _asked_lately(loop, current, made, production)
    )
    judged = await _save(loop, current, candidate=made.model, found=found)
    why = rules.told(found)
    lost = lost_promises(mine, other) if mine is not None else []
    if lost:
        return await _end(loop, judged, "refused", f"{why}; lost {lost[0]!r} first")
    if current.plan.option.means not in SAFE and found.get("gain", 1) <= 0:
        return await _end(loop, judged, "refused", f"{why}: no gain to show customers")
    return await _save(loop, judged, state="built", why=why)


async def _asked_lately(
    loop: Loop, current: AutopilotRun, made: Candidate, production: Candidate
) -> rules.Fresh:
    """Both asked what is held out of the option's dataset."""
    if "files" not in current.plan.option.detail:
        return rules.Fresh()
    learned, held = _files(current.plan.option)
    made, production = [await fresh.unread(loop, each, learned) for each in (made, production)]
    return await fresh.compare(loop, made, production, held)


async def _start(loop: Loop, current: AutopilotRun) -> AutopilotRun:
    """From the candidate to its rollout, unless it needs a person's yes."""
    async with loop.store.read() as tx:
        production = await tx.rollouts.production(loop.assistant)
    if production is not None and production.model == current.candidate:
        return await _end(loop, current, "promoted", "a person put it into production meanwhile")
    expected = await rollout.forecast(loop, loop.settings.shadow_duration_hours)
    days = max(expected.days.values()) if expected and expected.days else None
    missing = _missing_yes(loop, current, days)
    if missing:
        return await _ask(loop, current, missing)
    try:
        began = await _begun(loop, current)
    except Refused as error:
        return await _try_later(loop, current, str(error))
    except Conflict as error:
        return await _wait(loop, current, str(error))
    found = current.found | {"days": days}
    return await _save(
        loop, current, state="rolling_out", rollout=began.id, found=found, why=_until(days)
    )


def _missing_yes(loop: Loop, current: AutopilotRun, days: float | None) -> str:
    """Why a person must agree to the rollout; empty where none must."""
    if current.approved_by is not None:
        return ""
    if _mode(loop) != "rollout":
        return "its rollout waits for a yes"
    if _is_too_long(loop, current, days):
        return f"a rollout would take {days:.0f} days at the traffic of the last weeks"
    return ""


def _is_too_long(loop: Loop, current: AutopilotRun, days: float | None) -> bool:
    """Whether a person must want this rollout; a model that ends is followed in any case."""
    if days is None or current.plan.option.forced:
        return False
    return days > loop.settings.autopilot_rollout_days


def _until(days: float | None) -> str:
    return "no forecast of its end" if days is None else f"expected to end within {days:.0f} days"


async def _begun(loop: Loop, current: AutopilotRun) -> Rollout:
    """The rollout of this candidate; one that was begun before a crash is taken over."""
    model = current.candidate or ""
    async with loop.store.read() as tx:
        live = await tx.rollouts.live(loop.assistant)
        candidate = await tx.candidates.named(loop.assistant, model)
        production = await tx.rollouts.production(loop.assistant)
    if live is not None and live.candidate == candidate.id:
        return live
    s = loop.settings
    return await rollout.start(
        loop,
        model,
        percent=s.shadow_traffic_percent,
        hours=s.shadow_duration_hours,
        goal=_goal(current.plan.option, production),
        by=BY,
    )


def _goal(option: Option, production: Candidate | None) -> Goal:
    """What its rollout has to show.

    No harm, for a successor, a build of approved answers, and fresh examples in place of older
    ones: each step is small, and it was seen offline that customers' latest questions gain.
    """
    is_renewal = (
        option.means == "examples" and production is not None and production.serving.examples > 0
    )
    return "non_inferior" if is_renewal or option.means in SAFE else "superior"


async def _follow(loop: Loop, current: AutopilotRun) -> AutopilotRun:
    """What became of the rollout."""
    async with loop.store.read() as tx:
        now = await tx.rollouts.get(loop.assistant, current.rollout or "")
        steps = await tx.rollouts.audit(loop.assistant, now.id)
    why = str(steps[-1]["why"]) if steps else ""
    if now.state == "rolled_back":
        return await _end(loop, current, "rolled_back", why)
    if now.state != "full":
        return await _go_on(loop, current, now)
    seen = await rollout.compare(loop, now.id)
    found = current.found | {"uplift": seen.composite.estimate if seen.composite else None}
    return await _end(loop, current.model_copy(update={"found": found}), "promoted", why)


async def _go_on(loop: Loop, current: AutopilotRun, now: Rollout) -> AutopilotRun:
    """A rollout under way: it is waited for, or given up."""
    if _shows_nothing(loop, current, now):
        return await _give_up(loop, current, now)
    return await _wait(loop, current, f"rollout {now.id} is in its {now.state} stage")


def _shows_nothing(loop: Loop, current: AutopilotRun, now: Rollout) -> bool:
    """Whether it took longer than it may; what a person wanted, or must be, goes on."""
    if current.approved_by is not None or current.plan.option.forced:
        return False
    age = loop.clock.now() - now.began_at
    return age > timedelta(days=loop.settings.autopilot_rollout_days)


async def _give_up(loop: Loop, current: AutopilotRun, now: Rollout) -> AutopilotRun:
    """End a rollout that shows nothing: it must not keep everything else from being tried."""
    days = (loop.clock.now() - now.began_at).days
    why = f"nothing shown in {days} days, AUTOPILOT_ROLLOUT_DAYS is over"
    await rollout.roll_back(loop, now.id, reason=why, by=BY)
    return await _end(loop, current, "rolled_back", why)


async def approve(loop: Loop, *, by: str) -> str:
    """A person's yes to what is under way; carries on at once. Raises Conflict without any."""
    current = await _under_way(loop)
    await _save(loop, current, approved_by=by, held_by=None)
    return await carry_on(loop)


async def decline(loop: Loop, *, by: str, reason: str = "") -> AutopilotRun:
    """A person's no; a rollout under way is rolled back. Raises Conflict without a run."""
    current = await _under_way(loop)
    why = reason or "no reason given"
    if current.rollout is not None:
        await rollout.roll_back(loop, current.rollout, reason=why, by=by)
    return await _end(loop, current, "declined", f"{by}: {why}")


async def hold(loop: Loop, *, by: str) -> AutopilotRun:
    """Stop before the next step, until `release`. Raises Conflict without a run."""
    return await _save(loop, await _under_way(loop), held_by=by)


async def release(loop: Loop, *, by: str) -> str:
    """Go on after `hold`. Raises Conflict where nothing is held."""
    current = await _under_way(loop)
    if current.held_by is None:
        msg = f"autopilot run {current.id!r} is not held"
        raise Conflict(msg)
    await _save(loop, current, held_by=None, why=f"let go on by {by}")
    return await carry_on(loop)


async def status(loop: Loop) -> Json:
    """The mode, every run, and whether forecasts held."""
    async with loop.store.read() as tx:
        past = await tx.autopilot.every(loop.assistant)
    return {
        "mode": _mode(loop),
        "runs": [run.model_dump(mode="json") for run in past],
        "calibration": rules.calibration(past),
    }


def _mode(loop: Loop) -> str:
    s = loop.settings
    return s.autopilot_by_assistant.get(loop.assistant, s.autopilot)


def _files(option: Option) -> list[Path]:
    return [Path(path) for path in option.detail["files"]]


async def _under_way(loop: Loop) -> AutopilotRun:
    async with loop.store.read() as tx:
        current = await tx.autopilot.open_run(loop.assistant)
    if current is None:
        msg = f"assistant {loop.assistant!r} has nothing under way; `kaeshi autopilot plan` looks"
        raise Conflict(msg)
    return current


async def _save(loop: Loop, current: AutopilotRun, **changed: object) -> AutopilotRun:
    async with loop.store.write() as tx:
        return await tx.autopilot.save(current, loop.clock.now(), **changed)


async def _wait(loop: Loop, current: AutopilotRun, why: str) -> AutopilotRun:
    """The run with what it waits for; the same where that is known."""
    return current if current.why == why else await _save(loop, current, why=why)


async def _ask(loop: Loop, current: AutopilotRun, why: str) -> AutopilotRun:
    """Wait for a person's yes, and tell them once."""
    option = current.plan.option
    said = f"{why}; `kaeshi autopilot yes --by NAME` goes on, `kaeshi autopilot no` ends it"
    if current.why == said:
        return current
    what = current.candidate or option.means
    await notify(loop, f"autopilot of {loop.assistant} proposes {what}: {current.why}; {said}")
    return await _save(loop, current, why=said, found=current.found | {"asked_for": current.why})


async def _end(loop: Loop, current: AutopilotRun, state: str, why: str) -> AutopilotRun:
    ended = await _save(loop, current, state=state, why=why, found=current.found)
    await notify(loop, f"autopilot of {loop.assistant}: {ended.plan.option.means} {state}: {why}")
    return ended
