"""What the autopilot could try now: each means with its material and price, or why it cannot be."""

import json
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

from kaeshi.errors import NotFound, Refused, TooFew
from kaeshi.loop import Loop
from kaeshi.nouns import AutopilotRun, Candidate, Dataset, Entry, Means, Option
from kaeshi.rules.autopilot import COUNTED, fingerprint
from kaeshi.steps import asking, dataset, examples, prompting, spending, succession, training
from kaeshi.steps.knowledge import approved_entries

FREE = Decimal(0)
OF_DATASETS: tuple[Means, ...] = ("examples", "prompt", "fine_tune")


@dataclass
class Options:
    """Options, and by means why there is none."""

    found: list[Option] = field(default_factory=list)
    missing: dict[Means, str] = field(default_factory=dict)


async def options(loop: Loop, production: Candidate, past: list[AutopilotRun]) -> Options:
    """Everything that could be tried beside what is in production."""
    seen = Options()
    await _successor(loop, production, seen)
    await _knowledge(loop, production, past, seen)
    try:
        built = await dataset.write(loop, await dataset.build(loop, least=examples.LEAST))
    except TooFew as error:
        seen.missing |= dict.fromkeys(OF_DATASETS, str(error))
        return seen
    _examples(production, built, past, seen)
    _prompt(loop, production, built, past, seen)
    await _fine_tune(loop, past, built, seen)
    return seen


def _examples(
    production: Candidate, built: Dataset, past: list[AutopilotRun], seen: Options
) -> None:
    if production.serving.examples and not production.serving.examples_build:
        seen.missing["examples"] = "production reads each night's renewal of the examples by itself"
        return
    seen.found.append(_of_dataset("examples", asking.served_name(production), built, past))


def _prompt(
    loop: Loop, production: Candidate, built: Dataset, past: list[AutopilotRun], seen: Options
) -> None:
    reflector = loop.settings.autopilot_reflector
    if reflector is None:
        seen.missing["prompt"] = "AUTOPILOT_REFLECTOR names no model that writes prompts"
        return
    if len(built.lines) < prompting.LEAST:
        seen.missing["prompt"] = f"{len(built.lines)} answers, {prompting.LEAST} are needed"
        return
    try:
        cost = prompting.cost_of(loop, production, reflector)
    except Refused as error:
        seen.missing["prompt"] = str(error)
        return
    seen.found.append(_of_dataset("prompt", production.model, built, past, cost))


def _of_dataset(
    means: Means, base: str, built: Dataset, past: list[AutopilotRun], cost: Decimal = FREE
) -> Option:
    return Option(
        means=means,
        fingerprint=fingerprint(means, base, built.id),
        material=len(built.lines),
        known=_known(past, means),
        cost_usd=cost,
        detail={"dataset": built.id, "files": [str(path) for path in dataset.files(built)]},
    )


async def _fine_tune(loop: Loop, past: list[AutopilotRun], built: Dataset, seen: Options) -> None:
    s = loop.settings
    rows = len(built.lines)
    new = rows - _known(past, "fine_tune")
    if rows < s.min_examples:
        seen.missing["fine_tune"] = f"{rows} examples, MIN_EXAMPLES is {s.min_examples}"
        return
    if new < s.retraining_threshold:
        seen.missing["fine_tune"] = (
            f"{new} examples are new, RETRAINING_THRESHOLD is {s.retraining_threshold}"
        )
        return
    try:
        spending.check_base(loop, s.fine_tune_base_model)
        cost = await price_of(loop, dataset.files(built)[0])
    except (Refused, NotFound) as error:
        seen.missing["fine_tune"] = str(error)
        return
    seen.found.append(_of_dataset("fine_tune", s.fine_tune_base_model, built, past, cost))


async def price_of(loop: Loop, path: Path) -> Decimal:
    """What training on the file costs by now. Raises Refused beyond a cap."""
    if loop.trainer.embedded:
        return Decimal(0)
    s = loop.settings
    found = await training.estimate(loop, path, s.fine_tune_base_model, s.fine_tune_epochs)
    async with loop.store.write() as tx:
        await spending.reserve_of(
            loop, tx, s.fine_tune_base_model, found.tokens * s.fine_tune_epochs
        )
    return found.estimated_cost_usd


async def _knowledge(
    loop: Loop, production: Candidate, past: list[AutopilotRun], seen: Options
) -> None:
    serving = production.serving
    if serving.entries and not serving.knowledge_build:
        seen.missing["knowledge"] = "production reads each refresh of the knowledge base by itself"
        return
    approved = await approved_entries(loop)
    async with loop.store.read() as tx:
        held = await tx.knowledge.index_entries(loop.assistant, serving.knowledge_build)
    if not approved or _content(approved) == _content(held):
        seen.missing["knowledge"] = "no entry was approved since" if held else "none is approved"
        return
    known = max(len(held), _known(past, "knowledge"))
    base = asking.served_name(production)
    seen.found.append(_of_entries(base, approved, held, known))


def _of_entries(base: str, approved: list[Entry], held: list[Entry], known: int) -> Option:
    over = len(_pairs(held) - _pairs(approved))
    return Option(
        means="knowledge",
        fingerprint=fingerprint("knowledge", base, _content(approved)),
        material=len(approved),
        known=known,
        # what customers read now is wrong by a person's word: that waits for nothing
        forced=over > 0,
        detail={"why": f"entries that production reads and hold no more: {over}"} if over else {},
    )


async def _successor(loop: Loop, production: Candidate, seen: Options) -> None:
    """What must follow a model in production that its provider ends."""
    standing = await succession.standing(loop, production)
    if standing is None:
        seen.missing["base_model"] = "the model in production stays"
        return
    named = succession.successors(standing)
    if not named:
        seen.missing["base_model"] = str(standing)
        return
    seen.found.append(
        Option(
            means="base_model",
            fingerprint=succession.fingerprint(standing),
            material=1,
            known=0,
            forced=True,
            detail={"model": named[0], "why": f"the model in production ends: {standing}"},
        )
    )


def _known(past: list[AutopilotRun], means: Means) -> int:
    """How much material the last try with these means had."""
    tried = [run.plan.option for run in past if run.state in COUNTED]
    return next((option.material for option in reversed(tried) if option.means == means), 0)


def _content(entries: list[Entry]) -> str:
    return json.dumps(sorted(_pairs(entries)))


def _pairs(entries: list[Entry]) -> set[tuple[str, str]]:
    return {(entry.id, entry.answer) for entry in entries}


def paid_lately(loop: Loop, past: list[AutopilotRun]) -> str | None:
    """Why nothing else may cost money yet; None where it may."""
    days = loop.settings.autopilot_days
    since = loop.clock.now() - timedelta(days=days)
    paid = [run for run in past if run.plan.option.cost_usd > 0 and run.began_at > since]
    if not paid:
        return None
    return f"money was planned for on {paid[-1].began_at:%Y-%m-%d}, AUTOPILOT_DAYS is {days:g}"
