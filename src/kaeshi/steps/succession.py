"""When the provider ends the model in production: what follows it, and by when."""

from kaeshi.loop import Loop
from kaeshi.nouns import Candidate
from kaeshi.rules.retirement import Standing
from kaeshi.steps import asking, rollout, spending, variants
from kaeshi.steps.notice import notify

URGENT_DAYS = 14  # before the end: a rollout of a successor takes about as long


async def standing(loop: Loop, production: Candidate) -> Standing | None:
    """What is known of the end of the model in production, within the warning times."""
    name = asking.served_name(production)
    return next((s for s in await spending.retiring(loop) if s.model == name), None)


async def urgent(loop: Loop) -> Standing | None:
    """The end of the model in production, where it is near; None where nothing could follow it."""
    async with loop.store.read() as tx:
        production = await tx.rollouts.production(loop.assistant)
    found = await standing(loop, production) if production is not None else None
    if found is None or found.days_left > URGENT_DAYS or not successors(found):
        return None
    return found


async def take_over(loop: Loop, ending: Standing, *, by: str) -> str:
    """On the last day: the successor into production, whatever is under way; returns what was done.

    A rollout of the successor becomes production; any other is rolled back. Raises Refused where
    the successor does not answer.
    """
    base = await variants.base_of(loop, None)
    made = await variants.register(loop, base, "base_model", {}, model=successors(ending)[0])
    why = f"without evidence, because production answers no more: {ending}"
    await rollout.ask_once(loop, made.model)
    async with loop.store.read() as tx:
        live = await tx.rollouts.live(loop.assistant)
    if live is not None and live.candidate == made.id:
        await rollout.promote(loop, live.id, strategy="immediate", by=by, force=True)
    else:
        if live is not None:
            await rollout.roll_back(loop, live.id, reason=why, by=by)
        await rollout.succeed(loop, made.model, by=by, why=why)
    await notify(loop, f"{made.model} is in production of {loop.assistant} {why}")
    return f"{made.model} succeeds, {why}"


def successors(found: Standing) -> list[str]:
    """The names of models that may follow; the table also says it in words."""
    return [name for name in found.successors if " " not in name]
