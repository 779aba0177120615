"""The people who review: how much they did, how far they agree, and what it bought."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from kaeshi.loop import Loop
from kaeshi.rules import agreement as rules
from kaeshi.steps.bought import Bought, bought


@dataclass(frozen=True, kw_only=True)
class Figures:
    """Reviewers' records, agreement beyond chance, and the budget of the week.

    `kappas`: by the names of two; `alpha`: of all, None with too little in common.
    """

    reviewers: list[rules.Reviewer]
    kappas: Mapping[tuple[str, str], float]
    alpha: float | None
    this_week: int
    weekly: int
    bought: Bought | None


async def figures(loop: Loop) -> Figures:
    """All of it, as of now."""
    async with loop.store.read() as tx:
        decisions = await tx.decisions.every(loop.assistant)
    labels = rules.latest(decisions)
    return Figures(
        reviewers=rules.reviewers(decisions),
        kappas=rules.kappas(labels),
        alpha=rules.krippendorffs_alpha(labels),
        this_week=await _this_week(loop),
        weekly=loop.settings.review_weekly,
        bought=await bought(loop),
    )


async def left_this_week(loop: Loop) -> int:
    """How many items of the week's budget are not reviewed yet; weeks begin on Monday, UTC."""
    return max(0, loop.settings.review_weekly - await _this_week(loop))


async def _this_week(loop: Loop) -> int:
    now = loop.clock.now()
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    monday = midnight - timedelta(days=midnight.weekday())
    async with loop.store.read() as tx:
        lately = await tx.decisions.since(loop.assistant, monday)
    return len({one.ref for one in lately if not one.expected})
