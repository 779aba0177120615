"""What training costs: caps, prices, bookings, and bases that are retired."""

from contextlib import suppress
from datetime import date, datetime
from decimal import Decimal

from kaeshi.errors import NotFound, ProviderError
from kaeshi.loop import Loop
from kaeshi.nouns import (
    EMBEDDED,
    Candidate,
    Json,
    RunState,
    TrainingRun,
)
from kaeshi.rules import retirement
from kaeshi.rules import training as rules
from kaeshi.rules.retirement import Standing
from kaeshi.steps import asking
from kaeshi.store.store import Tx


async def money(loop: Loop) -> Json:
    """Dollars of this calendar month, spent and reserved, and the caps."""
    async with loop.store.write() as tx:
        committed = await tx.training.committed_usd(loop.assistant, this_month(loop))
    s = loop.settings
    return {
        "committed_usd": str(committed.quantize(Decimal("0.01"))),
        "cap_month_usd": str(s.training_cap_month_usd),
        "cap_run_usd": str(s.training_cap_run_usd),
    }


async def retiring(loop: Loop) -> list[retirement.Standing]:
    """Models in use here that will be retired soon, the nearest first.

    What answers customers or is on its way there, the base and its fine-tunes, within the warning
    times. What the embedded trainer serves is never retired.
    """
    used = await _answering(loop) | await _trained_on(loop)
    listed: list[Json] = []
    if used and not loop.trainer.embedded:
        with suppress(ProviderError, NotFound):  # that the table covers
            listed = await loop.trainer.models()
    today = loop.clock.now().date()
    table = dict(loop.retirements)
    found = _ending_soon(used, today, table, listed)
    return sorted(found, key=lambda s: s.days_left)


async def _trained_on(loop: Loop) -> set[str]:
    """The base that is trained on, and what was trained on it."""
    if loop.trainer.embedded:
        return set()
    async with loop.store.read() as tx:
        runs = await tx.training.runs(loop.assistant, ("succeeded",))
    return {loop.settings.fine_tune_base_model, *(run.model for run in runs if run.model)}


async def _answering(loop: Loop) -> set[str]:
    """The names, at their providers, of what is in production and of what is on its way there."""
    async with loop.store.read() as tx:
        found = await tx.rollouts.answering(loop.assistant)
    return {asking.served_name(one) for one in found if not _is_ours(loop, one)}


def _is_ours(loop: Loop, candidate: Candidate) -> bool:
    """Whether the embedded trainer answers as it."""
    settings = loop.settings
    where = candidate.serving.base_url or (EMBEDDED if settings.chats_embedded else None)
    bases = {settings.fine_tune_base_model, *settings.trainer_bases}
    name = asking.served_name(candidate)
    return where == EMBEDDED and (name in bases or name.startswith("ft:"))


def _ending_soon(
    used: set[str], today: date, table: dict[str, object], listed: list[Json]
) -> list[Standing]:
    return [
        s
        for model in sorted(used)
        if (s := retirement.standing(model, today, table, listed)) is not None
        and s.level is not None
    ]


async def reserve_of(loop: Loop, tx: Tx, model: str, trained_tokens: int) -> Decimal:
    """The amount to reserve for a run, if the caps allow it."""
    if loop.trainer.embedded:
        return Decimal(0)
    wanted = rules.cost(trained_tokens, price_here(loop, model))
    rules.check_caps(
        wanted,
        await tx.training.committed_usd(loop.assistant, this_month(loop)),
        per_run=loop.settings.training_cap_run_usd,
        per_month=loop.settings.training_cap_month_usd,
    )
    return wanted


def price_here(loop: Loop, model: str) -> Decimal:
    """Dollars per million trained tokens: as set, else the table's."""
    own = loop.settings.training_price_per_million_usd
    return own if own is not None else rules.price_of(model, dict(loop.prices))


def check_base(loop: Loop, model: str) -> None:
    """Raise Refused for a base that is retired too soon.

    The embedded trainer's names are aliases, and its own base stays.
    """
    if not loop.trainer.embedded:
        today = loop.clock.now().date()
        retirement.check_base(
            retirement.standing(model, today, dict(loop.retirements)),
            today,
            loop.settings.training_payback_days,
        )


def this_month(loop: Loop) -> datetime:
    """The start of this calendar month (UTC)."""
    return loop.clock.now().replace(day=1, hour=0, minute=0, second=0, microsecond=0)


def booked_cost(loop: Loop, run: TrainingRun, state: RunState, tokens: int | None) -> Decimal:
    """The actual cost: the tokens that the provider counted.

    Without a count, the whole reserve if it trained, else nothing.
    """
    if tokens is None:
        return run.reserved_usd if state == "succeeded" else Decimal(0)
    if loop.trainer.embedded:
        return Decimal(0)
    return rules.cost(tokens, price_here(loop, run.base_model))
