"""Twelve weeks by the autopilot: customers ask, a reviewer answers twenty items a week, no more.

The model reads what is put before a question, as large models do, and knows nothing else; so all
that gets better is what the loop learned.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from kaeshi.app import open_loop
from kaeshi.demo.days import Progress, Stage, Tally, live_day
from kaeshi.demo.play import MONDAY, prepare, promises, score, settings_of
from kaeshi.demo.seasons import WEEKS, SeasonalCrowd
from kaeshi.demo.weeks_table import as_svg
from kaeshi.files import write_whole
from kaeshi.formats.faq import Written
from kaeshi.jobs.runner import tick
from kaeshi.jobs.schedule import jobs
from kaeshi.loop import Loop
from kaeshi.nouns import AutopilotRun, ReviewItem, Serving
from kaeshi.providers.chat import WireChat
from kaeshi.providers.fake import FakeClock, FakeIds
from kaeshi.providers.fake_reader import FakeReader
from kaeshi.rules.dataset import line
from kaeshi.steps import asking, evaluation, examples, faq, knowledge, review, rollout

A_DAY = 100
TOGETHER = 50  # customers who ask at the same time
ITEMS = 20  # of the review queue, a week
REVIEWER = "Mia (simulated reviewer)"
OWNER = "the caterer"
WRONG = 0.03  # of the reviewer's decisions
REVIEW_DAY = 6
EACH = 3  # held-out questions of each intent
MODEL = "reader"
ENTRIES = 3  # beside each question
SHOWN = 8  # examples, of what the loop is compared with


@dataclass
class Week:
    """One row of the table; shares of right answers are of that week's held-out questions."""

    week: int
    tally: Tally
    held_out: dict[str, float]
    production: str
    events: list[str] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True)
class Play:
    """What all weeks share."""

    stage: Stage
    crowd: SeasonalCrowd
    since: datetime
    first: str

    @property
    def loop(self) -> Loop:
        """The stage's loop."""
        return self.stage.loop


async def play(
    folder: Path, *, seed: int, progress: Progress = lambda _stage, _share: None
) -> dict[str, Any]:
    """Run twelve weeks; returns their figures. The same seed gives the same result."""
    prepare(folder)
    clock = FakeClock(MONDAY)
    crowd = SeasonalCrowd(seed)
    async with open_loop(settings=_settings(folder), clock=clock, ids=FakeIds()) as opened:
        stage = Stage(
            loop=_reading(opened), clock=clock, crowd=crowd, sabotage=None, progress=progress
        )
        first = await _first_production(stage)
        played = Play(stage=stage, crowd=crowd, since=clock.now(), first=first)
        rows = [await _week(played, number) for number in range(1, WEEKS + 1)]
    return _result(folder, seed, rows)


def _reading(opened: Loop) -> Loop:
    """The loop with a model that answers from what it reads."""
    reader = FakeReader(opened.embedder)
    chat = WireChat(answerer=reader, base_url=None, api_key=None)
    return replace(opened, answerer=reader, chat=chat)


def _result(folder: Path, seed: int, rows: Sequence[Week]) -> dict[str, Any]:
    plot = folder / "weeks.svg"
    result = {
        "seed": seed,
        "customers_are_simulated": True,
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
        "autopilot_means": ("knowledge", "examples"),
        "trust_lower_bound": 0.8,
        "rollout_horizon_days": 14,
        "drop_outcomes": (),  # who does not book may have been answered well
    }
    return settings_of(folder).model_copy(update=changed)


async def _first_production(stage: Stage) -> str:
    """The model with the caterer's own FAQ beside each question, and the test cases."""
    loop = stage.loop
    known = stage.crowd.known
    pairs = ((i.name, Written(i.faq, i.answer)) for i in known)
    await faq.import_pairs(loop, pairs, by=OWNER)
    await knowledge.refresh(loop)
    serving = Serving(entries=ENTRIES, placeholders=False)
    await rollout.set_production(loop, MODEL, serving)
    cases = promises(known, stage)
    await evaluation.add(loop, ((case["id"], case) for case in cases))
    return MODEL


async def _week(played: Play, number: int) -> Week:
    played.stage.progress(f"week {number} of {WEEKS}", number / WEEKS)
    played.crowd.begin(number)
    began = played.stage.clock.now()
    tally = await _days(played)
    production = (await rollout.status(played.loop))["production"]
    async with played.loop.store.read() as tx:
        runs = await tx.autopilot.every(played.loop.assistant)
    return Week(
        week=number,
        tally=tally,
        held_out=await _shares(played, production),
        production=production,
        events=[_event(run) for run in runs if run.changed_at > began],
    )


async def _shares(played: Play, production: str) -> dict[str, float]:
    """Right answers among this week's questions: of the loop, and of what it is compared with."""
    questions = played.crowd.held_out(EACH)
    named = {"loop": production, "nothing": played.first}
    for name, serving in (await _compared(played)).items():
        named[name] = f"{name}-{played.crowd.week}"
        await rollout.register(played.loop, named[name], kind="examples", serving=serving)
    return {
        name: (await score(played.loop, model, questions))["share"] for name, model in named.items()
    }


async def _compared(played: Play) -> dict[str, Serving]:
    """Other ways of learning from the same weeks, shown to customers at once and unproven.

    `person`: the answers that the reviewer gave; `stars`: whatever one customer gave four stars.
    """
    crowd = played.crowd
    faq_pairs = [(intent.faq, intent.answer) for intent in crowd.known]
    builds = {
        "person": await _shown(played, "reviewed.jsonl", [*faq_pairs, *crowd.reviewed]),
        "stars": await _shown(played, "praised.jsonl", crowd.praised),
    }
    base = (await asking.candidate_named(played.loop, played.first)).serving
    return {
        name: base.model_copy(update={"examples": SHOWN, "examples_build": build})
        for name, build in builds.items()
    }


async def _shown(played: Play, name: str, pairs: Sequence[tuple[str, str]]) -> str:
    path = played.loop.settings.data_dir / name
    write_whole(path, b"".join(_row(*pair) for pair in pairs))
    build, _ = await examples.write(played.loop, [path])
    return build.id


def _row(question: str, answer: str) -> bytes:
    said = [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]
    return line({"messages": said})


async def _days(played: Play) -> Tally:
    tally = Tally()
    for day in range(1, 8):
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
