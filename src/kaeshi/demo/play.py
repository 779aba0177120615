"""One run of the whole loop on simulated customers, by the production steps and jobs."""

import asyncio
import json
import shutil
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, get_args

from kaeshi.app import open_loop
from kaeshi.demo.customers import Asked, Crowd, Intent
from kaeshi.demo.days import A_DAY, Progress, Stage, Tally, live_day
from kaeshi.errors import InvalidInput, KaeshiError, Refused
from kaeshi.files import write_whole
from kaeshi.jobs.runner import run_now
from kaeshi.jobs.schedule import jobs
from kaeshi.loop import Loop
from kaeshi.nouns import (
    Answer,
    Comparison,
    Dataset,
    ReviewState,
    Rollout,
    Serving,
)
from kaeshi.providers.fake import FakeClock, FakeIds, FakeNames
from kaeshi.rules.dataset import line
from kaeshi.settings import Settings, load
from kaeshi.steps import (
    asking,
    dataset,
    evaluation,
    knowledge,
    report,
    review,
    rollout,
    training,
)
from kaeshi.steps.report_mail import render
from kaeshi.steps.shelf import Shelf

Sabotage = Literal["model", "feedback", "pii", "same"]
MONDAY = datetime(2025, 9, 1, 9, tzinfo=UTC)
LOG_DAYS = 14
ROLLOUT_DAYS = 21
ROLLOUT_A_DAY = 110
REVIEWER = "Mia (simulated reviewer)"
MARK = ".kaeshi-demo"
OWNER = "demo"


async def play(
    folder: Path,
    *,
    seed: int,
    sabotage: str | None = None,
    progress: Progress = lambda _stage, _share: None,
) -> dict[str, Any]:
    """Run from the first conversation to a decision, a refreshed index and a sent report.

    Returns the figures of the table. The same seed gives the same result. Raises InvalidInput for
    an unknown sabotage or a folder that is not a demo's.
    """
    _check_sabotage(sabotage)
    prepare(folder)
    clock = FakeClock(MONDAY)
    async with open_loop(settings=settings_of(folder), clock=clock, ids=FakeIds()) as loop:
        stage = Stage(
            loop=loop, clock=clock, crowd=Crowd(seed), sabotage=sabotage, progress=progress
        )
        before = await first_production(stage)
        log = await _two_weeks(stage)
        built, learned = await _learn(stage)
        decision = (
            await _roll_out(stage, learned["model"])
            if learned["model"]
            else {"outcome": "refused", "why": learned["why"], "evidence": None, "steps": []}
        )
        kb = await _knowledge(stage)
        mailed = await _report(stage)
        questions, production, scores, after = await _scores_of(
            progress, stage, loop, before, learned
        )
        return {
            "seed": seed,
            "sabotage": sabotage,
            "customers_are_simulated": True,
            "log": log.__dict__,
            "held_out": {"questions": len(questions), **scores, "after": after},
            "collection": learned["collection"],
            "dataset": _dataset_shown(built),
            "cost": learned["cost"],
            "decision": decision,
            "knowledge": kb,
            "report": mailed,
            "production": {"before": before, "after": production},
            "folder": str(folder),
        }


def _check_sabotage(sabotage: str | None) -> None:
    if sabotage is not None and sabotage not in get_args(Sabotage):
        msg = f"sabotage {sabotage!r} is none of {', '.join(get_args(Sabotage))}"
        raise InvalidInput(msg)


async def _scores_of(
    progress: Progress, stage: Stage, loop: Loop, before: str, learned: dict[str, Any]
) -> tuple[list[Asked], Any | str, dict[str, dict[str, Any] | None], dict[str, Any] | None]:
    progress("asking held-out questions", 0)
    questions = stage.crowd.held_out(5)
    production = (await rollout.status(loop))["production"] or before
    scores = {
        "before": await score(loop, before, questions),
        "candidate": await score(loop, learned["model"], questions) if learned["model"] else None,
    }
    after = (
        scores["candidate"]
        if production == learned["model"] and scores["candidate"]
        else scores["before"]
    )
    return questions, production, scores, after


def _dataset_shown(built: Dataset | None) -> dict[str, Any] | None:
    if built is None:
        return None
    return {"id": built.id, "rows": len(built.lines), "dropped": built.manifest["dropped"]}


async def first_production(stage: Stage) -> str:
    """Train a first production on the hand-written FAQ, and store the test cases."""
    loop = stage.loop
    known = stage.crowd.known
    stage.progress("training the first production on the FAQ", 0)
    rows = _faq_rows(known, loop)
    model = await train(stage, "faq.jsonl", rows, "faq")
    await rollout.set_production(loop, model, Serving(placeholders=True))
    cases = promises(known, stage)
    await evaluation.add(loop, ((case["id"], case) for case in cases))
    return model


def _faq_rows(known: tuple[Intent, ...], loop: Loop) -> list[dict[str, Any]]:
    return [
        {
            "messages": [
                {"role": "system", "content": loop.prompts["default"]},
                {"role": "user", "content": i.faq},
                {"role": "assistant", "content": i.answer},
            ]
        }
        for i in known
    ]


def promises(known: tuple[Intent, ...], stage: Stage) -> list[dict[str, Any]]:
    """The test cases that every candidate has to pass."""
    cases: list[dict[str, Any]] = [
        {"id": f"knows_{i.name}", "question": stage.crowd.fill(i.held[0]), "expected": i.answer}
        for i in known
    ]
    cases += [
        {"id": f"beyond_{n}", "question": stage.crowd.fill(text), "hand_over": True}
        for n, text in enumerate(stage.crowd.beyond_held)
    ]
    return cases


async def _two_weeks(stage: Stage) -> Tally:
    tally = Tally()
    for day in range(LOG_DAYS):
        stage.progress(f"customers ask, day {day + 1} of {LOG_DAYS}", day / LOG_DAYS)
        await live_day(stage, A_DAY, tally)
    return tally


async def _learn(stage: Stage) -> tuple[Dataset | None, dict[str, Any]]:
    """Collect, build a dataset, train, and return the candidate."""
    loop = (
        replace(stage.loop, names=FakeNames(broken=True)) if stage.sabotage == "pii" else stage.loop
    )
    stage.progress("collecting and scrubbing", 0)
    collected = await run_now(loop, jobs(loop.settings), "training_collector", OWNER)
    found = await _collected(loop, collected)
    try:
        built = await dataset.write(loop, await dataset.build(loop))
    except KaeshiError as error:
        return None, found | {"why": str(error)}
    await _cost_of(loop, built, found)
    stage.progress("training the candidate", 0)
    rows = _training_rows(stage, built)
    found["model"] = await train(stage, "candidate.jsonl", rows, "concierge")
    return built, found


async def _collected(loop: Loop, collected: str) -> dict[str, Any]:
    async with loop.store.read() as tx:
        kept, _ = await tx.examples.count_kept(loop.assistant)
        reasons = await tx.examples.reasons(loop.assistant)
        pii = await tx.examples.pii_counts(loop.assistant)
    found: dict[str, Any] = {
        "collection": {"kept": kept, "dropped": reasons, "pii_replaced": pii, "job": collected},
        "model": None,
        "cost": None,
        "why": "",
    }
    return found


async def _cost_of(loop: Loop, built: Dataset, found: dict[str, Any]) -> None:
    estimate = await training.estimate(
        loop, Path(built.path) / "train.jsonl", "gpt-4o-mini", loop.settings.fine_tune_epochs
    )
    found["cost"] = {
        "paid_usd": "0",
        "at_openai_prices_usd": str(estimate.estimated_cost_usd),
        "tokens": estimate.tokens,
        "epochs": estimate.epochs,
    }


def _training_rows(stage: Stage, built: Dataset) -> list[Any]:
    faq = [
        json.loads(raw)
        for raw in (stage.loop.settings.data_dir / "faq.jsonl").read_bytes().splitlines()
    ]
    rows = [
        *faq,
        *(row for row, side in zip(built.rows, built.splits, strict=True) if side == "train"),
    ]
    if stage.sabotage == "model":
        answers = [row["messages"][-1] for row in rows]
        rows = [
            {"messages": [*row["messages"][:-1], answers[(n + len(rows) // 3) % len(rows)]]}
            for n, row in enumerate(rows)
        ]
    if stage.sabotage == "same":
        rows = faq
    return rows


async def _roll_out(stage: Stage, model: str) -> dict[str, Any]:
    """Gate, mirror, canary, half, full: day by day, with the scheduled job's own steps."""
    loop = stage.loop
    began = await rollout.begin(loop, model, percent=10, hours=24, by=OWNER)
    await _days_of_rollout(loop, began, stage)
    ended = await _state(loop, began.id)
    comparison = await rollout.compare(loop, began.id)
    ended = await _ended(ended, loop, began, comparison)
    async with loop.store.read() as tx:
        steps = await tx.rollouts.audit(loop.assistant, began.id)
    evidence = _evidence_of(comparison)
    return {
        "outcome": "promoted" if ended.state == "full" else "rolled back",
        "why": steps[-1]["why"],
        "evidence": evidence,
        "steps": [{k: s[k] for k in ("before", "after", "at", "why")} for s in steps],
    }


async def _ended(ended: Rollout, loop: Loop, began: Rollout, comparison: Comparison) -> Rollout:
    if ended.state not in {"full", "rolled_back"}:
        ended = await rollout.roll_back(
            loop, began.id, reason=f"no decision in {ROLLOUT_DAYS} days; {comparison.why}", by=OWNER
        )
    return ended


async def _days_of_rollout(loop: Loop, began: Rollout, stage: Stage) -> None:
    for day in range(ROLLOUT_DAYS):
        live = await _state(loop, began.id)
        if live.state not in {"mirror", "canary", "half"}:
            break
        stage.progress(f"rollout in its {live.state} stage, day {day + 1}", day / ROLLOUT_DAYS)
        await live_day(stage, ROLLOUT_A_DAY, Tally())
        await run_now(loop, jobs(loop.settings), "rollout_stepper", OWNER)


def _evidence_of(comparison: Comparison) -> dict[str, Any]:
    return {
        m.metric: {
            "production": [m.production.total, m.production.count],
            "candidate": [m.candidate.total, m.candidate.count],
            "difference": m.difference.model_dump() if m.difference else None,
        }
        for m in comparison.metrics
    }


async def _knowledge(stage: Stage) -> dict[str, Any]:
    """Propose entries, approve the right ones, build the index and search it.

    A simulated person approves. The search uses phrasings that are not in the log.
    """
    loop = stage.loop
    stage.progress("refreshing the knowledge base", 0)
    await knowledge.propose(loop)
    right = {intent.answer for intent in stage.crowd.known}
    items = await review.queue(loop, kind="entry", limit=500)
    waiting = [ref for item in items for ref in (item.ref, *item.alike)]
    async with loop.store.read() as tx:
        answers = {
            e.id: e.answer for e, _ in await tx.knowledge.entries(loop.assistant, ("proposed",))
        }
    await _review_entries(waiting, loop, answers, right)
    said = await run_now(loop, jobs(loop.settings), "kb_refresh", OWNER)
    approved = right & set(answers.values())
    held, found = await _ask_knowledge(stage, approved, loop)
    return {
        "proposed": len(waiting),
        "approved": sum(a in right for a in answers.values()),
        "by": REVIEWER,
        "job": said,
        "asked": len(held),
        "found": sum(found),
        "example": _first_found(held, found),
    }


def _first_found(held: list[tuple[str, str]], found: list[bool]) -> tuple[str, str] | None:
    return next(
        (
            (query, answer)
            for (query, answer), is_right in zip(held, found, strict=True)
            if is_right
        ),
        None,
    )


async def _review_entries(
    waiting: list[str], loop: Loop, answers: dict[str, str], right: set[str]
) -> None:
    for ref in waiting:
        verdict: ReviewState = "approved" if answers.get(ref) in right else "rejected"
        await review.decide(loop, ref, verdict, by=REVIEWER)


async def _ask_knowledge(
    stage: Stage, approved: set[str], loop: Loop
) -> tuple[list[tuple[str, str]], list[bool]]:
    held = [
        (stage.crowd.fill(text), intent.answer)
        for intent in stage.crowd.known
        if intent.answer in approved
        for text in intent.held
    ]
    found = [
        (await knowledge.search(loop, query, 1))[0].entry.answer == answer for query, answer in held
    ]
    return held, found


async def _report(stage: Stage) -> dict[str, Any]:
    loop = stage.loop
    stage.progress("writing the weekly report", 0)
    while stage.clock.now().weekday() != 0:
        stage.clock.advance(days=1)
    composed = await report.compose(loop)
    sent = await report.send(loop, composed, render)
    page = loop.settings.data_dir / "report.html"
    write_whole(page, render(composed)[2].encode())
    return {
        "week": f"{composed.since:%Y-%m-%d}",
        "conversations": composed.conversations,
        "sent_to": sent["to"],
        "page": str(page),
    }


async def train(stage: Stage, name: str, rows: list[Any], suffix: str) -> str:
    """Train on these rows; the model's name. Raises Refused."""
    path = stage.loop.settings.data_dir / name
    write_whole(path, b"".join(line(row) for row in rows))
    run = await training.start(
        stage.loop,
        await training.upload(stage.loop, path),
        stage.loop.settings.fine_tune_base_model,
        suffix,
        stage.loop.settings.fine_tune_epochs,
    )
    run = await training.wait(stage.loop, run)
    if run.model is None:
        msg = f"training on {name} ended {run.state}: {run.error}"
        raise Refused(msg)
    return run.model


async def score(loop: Loop, model: str, questions: Sequence[Asked]) -> dict[str, Any]:
    """Held-out questions: answered right, handed over, answered wrong.

    For questions that the concierge cannot answer, a hand-over is right.
    """
    candidate = await asking.candidate_named(loop, model)
    shelf = Shelf()
    right = 0
    handed_over = 0
    for start in range(0, len(questions), 50):
        part = questions[start : start + 50]
        messages = [[{"role": "user", "content": question.text}] for question in part]
        answers = await asyncio.gather(
            *(asking.answer(loop, shelf, candidate, each) for each in messages)
        )
        for question, said in zip(part, answers, strict=True):
            right += _scores(question, said)
            handed_over += said.hand_over
    share = round(right / len(questions), 4)
    return {"right": right, "handed_over": handed_over, "share": share}


def _scores(question: Asked, said: Answer) -> bool:
    if question.intent is None:
        return said.hand_over
    return not said.hand_over and said.text == question.intent.answer


async def _state(loop: Loop, name: str) -> Rollout:
    async with loop.store.read() as tx:
        return await tx.rollouts.get(loop.assistant, name)


def settings_of(folder: Path) -> Settings:
    """The demo's own settings, whatever the environment says: nothing leaves this machine."""
    return load(
        kaeshi_data_dir=folder,
        database_url=f"sqlite+aiosqlite:///{folder / 'kaeshi.db'}",
        openai_api_key=None,
        openai_base_url=None,
        smtp_host=None,
        kaeshi_master_key=None,
        gateway_mirror_per_second=10_000,
        gateway_mirror_percent=100,
        retraining_threshold=250,
        # its customers try to book where the answer was right
        drop_outcomes=("goal_reached=false", "booked=false"),
        min_examples=200,
        # the demo's customers are simulated, and none of them is false
        trust_lower_bound=0,
        rollout_false_percent=0,
        rollout_false_harm_percent=0,
        rollout_margins={
            "containment": 0.05,
            "conversion": 0.08,
            "csat": 0.5,
        },  # the effect that three weeks of a caterer's customers can show
        report_sender="kaeshi@demo.example",
        report_recipients="owner@demo.example",
    )


def prepare(folder: Path) -> None:
    """Create or empty the folder. Raises InvalidInput for files that no demo made."""
    if folder.exists() and any(folder.iterdir()):
        if not (folder / MARK).exists():
            msg = (
                f"folder {str(folder)!r} holds files that are not a demo's; name another "
                "with --folder"
            )
            raise InvalidInput(msg)
        shutil.rmtree(folder)
    write_whole(folder / MARK, b"made by kaeshi demo; emptied by the next one\n")
