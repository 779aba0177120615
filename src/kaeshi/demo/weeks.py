"""Twelve weeks by the autopilot: customers ask, a reviewer answers twenty items a week, no more.

The model reads what is put before a question, as large models do, and knows nothing else; so all
that gets better is what the loop learned.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any, cast

from kaeshi.app import open_loop
from kaeshi.demo.baselines import Baselines
from kaeshi.demo.days import Progress, Stage, Tally, live_day
from kaeshi.demo.play import MONDAY, prepare, promises, settings_of
from kaeshi.demo.recorded import RecordedCrowd
from kaeshi.demo.seasons import WEEKS, SeasonalCrowd
from kaeshi.demo.troubles import MODEL, Troubles
from kaeshi.demo.weeks_table import as_svg
from kaeshi.files import write_whole
from kaeshi.formats.faq import Written
from kaeshi.jobs.runner import tick
from kaeshi.jobs.schedule import jobs
from kaeshi.loop import Loop
from kaeshi.nouns import AutopilotRun, Candidate, ReviewItem, Serving
from kaeshi.providers.chat import WireChat
from kaeshi.providers.fake import FakeClock, FakeIds
from kaeshi.providers.fake_reader import FakeReader
from kaeshi.steps import asking, evaluation, faq, knowledge, review, rollout

A_DAY = 100
TOGETHER = 50  # customers who ask at the same time
ITEMS = 20  # of the review queue, a week
REVIEWER = "Mia (simulated reviewer)"
OWNER = "the caterer"
WRONG = 0.03  # of the reviewer's decisions
REVIEW_DAY = 6
EACH = 3  # held-out questions of each intent
ENTRIES = 3  # beside each question
MINUTES_AN_ITEM = 0.25  # twenty items in five minutes
USD_PER_MILLION = 0.15  # prompt tokens, as gpt-4o-mini's


@dataclass
class Week:
    """One row of the table; shares of right answers are of that week's held-out questions."""

    week: int
    tally: Tally
    held_out: dict[str, float]
    production: str
    tokens: int  # that models read
    cost_usd: float
    minutes: float  # of the reviewer
    events: list[str] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True)
class Play:
    """What all weeks share."""

    stage: Stage
    crowd: SeasonalCrowd
    since: datetime
    reader: FakeReader
    troubles: Troubles
    baselines: Baselines

    @property
    def loop(self) -> Loop:
        """The stage's loop."""
        return self.stage.loop


async def play(
    folder: Path,
    *,
    seed: int,
    crowd: SeasonalCrowd | None = None,
    progress: Progress = lambda _stage, _share: None,
) -> dict[str, Any]:
    """Run twelve weeks; returns their figures. The same seed gives the same result.

    `crowd`: who asks, instead of the caterer's customers.
    """
    prepare(folder)
    clock = FakeClock(MONDAY)
    asking_now = crowd or SeasonalCrowd(seed)
    async with open_loop(settings=_settings(folder), clock=clock, ids=FakeIds()) as opened:
        reader = FakeReader(opened.embedder)
        loop = _reading(opened, reader)
        stage = Stage(loop=loop, clock=clock, crowd=asking_now, sabotage=None, progress=progress)
        played = await _begun(stage, asking_now, reader)
        rows = [await _week(played, number) for number in range(1, WEEKS + 1)]
    return _result(folder, seed, rows, _who(crowd))


def _who(crowd: SeasonalCrowd | None) -> str:
    if isinstance(crowd, RecordedCrowd):
        return f"customers ask recorded questions ({crowd.source})"
    return "customers are simulated"


async def _begun(stage: Stage, crowd: SeasonalCrowd, reader: FakeReader) -> Play:
    first, promised = await _first_production(stage)
    return Play(
        stage=stage,
        crowd=crowd,
        since=stage.clock.now(),
        reader=reader,
        troubles=Troubles(
            reader=reader,
            retirements=cast("dict[str, Any]", stage.loop.retirements),
            promised=promised,
            began=stage.clock.now(),
        ),
        baselines=Baselines(stage=stage, crowd=crowd, first=first),
    )


def _reading(opened: Loop, reader: FakeReader) -> Loop:
    """The loop with a model that answers from what it reads, and a table that may change."""
    chat = WireChat(answerer=reader, base_url=None, api_key=None)
    table = {"date": f"{MONDAY:%Y-%m-%d}", "source": "the demo", "models": {}}
    return replace(opened, answerer=reader, chat=chat, retirements=table)


def _result(folder: Path, seed: int, rows: Sequence[Week], customers: str) -> dict[str, Any]:
    plot = folder / "weeks.svg"
    result = {
        "seed": seed,
        "customers_are_simulated": True,
        "customers": customers,
        "items": ITEMS,
        "weeks": [asdict(row) for row in rows],
        "plot": str(plot),
        "folder": str(folder),
    }
    write_whole(plot, as_svg(result).encode())
    return result


def _settings(folder: Path) -> Any:
    changed = {
        "autopilot": "rollout",
        "autopilot_means": ("knowledge", "examples", "base_model"),
        "trust_lower_bound": 0.8,
        "rollout_horizon_days": 14,
        # half a star, as in the demo of one turn, would let wrong answers pass for two weeks
        "rollout_margins": {"containment": 0.05, "conversion": 0.08, "csat": 0.3},
        "examples_refresh_cron": "30 2 * * 1,3,5",
        "drop_outcomes": (),  # who does not book may have been answered well
    }
    return settings_of(folder).model_copy(update=changed)


async def _first_production(stage: Stage) -> tuple[Serving, frozenset[str]]:
    """The model with the caterer's own FAQ beside each question, and the test cases.

    Returns how what never learns is asked, and the test cases' questions.
    """
    loop = stage.loop
    known = stage.crowd.known
    pairs = ((i.name, Written(i.faq, i.answer)) for i in known)
    await faq.import_pairs(loop, pairs, by=OWNER)
    await knowledge.refresh(loop)
    build, _ = await knowledge.build_beside(loop)
    serving = Serving(entries=ENTRIES, placeholders=False)
    await rollout.set_production(loop, MODEL, serving)
    cases = promises(known, stage)
    await evaluation.add(loop, ((case["id"], case) for case in cases))
    first = serving.model_copy(update={"knowledge_build": build, "model": MODEL})
    return first, frozenset(case["question"] for case in cases)


async def _week(played: Play, number: int) -> Week:
    played.stage.progress(f"week {number} of {WEEKS}", number / WEEKS)
    played.crowd.begin(number)
    began = played.stage.clock.now()
    read = played.reader.prompt_tokens
    tally = await _days(played, number)
    tokens = played.reader.prompt_tokens - read
    production = await asking.candidate_named(
        played.loop, (await rollout.status(played.loop))["production"]
    )
    async with played.loop.store.read() as tx:
        runs = await tx.autopilot.every(played.loop.assistant)
    return Week(
        week=number,
        tally=tally,
        held_out=await _held_out(played, production),
        production=production.model,
        tokens=tokens,
        cost_usd=round(tokens * USD_PER_MILLION / 1e6, 4),
        minutes=ITEMS * MINUTES_AN_ITEM,
        events=[
            *[_event(run) for run in runs if run.changed_at > began],
            *await played.troubles.events(played.loop),
        ],
    )


async def _held_out(played: Play, production: Candidate) -> dict[str, float]:
    """Right answers among this week's questions: of the loop, and of what it is compared with."""
    questions = played.crowd.held_out(EACH)
    serving = production.serving.model_copy(update={"model": asking.served_name(production)})
    return await played.baselines.shares(production.model, serving, questions)


async def _days(played: Play, week: int) -> Tally:
    tally = Tally()
    for day in range(1, 8):
        await played.troubles.begin(played.loop, week, day)
        await live_day(played.stage, A_DAY, tally, TOGETHER)
        if day == REVIEW_DAY:
            await _review(played)
        await tick(played.loop, jobs(played.loop.settings), "demo", played.since)
    return tally


def _event(run: AutopilotRun) -> str:
    return f"{run.plan.option.means} {run.state.replace('_', ' ')}"


async def _review(played: Play) -> None:
    """The week's items; an old answer that an item contradicts is one of them."""
    left = ITEMS
    for item in await review.queue(played.loop, limit=ITEMS):
        if left > 0:
            await _decide(played, item)
            left -= 1 + await _retired(played, item)


async def _retired(played: Play, item: ReviewItem) -> bool:
    """Reject the live entry that the item contradicts, where it is wrong by now."""
    if not item.against:
        return False
    async with played.loop.store.read() as tx:
        live = await tx.knowledge.entries(played.loop.assistant, ("approved", "corrected"))
    old = next((entry for entry, _ in live if entry.id == item.against), None)
    if old is None or old.answer == played.crowd.answer_to(item):
        return False
    await review.decide(played.loop, old.id, "rejected", by=REVIEWER)
    return True


async def _decide(played: Play, item: ReviewItem) -> None:
    """The reviewer knows what is right, and is wrong now and then."""
    truth = played.crowd.answer_to(item)
    if truth is not None:
        played.crowd.reviewed.append((item.title, truth))
    is_right = item.answer == truth
    if played.crowd.random.random() < WRONG:
        is_right = not is_right
    if is_right:
        await review.decide_alike(played.loop, item.ref, "approved", by=REVIEWER)
    elif truth is not None:
        await review.decide_alike(played.loop, item.ref, "corrected", by=REVIEWER, answer=truth)
    else:
        await review.decide_alike(played.loop, item.ref, "rejected", by=REVIEWER)
