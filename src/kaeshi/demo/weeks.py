"""Twelve weeks by the autopilot: customers ask, a reviewer answers twenty items a week, no more."""

from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from kaeshi.app import open_loop
from kaeshi.demo.days import Progress, Stage, Tally, live_day
from kaeshi.demo.play import MONDAY, first_production, prepare, score, settings_of
from kaeshi.demo.seasons import WEEKS, SeasonalCrowd
from kaeshi.formats.faq import Written
from kaeshi.jobs.runner import tick
from kaeshi.jobs.schedule import jobs
from kaeshi.nouns import ReviewItem
from kaeshi.providers.fake import FakeClock, FakeIds
from kaeshi.steps import faq, knowledge, review, rollout

A_DAY = 80
ITEMS = 20  # of the review queue, a week
REVIEWER = "Mia (simulated reviewer)"
WRONG = 0.03  # of the reviewer's decisions
SECONDS_AN_ITEM = 15
EACH = 3  # held-out questions of each intent


@dataclass
class Week:
    """One row of the table."""

    week: int
    asked: int = 0
    right: int = 0
    handed_over: int = 0
    held_out: float = 0.0
    without: float = 0.0
    production: str = ""
    events: list[str] = field(default_factory=list)


async def play(
    folder: Path, *, seed: int, progress: Progress = lambda _stage, _share: None
) -> dict[str, Any]:
    """Run twelve weeks; returns their figures. The same seed gives the same result."""
    prepare(folder)
    clock = FakeClock(MONDAY)
    settings = settings_of(folder).model_copy(
        update={"autopilot": "rollout", "trust_lower_bound": 0.8, "retraining_threshold": 50}
    )
    crowd = SeasonalCrowd(seed)
    async with open_loop(settings=settings, clock=clock, ids=FakeIds()) as loop:
        stage = Stage(loop=loop, clock=clock, crowd=crowd, sabotage=None, progress=progress)
        first = await first_production(stage)
        await faq.import_pairs(
            loop,
            ((i.name, Written(i.faq, i.answer)) for i in crowd.known),
            by="the caterer",
        )
        await knowledge.refresh(loop)
        since = clock.now()
        rows = []
        for number in range(1, WEEKS + 1):
            progress(f"week {number} of {WEEKS}", number / WEEKS)
            rows.append(await _week(stage, crowd, number, since, first))
        return {"seed": seed, "weeks": [vars(row) for row in rows], "folder": str(folder)}


async def _week(stage: Stage, crowd: SeasonalCrowd, number: int, since: Any, first: str) -> Week:
    crowd.begin(number)
    row = Week(week=number)
    tally = Tally()
    for day in range(1, 8):
        await live_day(stage, A_DAY, tally)
        if day == 6:
            await _review(stage, crowd)
        await tick(stage.loop, jobs(stage.loop.settings), "demo", since)
    questions = crowd.held_out(EACH)
    production = (await rollout.status(stage.loop))["production"]
    row.asked, row.right, row.handed_over = tally.asked, tally.right, tally.handed_over
    row.held_out = (await score(stage.loop, production, questions))["share"]
    row.without = (await score(stage.loop, first, questions))["share"]
    row.production = production
    async with stage.loop.store.read() as tx:
        runs = await tx.autopilot.every(stage.loop.assistant)
    week_ago = stage.clock.now() - timedelta(days=7)
    row.events = [
        f"{run.plan.option.means} {run.state}: {run.why}"
        for run in runs
        if run.changed_at > week_ago
    ]
    return row


async def _review(stage: Stage, crowd: SeasonalCrowd) -> None:
    for item in await review.queue(stage.loop, limit=ITEMS):
        await _decide(stage, crowd, item)


async def _decide(stage: Stage, crowd: SeasonalCrowd, item: ReviewItem) -> None:
    """The reviewer knows what is right, and is wrong now and then."""
    truth = crowd.answer_to(item)
    is_right = item.answer == truth
    if crowd.random.random() < WRONG:
        is_right = not is_right
    if is_right:
        await review.decide_alike(stage.loop, item.ref, "approved", by=REVIEWER)
    elif truth is not None:
        await review.decide_alike(stage.loop, item.ref, "corrected", by=REVIEWER, answer=truth)
    else:
        await review.decide_alike(stage.loop, item.ref, "rejected", by=REVIEWER)
