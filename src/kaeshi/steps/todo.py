"""What waits for a person: reviews, a paused rollout, runs of unknown fate, missing consent."""

from kaeshi.loop import Loop
from kaeshi.rules.todo import sentences
from kaeshi.steps.spending import retiring


async def todo(loop: Loop) -> tuple[str, ...]:
    """A sentence for each, with the command that shows it."""
    async with loop.store.read() as tx:
        counts = await tx.waiting.counts(loop.assistant)
        live = await tx.rollouts.live(loop.assistant)
        planned = await tx.autopilot.open_run(loop.assistant)
    paused = f"{live.id}: {live.paused}" if live is not None and live.paused else None
    models = [standing.model for standing in await retiring(loop)]
    asked = planned.why if planned is not None and "asked_for" in planned.found else None
    return sentences(counts, paused=paused, retiring=models, asked=asked)
