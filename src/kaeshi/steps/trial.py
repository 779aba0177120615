"""The observed side of a rollout: its plan, its counted customers, its evidence."""

import asyncio
import logging
import math
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kaeshi.errors import MissingModel
from kaeshi.loop import Loop
from kaeshi.nouns import (
    Foresight,
    Rollout,
    TrialRow,
    text_of,
)
from kaeshi.ports import Vectors
from kaeshi.rules import rollout as rules
from kaeshi.rules.comparison import SPANS, WEIGHTS
from kaeshi.rules.foresight import foreseen, learned
from kaeshi.rules.trial import Trial
from kaeshi.settings import Settings
from kaeshi.store import Tx
from kaeshi.store.conversation_rows import Stored
from kaeshi.store.reports import Observed
from kaeshi.store.verbs import chunks

log = logging.getLogger("kaeshi.rollout")
HISTORY = timedelta(days=28)


FORESEEN_FROM = 2000  # how many of production's latest conversations to learn from


async def observe(loop: Loop, rollout: Rollout, now: datetime) -> Trial | None:
    """Fix the plan, count closed windows, and fold the evidence; None without a plan."""
    planned = rollout if rollout.plan else await _plan(loop, rollout, now)
    if planned.plan is None:
        return None
    before = now - timedelta(hours=planned.plan.window_hours)
    assigned, due, values = await _due(loop, rollout, before)
    said: dict[str, Vectors] = {}
    try:
        if planned.plan.foresight.weights:
            said = await _first_messages(loop, [row.conversation for row in due])
    except MissingModel as error:
        # harm must still be seen in counted customers and failing requests
        log.warning("%s; until then no more customers of rollout %s are counted", error, rollout.id)
        due = []
    rows = _rows_due(due, values, said, planned.plan.foresight)
    await _enter(rows, loop, rollout, now)
    async with loop.store.read() as tx:
        seen, _ = await trial_of(tx, planned, assigned)
    return seen


async def _due(
    loop: Loop, rollout: Rollout, before: datetime
) -> tuple[list[TrialRow], list[TrialRow], dict[str, dict[str, float]]]:
    async with loop.store.read() as tx:
        counted = {row.customer for row in await tx.rollouts.entered(loop.assistant, rollout.id)}
        assigned = await tx.rollouts.assigned(loop.assistant, rollout.id)
        due = [row for row in assigned if row.started_at <= before and row.customer not in counted]
        values = await tx.reports.observed(loop.assistant, [row.conversation for row in due])
    return assigned, due, values


async def _enter(rows: list[TrialRow], loop: Loop, rollout: Rollout, now: datetime) -> None:
    for part in chunks(rows):
        async with loop.store.write() as tx:
            await tx.rollouts.enter(loop.assistant, rollout.id, part, now)


def _rows_due(
    due: list[TrialRow],
    values: dict[str, dict[str, float]],
    said: dict[str, Vectors],
    foresight: Foresight,
) -> list[TrialRow]:
    return [
        row.model_copy(
            update={
                "values": values.get(row.conversation, {}),
                "foreseen": foreseen(foresight, said[row.conversation].astype(float))
                if row.conversation in said
                else (),
            }
        )
        for row in due
    ]


async def _plan(loop: Loop, rollout: Rollout, now: datetime) -> Rollout:
    """Fix what the rollout has to show from production's last weeks, if they show enough."""
    until = now - timedelta(hours=loop.settings.rollout_window_hours)
    past, delays, failing, budget = await _history_of(loop, now, until, rollout)
    past, only_verified = of_verified(loop.settings, past)
    plan = rules.plan(
        [seen.values for seen in past],
        delays,
        loop.settings,
        goal=rollout.goal,
        failing=failing,
        promote_alpha=budget,
        customers_per_day=customers_per_day(past, until, loop.settings.rollout_horizon_days),
        foresight=await _foresight(loop, past),
        only_verified=only_verified,
    )
    if plan is None:
        return rollout
    async with loop.store.write() as tx:
        await tx.rollouts.lock_plan(rollout, plan)
        return await tx.rollouts.get(loop.assistant, rollout.id)


def of_verified(settings: Settings, past: list[Observed]) -> tuple[list[Observed], bool]:
    """Verified customers' conversations, where tokens are used and they know all metrics.

    Else all of them, and False.
    """
    verified = [seen for seen in past if seen.is_verified]
    known = rules.known_metrics([seen.values for seen in verified])
    is_enough = known == rules.known_metrics([seen.values for seen in past])
    if settings.gateway_customer_secret is None or not is_enough:
        return past, False
    return verified, True


async def _history_of(
    loop: Loop, now: datetime, until: datetime, rollout: Rollout
) -> tuple[list[Observed], list[float], float | None, float | None]:
    async with loop.store.read() as tx:
        past = await tx.reports.observed_between(
            loop.assistant, now - HISTORY, until, of_production=True
        )
        delays = await tx.rollouts.conversion_delays(loop.assistant, now - HISTORY, until)
        failing = await tx.rollouts.failing_share(loop.assistant, now - HISTORY, now)
        budget = await budget_of(loop, tx, rollout.candidate, now)
    return past, delays, failing, budget


async def _foresight(loop: Loop, past: Sequence[Observed]) -> Foresight:
    """Learn from first messages how production's latest conversations ended.

    Empty without the embedding model; the log says so.
    """
    latest = sorted(past, key=lambda seen: (seen.started_at, seen.conversation))[-FORESEEN_FROM:]
    try:
        said = await _first_messages(loop, [seen.conversation for seen in latest])
    except MissingModel as error:
        log.warning("%s; until then first messages do not help to decide rollouts", error)
        return Foresight()
    read = [seen for seen in latest if seen.conversation in said]
    if not read:
        return Foresight()
    values = _values_of(read)
    return await asyncio.to_thread(
        learned, np.stack([said[seen.conversation] for seen in read]).astype(float), values
    )


def _values_of(read: list[Observed]) -> dict[str, NDArray[Any]]:
    return {
        name: np.array([seen.values.get(name, math.nan if name in SPANS else 0.0) for seen in read])
        for name in WEIGHTS
    }


async def _first_messages(loop: Loop, conversations: Sequence[str]) -> dict[str, Vectors]:
    """By conversation the embedding of its customer's first message.

    None for an erased customer. Raises MissingModel.
    """
    said: dict[str, str] = {}
    for part in chunks(conversations):
        async with loop.store.read() as tx:
            stored = await tx.conversations.read(loop.assistant, part)
        # the very first only: a later message may be a reaction to an arm
        first = _first_words(stored)
        said |= {name: text for name, text in first.items() if text}
    return dict(
        zip(said, await asyncio.to_thread(loop.embedder.embed, list(said.values())), strict=True)
    )


def _first_words(stored: list[Stored]) -> dict[str, str]:
    return {
        each.id: next((text_of(s.message) for s in each.said if s.message["role"] == "user"), "")
        for each in stored
    }


def customers_per_day(
    past: Sequence[Observed], until: datetime, within: float | None = None
) -> float:
    """Different customers per day, over the latest `within` days.

    Over longer periods, customers who return lower the figure.
    """
    lately = [
        seen for seen in past if within is None or seen.started_at >= until - timedelta(days=within)
    ]
    if not lately:
        return 0
    return len({seen.customer for seen in lately}) / max(
        (until - min(seen.started_at for seen in lately)) / timedelta(days=1), 1
    )


async def budget_of(loop: Loop, tx: Tx, candidate: str, now: datetime) -> float | None:
    """What a try of this candidate may take from the year's budget.

    None without a budget.
    """
    alpha = loop.settings.rollout_yearly_alpha
    if alpha is None:
        return None
    planned = [
        r
        for r in await tx.rollouts.history(loop.assistant)
        if r.plan is not None and r.began_at > now - rules.YEAR
    ]
    return rules.budgeted(
        alpha,
        [(r.candidate, r.former is not None or r.state == "full") for r in reversed(planned)],
        candidate,
    )


async def trial_of(
    tx: Tx, rollout: Rollout, assigned: Sequence[TrialRow]
) -> tuple[Trial | None, list[TrialRow]]:
    """The evidence over counted customers, and the rows that are not counted yet."""
    if rollout.plan is None:
        return None, []
    of = (rollout.assistant, rollout.id)
    entered = await tx.rollouts.entered(*of)
    return rules.trial(
        rollout.plan,
        rollout.began_at,
        assigned,
        await tx.rollouts.requests(*of),
        entered,
        is_trusted=rollout.trusted_by is not None,
    ), entered
