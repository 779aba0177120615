"""Rollouts through the store: stages, evidence, and customers that count once."""

import json
import math
import random
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pytest

from kaeshi.errors import Conflict, InvalidInput, MissingModel, NotFound, Refused
from kaeshi.gateway.record import Record, pack
from kaeshi.gateway.spool import Spool
from kaeshi.gateway.worker import take
from kaeshi.loop import Loop
from kaeshi.nouns import Assignment, Candidate, Exchange, Rollout
from kaeshi.providers.fake import FakeChat, FakeClock, FakeEmbedder, FakeNotifier
from kaeshi.rules.assignment import arm_of
from kaeshi.rules.rollout import covariates
from kaeshi.rules.trial import Trial
from kaeshi.steps import conversation, evaluation, pausing, rollout
from rollouts import arms, in_canary, in_half, seen
from samples import log


async def test_a_better_candidate_travels_to_full_by_the_schedule_and_replaces_production(
    loop: Loop, clock: FakeClock
) -> None:
    live = await in_half(loop, clock)
    await arms(loop, live, 0.5, 0.9)
    clock.advance(hours=167)
    ((_, why),) = await rollout.step_all(loop)
    assert "too early" in why
    clock.advance(hours=1)
    ((_, why),) = await rollout.step_all(loop)
    assert "better" in why
    status = await rollout.status(loop)
    assert (status["production"], status["rollouts"][0]["state"]) == ("new", "full")
    assert status["rollouts"][0]["audit"][-1]["evidence"]["log_evidence"]["goal"] > 3
    clock.advance(days=15)
    with pytest.raises(Conflict, match="holdout is over"):
        await rollout.roll_back(loop, live.id, reason="too late")


async def promoted(loop: Loop, clock: FakeClock) -> Rollout:
    live = await in_half(loop, clock)
    await arms(loop, live, 0.5, 0.9)
    clock.advance(hours=168)
    await rollout.step_all(loop)
    async with loop.store.read() as tx:
        found = await tx.rollouts.get(loop.assistant, live.id)
    assert found.state == "full"
    return found


async def test_after_a_promotion_some_customers_stay_with_the_former_model_for_two_weeks(
    loop: Loop, clock: FakeClock
) -> None:
    live = await promoted(loop, clock)
    routing = await conversation.routing(loop)
    people = [f"guest {i}" for i in range(400)]
    models = [answerer.model for name in people if (answerer := routing.assign(name)[1])]
    assert 0.02 < models.count("old") / len(people) < 0.09
    assert all(
        arm_of(live.id, name, 0.5) == "production"
        for name, model in zip(people, models, strict=True)
        if model == "old"
    )  # nobody flips back
    ((_, why),) = await rollout.step_all(loop)
    assert "no harm is seen in its holdout" in why
    clock.advance(days=15)
    later = await conversation.routing(loop)
    assert (later.production, later.experiment) == (routing.candidate, None)
    assert await rollout.step_all(loop) == []


async def test_harm_in_the_holdout_brings_the_former_model_back(
    loop: Loop, clock: FakeClock
) -> None:
    live = await promoted(loop, clock)
    theirs = [
        name for i in range(100) if arm_of(live.id, name := f"guest {i}", 0.95) == "candidate"
    ]
    failing = [
        Exchange(
            id=f"m{i}",
            assistant=loop.assistant,
            conversation=f"c{i}",
            customer=name,
            at=clock.now(),
            messages=(),
            reply=None,
            status=502,
            scope="",
            failed=True,
            assignment=Assignment(experiment=live.id, arm="candidate", share=0.95),
        )
        for i, name in enumerate(theirs[:70])
    ]
    async with loop.store.write() as tx:
        await tx.exchanges.add(failing, clock.now())
    ((_, why),) = await rollout.step_all(loop)
    status = await rollout.status(loop)
    assert (status["production"], status["rollouts"][0]["state"]) == ("old", "rolled_back"), why


async def test_a_person_may_take_a_promotion_back_unless_another_rollout_has_begun(
    loop: Loop, clock: FakeClock
) -> None:
    live = await promoted(loop, clock)
    await rollout.register(loop, "newer")
    other = await rollout.begin(loop, "newer", percent=10, hours=1)
    with pytest.raises(Conflict, match="no longer in production"):
        await rollout.roll_back(loop, live.id, reason="second thoughts")
    await rollout.roll_back(loop, other.id, reason="not now")
    assert (
        await rollout.roll_back(loop, live.id, reason="second thoughts", by="ann")
    ).state == "rolled_back"
    assert (await rollout.status(loop))["production"] == "old"


async def test_no_rollout_begins_while_one_customer_is_most_of_the_traffic(loop: Loop) -> None:
    await rollout.set_production(loop, "old")
    await rollout.register(loop, "new")
    now = loop.clock.now()
    await log(
        loop,
        *(
            seen(f"c{i}", now, contained=True, customer_id="everybody" if i < 30 else f"guest {i}")
            for i in range(300)
        ),
    )
    with pytest.raises(Refused, match="one customer has 30 of the 300 conversations"):
        await rollout.begin(loop, "new", percent=10, hours=1)


async def test_a_worse_candidate_is_rolled_back_in_its_canary_with_the_reason(
    loop: Loop, clock: FakeClock
) -> None:
    await arms(loop, await in_canary(loop), 0.9, 0.5)
    clock.advance(hours=25)
    ((_, why),) = await rollout.step_all(loop)
    assert "worse" in why
    status = await rollout.status(loop)
    assert (status["production"], status["rollouts"][0]["state"]) == ("old", "rolled_back")


async def test_nothing_is_promoted_while_requests_go_unlogged(loop: Loop, clock: FakeClock) -> None:
    live = await in_half(loop, clock)
    await arms(loop, live, 0.5, 0.9)
    clock.advance(hours=168)
    async with loop.store.write() as tx:
        await tx.exchanges.take_spool(loop.assistant, "s", 0, 0, 7, clock.now())
    ((_, why),) = await rollout.step_all(loop)
    assert why.startswith("paused: 7 requests could not be logged")
    clock.advance(hours=25)
    ((_, why),) = await rollout.step_all(loop)
    assert "better" in why


async def test_a_paused_rollout_goes_no_further_until_it_is_resumed(
    loop: Loop, clock: FakeClock
) -> None:
    live = await in_half(loop, clock)
    await arms(loop, live, 0.5, 0.9)
    assert (
        await pausing.pause(loop, live.id, reason="the menu changes", by="ann")
    ).percent == live.percent
    clock.advance(hours=168)
    assert await rollout.step_all(loop) == [(live.id, "paused by ann: the menu changes")]
    with pytest.raises(Conflict, match="paused by ann"):
        await pausing.pause(loop, live.id, reason="again", by="bob")
    await pausing.resume(loop, live.id, by="ann")
    with pytest.raises(Conflict, match="is not paused"):
        await pausing.resume(loop, live.id, by="ann")
    ((_, why),) = await rollout.step_all(loop)
    assert "better" in why
    audit = (await rollout.status(loop))["rollouts"][0]["audit"]
    assert [(a["after"], a["by"]) for a in audit[-3:]] == [
        ("half", "ann"),
        ("half", "ann"),
        ("full", "schedule"),
    ]


async def test_harm_rolls_back_what_is_paused(loop: Loop, clock: FakeClock) -> None:
    live = await in_canary(loop)
    await arms(loop, live, 0.9, 0.5)
    await pausing.pause(loop, live.id, reason="", by="ann")
    clock.advance(hours=25)
    ((_, why),) = await rollout.step_all(loop)
    assert "worse" in why


async def test_a_stage_that_a_person_approves_is_asked_for_once_and_entered_by_name(
    loop: Loop, clock: FakeClock
) -> None:
    notifier = FakeNotifier()
    careful = replace(
        loop,
        notifier=notifier,
        settings=loop.settings.model_copy(update={"rollout_approvals": ("full",)}),
    )
    live = await in_half(loop, clock)
    await arms(loop, live, 0.5, 0.9)
    clock.advance(hours=168)
    for _ in range(2):
        ((_, why),) = await rollout.step_all(careful)
        assert f"kaeshi rollout promote {live.id} --by NAME" in why
    assert len([text for text in notifier.sent if "is paused in half" in text]) == 1
    moved = await rollout.promote(careful, live.id, by="ann")
    assert (moved.state, moved.paused) == ("full", None)


async def test_an_equal_candidate_stays_where_it_is_unless_somebody_forces_it(
    loop: Loop, clock: FakeClock
) -> None:
    live = await in_half(loop, clock)
    await arms(loop, live, 0.7, 0.7)
    clock.advance(hours=200)
    with pytest.raises(Refused, match="inconclusive"):
        await rollout.promote(loop, live.id, by="ann")
    with pytest.raises(InvalidInput, match="name"):
        await rollout.promote(loop, live.id, force=True)
    assert (await rollout.promote(loop, live.id, by="ann", force=True)).state == "full"


async def test_two_people_who_force_a_promotion_at_once_take_one_stage(
    loop: Loop, clock: FakeClock
) -> None:
    live = await in_half(loop, clock)
    with pytest.raises(Conflict, match="force it again"):
        await rollout.promote(loop, live.id, by="bea", force=True)
    clock.advance(minutes=1)
    assert (await rollout.promote(loop, live.id, by="bea", force=True)).state == "full"


def trusting(loop: Loop) -> Loop:
    """Where no customer is taken to be false."""
    sure = {"rollout_false_percent": 0, "rollout_false_harm_percent": 0}
    return replace(loop, settings=loop.settings.model_copy(update=sure))


async def test_a_forced_migration_needs_a_candidate_that_is_not_worse(
    loop: Loop, clock: FakeClock
) -> None:
    loop = trusting(loop)
    live = await in_half(loop, clock, "non_inferior")
    await arms(loop, live, 0.7, 0.7, count=4500)
    clock.advance(hours=168)
    ((_, why),) = await rollout.step_all(loop)
    assert "not worse than agreed" in why
    assert (await rollout.status(loop))["production"] == "new"


async def test_a_forecast_says_how_many_days_it_takes_at_the_traffic_there_was(loop: Loop) -> None:
    assert await rollout.forecast(loop, hours=24) is None
    await in_canary(loop)  # sixty customers three days ago
    found = await rollout.forecast(loop, hours=24)
    assert found is not None
    assert found.customers_per_day == pytest.approx(20)
    assert found.customers_needed["containment"] == math.ceil(
        8 * 0.21 * math.log(20 / 0.25) / 0.03**2
    )
    assert found.days["containment"] == pytest.approx(
        (24 + 72 + 24) / 24 + found.customers_needed["containment"] / 20
    )


async def test_at_once_needs_all_the_evidence_but_not_the_weeks(
    loop: Loop, clock: FakeClock
) -> None:
    live = await in_half(loop, clock)
    with pytest.raises(Refused):
        await rollout.promote(loop, live.id, strategy="immediate", by="ann")
    await arms(loop, live, 0.5, 0.9)
    clock.advance(hours=25)
    assert (await rollout.promote(loop, live.id, strategy="immediate", by="ann")).state == "full"


async def test_without_history_or_customers_nothing_moves(loop: Loop, clock: FakeClock) -> None:
    live = await in_canary(loop, history=29)
    clock.advance(hours=1000)
    after, decision = await rollout.step(loop, live)
    assert (after.state, "nothing to compare the candidate with" in decision.why) == (
        "canary",
        True,
    )


async def test_a_customer_counts_once_and_as_they_stood_when_their_window_closed(
    loop: Loop, clock: FakeClock
) -> None:
    live = await in_canary(loop)
    now = clock.now()
    first = seen("first", now, contained=True, experiment=live.id, arm="candidate", share=0.1) | {
        "customer_id": "ann"
    }
    again = seen(
        "again",
        now + timedelta(hours=1),
        contained=False,
        experiment=live.id,
        arm="candidate",
        share=0.1,
    ) | {"customer_id": "ann"}
    await log(loop, first, again)
    waiting = await rollout.compare(loop, live.id, ["containment"])
    clock.advance(hours=25)
    await rollout.step(loop, live)
    await conversation.report_outcome(loop, "first", {"escalated": True})
    await rollout.step(loop, live)
    found = (await rollout.compare(loop, live.id, ["containment"])).metrics[0].candidate
    assert waiting.metrics[0].candidate.count == 0
    assert (found.count, found.total) == (1, 1.0)


async def test_what_a_rollout_has_to_show_is_fixed_by_its_first_look(
    loop: Loop, clock: FakeClock
) -> None:
    live = await in_canary(loop)
    await rollout.step(loop, live)
    await log(loop, *(seen(f"later-{i}", clock.now(), contained=False) for i in range(100)))
    clock.advance(hours=48)
    await rollout.step(loop, live)
    async with loop.store.read() as tx:
        plan = (await tx.rollouts.get(loop.assistant, live.id)).plan
    assert plan is not None
    assert plan.means == {"containment": pytest.approx(0.7)}


async def planned(loop: Loop, clock: FakeClock, model: str) -> float:
    """Begin a rollout, look once in its canary, take it back.

    What it would have needed to be promoted.
    """
    await rollout.register(loop, model)
    live, _ = await rollout.step(loop, await rollout.begin(loop, model, percent=10, hours=0))
    await rollout.step(loop, live)
    async with loop.store.read() as tx:
        plan = (await tx.rollouts.get(loop.assistant, live.id)).plan
    await rollout.roll_back(loop, live.id, reason="a rehearsal")
    clock.advance(hours=1)
    assert plan is not None
    assert plan.alpha == 0.05  # harm is looked for as ever
    return plan.alpha_to_promote


async def test_rollouts_of_a_year_share_its_budget_and_another_try_its_predecessors(
    loop: Loop, clock: FakeClock
) -> None:
    live = await in_canary(loop)
    await rollout.roll_back(loop, live.id, reason="not looked at, so it took nothing")
    assert await planned(loop, clock, "a") == 0.05
    clock.advance(days=366)
    await log(
        loop,
        *(
            seen(f"new-year-{i}", clock.now() - timedelta(days=2), contained=True)
            for i in range(60)
        ),
    )
    yearly = replace(loop, settings=loop.settings.model_copy(update={"rollout_yearly_alpha": 0.1}))
    assert [await planned(yearly, clock, model) for model in ("b", "b", "c")] == pytest.approx(
        [0.025, 0.0125, 0.1 / 6 / 2]
    )


async def test_an_unregistered_model_is_not_rolled_out(loop: Loop) -> None:
    with pytest.raises(NotFound):
        await rollout.begin(loop, "stranger", percent=10, hours=1)
    with pytest.raises(InvalidInput):
        await rollout.begin(loop, "stranger", percent=90, hours=1)


async def test_the_gate_stops_what_breaks_a_promise_that_production_keeps(loop: Loop) -> None:
    class Forgetful(FakeChat):
        async def answer(self, candidate: Candidate, body: bytes) -> Any:
            answers = {} if candidate.model == "new" else self.answers
            return await FakeChat(answers=answers).answer(candidate, body)

    guarded = replace(loop, chat=Forgetful(answers={"q?": "a"}))
    await evaluation.add(guarded, [("f", {"question": "q?", "expected": "a"})])
    await rollout.set_production(guarded, "old")
    await rollout.register(guarded, "new")
    assert (await rollout.begin(guarded, "new", percent=10, hours=1)).state == "rolled_back"


def about(told: dict[str, Any], question: Any) -> dict[str, Any]:
    """The same conversation with another first message."""
    first, *others = told["messages"]
    return told | {"messages": [first | {"content": question}, *others]}


class Missing(FakeEmbedder):
    def embed(self, texts: Any) -> Any:
        msg = "model file 'minilm' is not here; type: kaeshi models fetch"
        raise MissingModel(msg)


RAIN, DEPOSIT = "will it rain on my party", "how much is the deposit"


async def test_what_first_messages_foretell_is_learned_from_production_and_kept_with_each_customer(
    loop: Loop, clock: FakeClock
) -> None:
    past = [
        seen(f"early-{i}", clock.now() - timedelta(days=4), contained=i % 10 != i % 2)
        for i in range(200)
    ]
    await log(
        loop, *(about(told, RAIN if told["outcome"]["escalated"] else DEPOSIT) for told in past)
    )
    live = await in_canary(loop, history=40)
    now, fields = clock.now(), {"experiment": live.id, "arm": "production", "share": 0.1}
    told = [seen(f"live-{i}", now, contained=True, **fields) for i in range(3)]
    picture = [{"type": "image_url", "image_url": {"url": "data:,"}}]
    await log(
        loop,
        *(
            about(one, question)
            for one, question in zip(told, (RAIN, DEPOSIT, picture), strict=True)
        ),
    )
    clock.advance(hours=25)
    await rollout.step_all(loop)
    async with loop.store.read() as tx:
        stored, rows = (
            await tx.rollouts.get(loop.assistant, live.id),
            await tx.rollouts.entered(loop.assistant, live.id),
        )
    assert stored.plan is not None
    assert (list(stored.plan.foresight.weights), stored.plan.covariates) == (["containment"], 5)
    rain, deposit = (
        next(row.foreseen for row in rows if row.conversation == name)
        for name in ("live-0", "live-1")
    )
    assert rain[0] < 0 < deposit[0]
    silent = next(row.foreseen for row in rows if row.conversation == "live-2")
    assert silent == ()  # a picture came first; words after an answer may be about it
    watched = replace(loop, embedder=Missing())
    await log(loop, seen("live-3", clock.now(), contained=True, **fields))
    clock.advance(hours=25)
    await rollout.step_all(watched)
    async with loop.store.read() as tx:
        assert len(await tx.rollouts.entered(loop.assistant, live.id)) == len(
            rows
        )  # who cannot be read waits, and the rollout is judged all the same


async def test_a_rollout_without_the_embedding_model_is_decided_without_first_messages(
    loop: Loop, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    live = await in_half(replace(loop, embedder=Missing()), clock)
    async with loop.store.read() as tx:
        stored = await tx.rollouts.get(loop.assistant, live.id)
    assert stored.plan is not None
    assert stored.plan.foresight.weights == {}
    assert "until then first messages do not help" in caplog.text


async def served(loop: Loop, records: list[dict[str, Any]]) -> None:
    """The same conversations as a gateway logs them, with outcomes as callers report them."""
    spool = Spool(loop.folder("gateway"), loop.ids.new("spool"), loop.store.keyring, 2**30)
    for told in records:
        question, reply = told["messages"]
        asked = {
            "model": "concierge",
            "messages": [{"role": "user", "content": question["content"]}],
        }
        said = {
            "choices": [
                {
                    "finish_reason": "stop",
                    "message": {"role": "assistant", "content": reply["content"]},
                }
            ]
        }
        of = {name: told[name] for name in ("experiment", "arm", "share")}
        spool.add(
            pack(
                Record(
                    id=loop.ids.new("msg"),
                    conversation=told["conversation_id"],
                    customer=told["customer_id"],
                    scope=told["conversation_id"],
                    consent="none",
                    at=datetime.fromisoformat(told["started_at"]).timestamp(),
                    path="/v1/chat/completions",
                    epoch=3,
                    streamed=False,
                    status=200,
                    request=json.dumps(asked).encode(),
                    answer=json.dumps(said).encode(),
                    **of,
                )
            )
        )
    spool.close()
    assert (await take(loop)).requests == len(records)
    for told in records:
        await conversation.report_outcome(loop, told["conversation_id"], told["outcome"])


@pytest.mark.parametrize("through", ["log", "gateway"])
async def test_a_stream_through_logs_the_store_and_the_schedule_is_decided_as_by_the_rules_alone(
    loop: Loop, clock: FakeClock, through: str
) -> None:
    """Gain by gain, day by day.

    The rows in the store are those of the stream, and so are evidence and verdict.
    """
    loop = trusting(loop)
    live = await in_half(loop, clock)
    rng, streamed = random.Random(4), []
    for day in range(7):
        records = []
        for i in range(40):
            arm = arm_of(live.id, f"guest {day} {i}", 0.5)
            contained = rng.random() < (0.9 if arm == "candidate" else 0.5)
            streamed.append((clock.now() + timedelta(minutes=i), arm, contained))
            fields = {
                "experiment": live.id,
                "arm": arm,
                "share": 0.5,
                "customer_id": f"guest {day} {i}",
            }
            records.append(seen(f"{day}-{i}", streamed[-1][0], contained=contained, **fields))
        await (log(loop, *records) if through == "log" else served(loop, records))
        clock.advance(days=1)
        await conversation.close_idle(loop)
        ((_, why),) = await rollout.step_all(loop)
    async with loop.store.read() as tx:
        stored, counted = (
            await tx.rollouts.get(loop.assistant, live.id),
            await tx.rollouts.entered(loop.assistant, live.id),
        )
    assert stored.plan is not None
    assert [(row.started_at, row.arm, row.values["containment"]) for row in counted[20:]] == [
        (at, arm, float(contained)) for at, arm, contained in streamed[: len(counted) - 20]
    ]
    n = len(counted)
    alone = Trial.of(stored.plan)
    alone.assign(np.array([row.arm == "candidate" for row in counted]) * 1.0, np.full(n, 0.5))
    for since in range(0, n, 7):  # in other batches than the schedule's
        rows = counted[since : since + 7]
        alone.close(
            np.array([(row.started_at - live.began_at).days for row in rows]),
            np.array([row.arm == "candidate" for row in rows]) * 1.0,
            np.array([row.share for row in rows]),
            np.array([covariates(stored.plan, row) for row in rows]),
            {"containment": np.array([row.values["containment"] for row in rows])},
        )
    verdict = alone.verdict(may_promote=True)
    assert (verdict.verdict, stored.state) == ("advance", "full")
    assert verdict.why in why
