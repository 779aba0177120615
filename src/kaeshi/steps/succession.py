"""When the provider ends the model in production: what follows it, and by when."""

from kaeshi.loop import Loop
from kaeshi.nouns import Candidate
from kaeshi.rules.retirement import Standing
from kaeshi.steps import asking, spending

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


async def is_over(loop: Loop) -> bool:
    """Whether the model in production answers no more."""
    found = await urgent(loop)
    return found is not None and found.days_left <= 0


def successors(found: Standing) -> list[str]:
    """The names of models that may follow; the table also says it in words."""
    return [name for name in found.successors if " " not in name]
