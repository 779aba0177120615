"""When the provider ends the model in production: what follows it, and by when."""

from kaeshi.errors import Refused
from kaeshi.loop import Loop
from kaeshi.nouns import Candidate
from kaeshi.rules import autopilot as rules
from kaeshi.rules import retirement
from kaeshi.rules.retirement import Standing
from kaeshi.steps import asking, rollout, spending, variants
from kaeshi.steps.conversation import holdout_since
from kaeshi.steps.notice import notify

URGENT_DAYS = 14  # before the end: a rollout of a successor takes about as long


async def standing(loop: Loop, production: Candidate) -> Standing | None:
    """What is known of the end of the model in production, within the warning times."""
    name = asking.served_name(production)
    return next((s for s in await spending.retiring(loop) if s.model == name), None)


async def urgent(loop: Loop) -> Standing | None:
    """The end of the model in production, where it is near.

    None where nothing could follow it, or AUTOPILOT_MEANS leaves that to people.
    """
    if "base_model" not in loop.settings.autopilot_means:
        return None
    async with loop.store.read() as tx:
        production = await tx.rollouts.production(loop.assistant)
    found = await standing(loop, production) if production is not None else None
    if found is None or found.days_left > URGENT_DAYS or not successors(found):
        return None
    return found


async def is_tried(loop: Loop, ending: Standing) -> bool:
    """Whether a rollout of the successor was tried already, and ended."""
    async with loop.store.read() as tx:
        past = await tx.autopilot.every(loop.assistant)
    wanted = fingerprint(ending)
    return any(run.plan.option.fingerprint == wanted and not run.is_open for run in past)


def fingerprint(ending: Standing) -> str:
    """Of the option to follow the model that ends."""
    return rules.fingerprint("base_model", ending.model, successors(ending)[0])


async def take_over(loop: Loop, ending: Standing, *, by: str) -> str:
    """On the last day: a successor into production, whatever is under way; returns what was done.

    The first that answers, in the order of the table. Raises Refused where none does.
    """
    base = await variants.base_of(loop, None)
    why = f"without evidence, because production answers no more: {ending}"
    silent: list[str] = []
    for name in successors(ending):
        made = await variants.register(loop, base, "base_model", {}, model=name)
        try:
            await rollout.ask_once(loop, made.model)
        except Refused as error:
            silent.append(str(error))
            continue
        await rollout.succeed(loop, made.model, by=by, why=why)
        return f"{made.model} succeeds, {why}"
    msg = f"{ending}; no successor answers: {'; '.join(silent)}"
    raise Refused(msg)


async def let_go(loop: Loop) -> None:
    """End a holdout whose model answers no more: its customers would get nothing."""
    async with loop.store.read() as tx:
        held = await tx.rollouts.held_out(loop.assistant, holdout_since(loop))
        if held is None or held.former is None:
            return
        former = await tx.candidates.named(loop.assistant, held.former)
    today = loop.clock.now().date()
    over = retirement.standing(asking.served_name(former), today, dict(loop.retirements))
    if over is not None and over.days_left <= 0:
        async with loop.store.write() as tx:
            await tx.rollouts.let_go(held)
        await notify(loop, f"the holdout of {loop.assistant} is over: {over}")


def successors(found: Standing) -> list[str]:
    """The names of models that may follow; the table also says it in words."""
    return [name for name in found.successors if " " not in name]
