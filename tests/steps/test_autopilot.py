"""Claims about steps/autopilot.py: one candidate at a time, resumed, and never paid twice."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any

import pytest

from kaeshi.errors import Conflict
from kaeshi.loop import Loop
from kaeshi.nouns import AutopilotMode, AutopilotRun
from kaeshi.providers.fake import FakeChat, FakeClock, FakeTrainer
from kaeshi.steps import (
    autopilot,
    collection,
    consent,
    evaluation,
    knowledge,
    report,
    review,
    rollout,
)
from kaeshi.steps.conversation import routing
from kaeshi.store import Store
from samples import WORDS, different, learnable

BASE = "gpt-4o-mini"


@dataclass
class Told:
    """A notifier that keeps what it was told."""

    texts: list[str] = field(default_factory=list)

    async def tell(self, text: str) -> None:
        self.texts.append(text)


def with_mode(loop: Loop, mode: AutopilotMode, **settings: Any) -> Loop:
    changed = {"autopilot": mode, "autopilot_rollout_days": 10_000, **settings}
    return replace(loop, settings=loop.settings.model_copy(update=changed))


@pytest.fixture
async def kitchen(loop: Loop) -> Loop:
    """Forty liked conversations, and a model in production."""
    await learnable(loop, 40)
    await collection.collect(loop)
    await rollout.set_production(loop, BASE)
    return replace(loop, notifier=Told())


async def runs(loop: Loop) -> list[AutopilotRun]:
    async with loop.store.read() as tx:
        return await tx.autopilot.every(loop.assistant)


async def the_run(loop: Loop) -> AutopilotRun:
    (run,) = await runs(loop)
    return run


def told(loop: Loop) -> list[str]:
    assert isinstance(loop.notifier, Told)
    return loop.notifier.texts


async def test_off_does_nothing(kitchen: Loop) -> None:
    assert await autopilot.run(with_mode(kitchen, "off")) == "AUTOPILOT is off"
    other = with_mode(kitchen, "rollout", autopilot_by_assistant={kitchen.assistant: "off"})
    assert await autopilot.run(other) == "AUTOPILOT is off"
    assert await runs(kitchen) == []


async def test_what_costs_nothing_is_made_and_judged_and_waits_for_one_yes(kitchen: Loop) -> None:
    loop = with_mode(kitchen, "propose")
    said = await autopilot.run(loop)
    assert said.startswith("examples: 40 to learn from")
    run = await the_run(loop)
    assert (run.state, run.rollout) == ("built", None)
    assert "held-out questions answered right" in run.found["asked_for"]
    await autopilot.carry_on(loop)
    assert len(told(loop)) == 1  # once, however often it looks
    assert run.candidate in told(loop)[0]
    assert any("autopilot" in line for line in (await report.compose(loop)).todo)
    await autopilot.approve(loop, by="ann")
    run = await the_run(loop)
    assert (run.state, run.approved_by) == ("rolling_out", "ann")


async def test_by_itself_it_goes_from_the_plan_to_the_promotion_and_learns_from_it(
    kitchen: Loop,
) -> None:
    loop = with_mode(kitchen, "rollout")
    await autopilot.run(loop)
    run = await the_run(loop)
    assert run.state == "rolling_out", run.why
    assert await autopilot.plan(loop) == f"rollout {run.rollout} is under way"
    await rollout.promote(loop, str(run.rollout), strategy="immediate", by="ann", force=True)
    await autopilot.carry_on(loop)
    run = await the_run(loop)
    assert run.state == "promoted"
    assert (await rollout.status(loop))["production"] == run.candidate
    assert (await autopilot.status(loop))["calibration"].endswith("1 was")


async def test_a_rollout_that_would_take_too_long_is_left_to_a_person(kitchen: Loop) -> None:
    loop = with_mode(kitchen, "rollout", autopilot_rollout_days=60)
    assert "would take 267 days" in await autopilot.run(loop)
    assert (await the_run(loop)).state == "built"
    assert "rolling_out" in await autopilot.approve(loop, by="ann")


async def test_a_rollout_that_shows_nothing_does_not_block_the_rest_for_ever(
    kitchen: Loop, clock: FakeClock
) -> None:
    loop = with_mode(kitchen, "rollout")
    await autopilot.run(loop)
    clock.advance(days=10_001)
    assert "nothing shown in 10001 days" in await autopilot.carry_on(loop)
    assert (await the_run(loop)).state == "rolled_back"
    assert (await rollout.status(loop))["rollouts"][0]["state"] == "rolled_back"


async def test_a_lost_rollout_ends_its_run_and_the_same_is_not_tried_again(kitchen: Loop) -> None:
    loop = with_mode(kitchen, "rollout", retraining_threshold=1000)
    await autopilot.run(loop)
    run = await the_run(loop)
    await rollout.roll_back(loop, str(run.rollout), reason="worse", by="ann")
    await autopilot.carry_on(loop)
    assert ((await the_run(loop)).state, (await the_run(loop)).why) == ("rolled_back", "worse")
    said = await autopilot.run(loop)
    assert "all of it was tried" in said
    assert "fine_tune: 40 examples are new, RETRAINING_THRESHOLD is 1000" in said
    assert len(await runs(loop)) == 1


async def test_a_candidate_that_loses_a_test_case_is_refused_offline(kitchen: Loop) -> None:
    asked = "Do you cook on Christmas Day in Alaska?"
    await evaluation.add(kitchen, [("1", {"question": asked, "expected": "No, we rest."})])
    loop = replace(with_mode(kitchen, "rollout"), chat=OnlyPlain({asked: "No, we rest."}))
    await autopilot.run(loop)
    run = await the_run(loop)
    assert (run.state, run.rollout) == ("refused", None)
    assert "0 of 1 test cases passed, production 1; lost" in run.why
    assert any("refused" in text for text in told(loop))


async def test_without_a_gain_on_the_test_cases_the_week_goes_to_the_next_means(
    kitchen: Loop,
) -> None:
    asked = [f"{word} on Christmas Day in Alaska, number {n}?" for n, word in enumerate(WORDS)]
    cases = [(str(n), {"question": text, "must_say": "rest"}) for n, text in enumerate(asked)]
    await evaluation.add(kitchen, cases)
    chat = OneIsBetter(dict.fromkeys(asked[:15], "No, we rest."))
    loop = replace(with_mode(kitchen, "rollout", retraining_threshold=10), chat=chat)
    said = await autopilot.run(loop)
    assert "15 of 20 test cases passed, production 15: no gain" in said
    first, second = await runs(loop)
    assert (first.plan.option.means, first.state) == ("examples", "refused")
    assert (second.plan.option.means, second.state) == ("fine_tune", "rolling_out")
    assert second.found["gain"] == 25


class OneIsBetter(FakeChat):
    """Answers from its table, but that a fine-tune knows all, and examples change nothing."""

    async def answer(self, candidate: Any, body: bytes) -> Any:
        said = await super().answer(candidate, body)
        if candidate.kind == "fine_tune":
            return said.model_copy(update={"text": "No, we rest.", "hand_over": False})
        return said


class Taught(FakeChat):
    """Answers from its table what was taught; production hands over."""

    async def answer(self, candidate: Any, body: bytes) -> Any:
        if candidate.model == BASE:
            return await super().answer(candidate, EMPTY)
        return await super().answer(candidate, body)


class OnlyPlain(FakeChat):
    """Answers from its table unless examples are shown: then it hands over."""

    async def answer(self, candidate: Any, body: bytes) -> Any:
        return await super().answer(candidate, body if b"<example>" not in body else EMPTY)


EMPTY = b'{"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "?"}]}'


async def test_money_waits_for_a_yes_and_is_spent_once(kitchen: Loop) -> None:
    trainer = FakeTrainer(embedded=False, trained_tokens=1000)
    cheap = {"training_price_per_million_usd": Decimal(3), "retraining_threshold": 10}
    loop = replace(with_mode(kitchen, "propose", **cheap), trainer=trainer)
    await taken(loop, "examples")
    await autopilot.run(loop)
    run = (await runs(loop))[-1]
    assert (run.plan.option.means, run.state) == ("fine_tune", "proposed")
    assert run.plan.option.cost_usd > 0
    assert trainer.jobs_made == {}
    assert "it costs $" in told(loop)[-1]
    await autopilot.approve(loop, by="ann")
    run = (await runs(loop))[-1]
    assert (run.state, len(trainer.jobs_made)) == ("rolling_out", 1)


async def taken(loop: Loop, means: str) -> None:
    """A run of these means that began and was declined."""
    await autopilot.run(loop)
    run = (await runs(loop))[-1]
    assert run.plan.option.means == means
    await autopilot.decline(loop, by="ann", reason="not now")


@pytest.mark.parametrize("cap", ["training_cap_run_usd", "training_cap_month_usd"])
async def test_what_exceeds_a_cap_is_no_option_and_says_so(kitchen: Loop, cap: str) -> None:
    dear = {"training_price_per_million_usd": Decimal(10**9), cap: Decimal(1)}
    loop = replace(
        with_mode(kitchen, "train", retraining_threshold=10, **dear),
        trainer=FakeTrainer(embedded=False),
    )
    await taken(loop, "examples")
    said = await autopilot.run(loop)
    assert "fine_tune: this run may cost" in said


async def test_two_that_cost_money_are_days_apart(kitchen: Loop, clock: FakeClock) -> None:
    cheap = {"training_price_per_million_usd": Decimal(3), "retraining_threshold": 1}
    learned = dict(different(number) for number in range(90))
    loop = replace(
        with_mode(kitchen, "train", **cheap),
        trainer=FakeTrainer(embedded=False, trained_tokens=1000),
        chat=Taught(learned),
    )
    await taken(loop, "examples")
    await taken(loop, "fine_tune")
    await learnable(loop, 90)
    await collection.collect(loop)
    await taken(loop, "examples")
    assert "fine_tune: money was planned for on 2025-11-03" in await autopilot.run(loop)
    assert len(await runs(loop)) == 3
    clock.advance(days=15)
    await taken(loop, "fine_tune")


async def test_a_held_run_stands_still_until_it_is_let_go(kitchen: Loop) -> None:
    await autopilot.run(with_mode(kitchen, "propose"))
    loop = with_mode(kitchen, "rollout")
    await autopilot.hold(loop, by="ann")
    assert "built" in await autopilot.carry_on(loop)
    await autopilot.release(loop, by="ann")
    assert (await the_run(loop)).state == "rolling_out"
    with pytest.raises(Conflict, match="not held"):
        await autopilot.release(loop, by="ann")


async def test_a_no_rolls_back_what_was_begun(kitchen: Loop) -> None:
    loop = with_mode(kitchen, "rollout")
    await autopilot.run(loop)
    ended = await autopilot.decline(loop, by="ann", reason="we are closed")
    async with loop.store.read() as tx:
        assert (await tx.rollouts.get(loop.assistant, str(ended.rollout))).state == "rolled_back"
    assert (ended.state, ended.why) == ("declined", "ann: we are closed")
    with pytest.raises(Conflict, match="nothing under way"):
        await autopilot.decline(loop, by="ann")


async def test_a_day_without_the_provider_is_waited_for(kitchen: Loop, clock: FakeClock) -> None:
    chat = FakeChat(down=True)
    loop = replace(with_mode(kitchen, "rollout"), chat=chat)
    await evaluation.add(loop, [("1", {"question": "Are you open on Monday?", "must_say": "x"})])
    assert "waits for the provider" in await autopilot.run(loop)
    assert (await the_run(loop)).state == "building"
    await autopilot.carry_on(loop)
    assert (await the_run(loop)).found["errors"] == 1  # it is asked again in ten minutes
    chat.down = False
    clock.advance(minutes=10)
    await autopilot.carry_on(loop)
    assert (await the_run(loop)).state == "rolling_out"


async def test_a_provider_that_never_answers_is_given_up_and_a_person_is_told(
    kitchen: Loop, clock: FakeClock
) -> None:
    loop = replace(with_mode(kitchen, "rollout"), chat=FakeChat(down=True))
    await evaluation.add(loop, [("1", {"question": "Are you open on Monday?", "must_say": "x"})])
    await autopilot.run(loop)
    for _ in range(20):
        clock.advance(days=3)
        await autopilot.carry_on(loop)
    run = await the_run(loop)
    assert (run.state, run.why.startswith("10 times: waits for the provider")) == ("failed", True)
    assert len(told(loop)) == 2  # at the first error and at the end


async def test_what_costs_nothing_when_planned_and_money_when_built_waits_for_a_yes(
    kitchen: Loop,
) -> None:
    loop = with_mode(kitchen, "propose", retraining_threshold=10)
    await taken(loop, "examples")
    await autopilot.plan(loop)
    dear = FakeTrainer(embedded=False)
    changed = loop.settings.model_copy(update={"training_price_per_million_usd": Decimal(3)})
    said = await autopilot.carry_on(replace(loop, trainer=dear, settings=changed))
    assert "by now" in said
    assert dear.jobs_made == {}


async def test_what_a_person_wanted_is_not_given_up(kitchen: Loop, clock: FakeClock) -> None:
    loop = with_mode(kitchen, "rollout", autopilot_rollout_days=60)
    await autopilot.run(loop)
    await autopilot.approve(loop, by="ann")
    clock.advance(days=61)
    await autopilot.carry_on(loop)
    assert (await the_run(loop)).state == "rolling_out"


async def test_what_cannot_be_judged_ends_with_why_and_frees_the_next(kitchen: Loop) -> None:
    loop = with_mode(kitchen, "propose", autopilot_means=("examples",))
    await autopilot.plan(loop)
    await consent.agree(loop, [f"c{number:04d}" for number in range(40)], "none", by="ann")
    assert "20 needed" in await autopilot.carry_on(loop)
    assert (await the_run(loop)).state == "failed"


async def test_a_candidate_that_a_person_promoted_meanwhile_is_promoted(kitchen: Loop) -> None:
    loop = with_mode(kitchen, "propose")
    await autopilot.run(loop)
    model = str((await the_run(loop)).candidate)
    began = await rollout.begin(loop, model, percent=10, hours=0, by="ann")
    await rollout.promote(loop, began.id, strategy="immediate", by="ann", force=True)
    await autopilot.carry_on(loop)
    assert (await the_run(loop)).state == "promoted"


async def test_a_fact_that_holds_no_more_is_replaced_at_once(kitchen: Loop) -> None:
    loop = with_mode(kitchen, "rollout", autopilot_means=("knowledge",))
    await knowledge.propose(loop)
    async with loop.store.read() as tx:
        refs = [e.id for e, _ in await tx.knowledge.entries(loop.assistant, ("proposed",))]
    await knowledge.approve(loop, refs, by="ann")
    await autopilot.run(loop)
    run = await the_run(loop)
    await rollout.promote(loop, str(run.rollout), strategy="immediate", by="ann", force=True)
    await autopilot.carry_on(loop)
    await review.decide(loop, refs[0], "rejected", by="ann")
    assert "entries that production reads and hold no more: 1" in await autopilot.run(loop)
    assert (await runs(loop))[-1].state == "rolling_out"


async def test_approved_entries_become_a_build_on_the_lane_of_what_is_not_worse(
    kitchen: Loop,
) -> None:
    loop = with_mode(kitchen, "rollout")
    await knowledge.propose(loop)
    async with loop.store.read() as tx:
        refs = [e.id for e, _ in await tx.knowledge.entries(loop.assistant, ("proposed",))]
    await knowledge.approve(loop, refs, by="ann")
    await autopilot.run(loop)
    run = await the_run(loop)
    assert (run.plan.option.means, run.state) == ("knowledge", "rolling_out")
    async with loop.store.read() as tx:
        began = await tx.rollouts.get(loop.assistant, str(run.rollout))
        made = await tx.candidates.named(loop.assistant, str(run.candidate))
    assert (began.goal, made.serving.entries > 0) == ("non_inferior", True)
    assert made.serving.knowledge_build.startswith("kb_")


async def test_a_model_that_ends_is_followed_by_its_successor(kitchen: Loop) -> None:
    ends = {
        "date": "2025-11-01",
        "models": {BASE: {"shutdown": "2025-12-01", "successors": ["gpt-4.1-mini"]}},
    }
    loop = replace(
        with_mode(kitchen, "rollout"), retirements=ends, trainer=FakeTrainer(embedded=False)
    )
    await autopilot.run(loop)
    run = await the_run(loop)
    assert (run.plan.option.means, run.state) == ("base_model", "rolling_out")
    async with loop.store.read() as tx:
        made = await tx.candidates.named(loop.assistant, str(run.candidate))
    assert made.serving.model == "gpt-4.1-mini"


def ending(loop: Loop, day: str) -> Loop:
    """A loop whose model in production ends on that day."""
    table = {
        "date": "2025-11-01",
        "models": {BASE: {"shutdown": day, "successors": ["gpt-4.1-mini"]}},
    }
    return replace(loop, retirements=table, trainer=FakeTrainer(embedded=False))


async def test_what_is_under_way_makes_way_for_a_successor_in_the_last_two_weeks(
    kitchen: Loop,
) -> None:
    loop = with_mode(kitchen, "rollout")
    await autopilot.run(loop)
    await autopilot.carry_on(ending(loop, "2025-11-30"))
    assert (await the_run(loop)).plan.option.means == "examples"
    await autopilot.carry_on(ending(loop, "2025-11-15"))
    first, second = await runs(loop)
    assert (first.state, second.state) == ("declined", "rolling_out")
    assert "makes way for a successor" in first.why
    assert second.plan.option.means == "base_model"


async def test_on_the_day_the_model_ends_its_successor_takes_over_without_evidence(
    kitchen: Loop, clock: FakeClock
) -> None:
    loop = ending(with_mode(kitchen, "rollout"), "2025-11-15")
    await autopilot.run(loop)
    assert (await the_run(loop)).state == "rolling_out"
    clock.advance(days=13)
    await autopilot.carry_on(loop)
    run = await the_run(loop)
    assert run.state == "promoted"
    async with loop.store.read() as tx:
        production = await tx.rollouts.production(loop.assistant)
        steps = await tx.rollouts.audit(loop.assistant, str(run.rollout))
    assert production is not None
    assert production.serving.model == "gpt-4.1-mini"
    assert "without evidence, because production answers no more" in steps[-1]["why"]
    routed = await routing(loop)
    assert routed.production == production  # and no customer is held out at the dead model
    assert routed.experiment is None


async def test_on_the_last_day_a_persons_rollout_ends_too_and_a_refused_successor_takes_over(
    kitchen: Loop, clock: FakeClock
) -> None:
    loop = ending(with_mode(kitchen, "rollout"), "2025-11-15")
    await autopilot.run(loop)
    failed = await the_run(loop)
    await rollout.roll_back(loop, str(failed.rollout), reason="no evidence")
    await autopilot.carry_on(loop)
    await rollout.register(loop, "another", kind="base_model")
    await rollout.begin(loop, "another", percent=10, hours=0, by="ann")
    clock.advance(days=13)
    await autopilot.carry_on(loop)
    found = await rollout.status(loop)
    assert found["production"].startswith("gpt-4.1-mini+base_model")
    states = {one["candidate"]: one["state"] for one in found["rollouts"]}
    assert "rolled_back" in states.values()
    assert any("gpt-4.1-mini" in text for text in told(loop))


async def test_a_person_decides_about_a_successor_where_rollouts_are_theirs(
    kitchen: Loop, clock: FakeClock
) -> None:
    loop = ending(with_mode(kitchen, "propose"), "2025-11-15")
    await autopilot.run(loop)
    clock.advance(days=13)
    assert "its rollout waits for a yes" in await autopilot.carry_on(loop)


class Killed(BaseException):
    """The process died."""


class Dying(Store):
    """A store whose process dies right after its nth commit."""

    def __init__(self, store: Store, lives: int) -> None:
        super().__init__(store._bind, store.keyring, owned=False)
        self.lives = lives

    @asynccontextmanager
    async def write(self) -> AsyncIterator[Any]:
        async with super().write() as tx:
            yield tx
        self.lives -= 1
        if self.lives == 0:
            raise Killed


async def test_killed_after_any_commit_it_pays_once_and_ends_the_same(kitchen: Loop) -> None:
    trainer = FakeTrainer(embedded=False, trained_tokens=1000)
    cheap = {"training_price_per_million_usd": Decimal(3), "retraining_threshold": 10}
    loop = replace(with_mode(kitchen, "rollout", **cheap), trainer=trainer)
    await autopilot.run(with_mode(loop, "propose"))
    await autopilot.decline(loop, by="ann")
    killed = 0
    for lives in range(1, 60):
        try:
            await autopilot.run(replace(loop, store=Dying(loop.store, lives)))
        except Killed:
            killed += 1
            continue
        break
    run = (await runs(loop))[-1]
    assert killed > 5
    assert (run.plan.option.means, run.state) == ("fine_tune", "rolling_out")
    assert len(trainer.jobs_made) == 1
    assert len((await rollout.status(loop))["rollouts"]) == 1
