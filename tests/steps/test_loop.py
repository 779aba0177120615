"""Each step on a real store with shipped fakes."""

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from kaeshi.errors import InvalidInput, MissingModel, NotFound, ProviderUnknown, TooFew
from kaeshi.loop import Loop
from kaeshi.nouns import Filters, Finding, Watch, unwatched
from kaeshi.pii.finders.name_model import NameModel
from kaeshi.providers.fake import FakeClock, FakeMailer, FakeNames, FakeTrainer
from kaeshi.steps import (
    collection,
    conversation,
    dataset,
    evaluation,
    feedback,
    knowledge,
    report,
    review,
    training,
)
from kaeshi.steps.report_mail import render
from samples import GOOD, different, learnable, log, rate, record


async def lines(loop: Loop, *raw: bytes) -> Any:
    return await anext(conversation.log_lines(loop, raw, "log.jsonl", consent="granted"))


async def test_a_bad_line_is_refused_with_its_place_and_stops_nothing(loop: Loop) -> None:
    done = await lines(
        loop,
        json.dumps(record("a")).encode(),
        b"{broken",
        b"",
        json.dumps({"messages": []}).encode(),
        json.dumps(record("b")).encode(),
    )
    assert done.new == 2
    assert sorted(why.split(":")[0] for why in done.refused) == [
        "log.jsonl, line 2",
        "log.jsonl, line 4",
    ]


async def test_an_idle_conversation_closes_and_a_fresh_one_does_not(
    loop: Loop, clock: FakeClock
) -> None:
    fresh = record("c")
    for message in fresh["messages"]:
        message["at"] = clock.now().isoformat()
    await log(loop, fresh)
    assert await conversation.close_idle(loop) == 0
    assert (await collection.collect(loop)).judged == 0
    clock.advance(minutes=31)
    assert await conversation.close_idle(loop) == 1
    assert (await collection.collect(loop)).judged == 1


async def test_an_example_ends_with_its_last_rated_answer(loop: Loop) -> None:
    await log(
        loop,
        record(
            "c",
            "How much is it?",
            "It is 550 dollars.",
            "And for kids?",
            "Kids are 30 dollars.",
            "Thanks",
            "Bye!",
        ),
    )
    await rate(loop, "c#1")
    await collection.collect(loop)
    async with loop.store.read() as tx:
        judged = (await tx.judged("main", "", 10))[0]
    assert [m["content"] for m in judged.example.messages] == [
        "How much is it?",
        "It is 550 dollars.",
    ]


async def test_tool_calls_are_scrubbed_too(loop: Loop) -> None:
    messages = [
        {"role": "user", "content": [{"type": "text", "text": "I am Anna Bennett"}]},
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [
                {
                    "id": "x1",
                    "type": "function",
                    "function": {"name": "find", "arguments": '{"mail": "anna@example.com"}'},
                }
            ],
        },
    ]
    scrubbed, _ = collection.scrub_messages(loop, messages)
    said = json.dumps(scrubbed)
    assert "Anna" not in said
    assert "anna@example.com" not in said
    assert scrubbed[1]["tool_calls"][0]["id"] == "x1"


async def test_a_broken_scrubber_lets_nothing_through(loop: Loop) -> None:
    await learnable(loop, 12)
    broken = replace(loop, names=FakeNames(broken=True))
    assert dict((await collection.collect(broken)).dropped) == {"unscrubbed": 12}
    with pytest.raises(TooFew):
        await dataset.build(broken)


@dataclass
class SlowNames(FakeNames):
    """Takes an hour over a conversation that says `over`."""

    clock: FakeClock = field(kw_only=True)
    over: str = field(kw_only=True)

    def find_each(
        self,
        conversations: Sequence[Sequence[str]],
        known: Sequence[str] = (),
        watch: Watch = unwatched,
    ) -> list[list[list[Finding]]]:
        if any(self.over in text for texts in conversations for text in texts):
            self.clock.advance(hours=1)
        return super().find_each(conversations, known, watch)


async def test_what_the_scrubber_does_not_finish_in_time_is_put_aside_and_not_tried_again(
    loop: Loop, clock: FakeClock
) -> None:
    await learnable(loop, 12)
    slow = replace(loop, names=SlowNames(clock=clock, over=different(3)[0]))
    done = await collection.collect(slow)
    assert (done.kept, dict(done.dropped)) == (11, {"timed_out": 1})
    before = clock.now()
    kept, dropped = await dataset.gather(slow, collection.filters(loop))
    assert (len(kept), dropped["timed_out"], clock.now()) == (11, 1, before)


async def test_without_the_model_collecting_says_so_and_nothing_is_settled(
    loop: Loop, tmp_path: Path
) -> None:
    await learnable(loop, 12)
    with pytest.raises(MissingModel, match="kaeshi models fetch"):
        await collection.collect(replace(loop, names=NameModel(tmp_path)))
    assert (await collection.collect(loop)).kept == 12


async def test_without_consent_nothing_is_learned_whatever_the_filters(loop: Loop) -> None:
    await log(loop, *(record(f"c{i}", *different(i), consent="none") for i in range(12)))
    lax = Filters(
        min_quality_tenths=None,
        min_confidence=None,
        min_rating=None,
        missing_quality="keep",
        drop_failed=False,
    )
    with pytest.raises(TooFew, match="0 examples"):
        await dataset.build(loop, lax)


async def test_the_same_inputs_make_the_same_bytes(loop: Loop, tmp_path: Path) -> None:
    await learnable(loop, 30)
    first = await dataset.write(loop, await dataset.build(loop), tmp_path / "one")
    second = await dataset.write(loop, await dataset.build(loop), tmp_path / "two")
    assert first.id == second.id
    for name in ("train.jsonl", "validation.jsonl", "manifest.json"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()
    assert {e["conversation"] for e in first.manifest["lineage"]} == {
        f"c{i:04d}" for i in range(30)
    }
    assert first.manifest["operator"] == "placeholders"


async def test_a_stricter_dataset_is_judged_anew_and_a_laxer_one_finds_what_collection_dropped(
    loop: Loop,
) -> None:
    await learnable(loop, 12)
    await log(loop, *(record(f"d{i}", *different(100 + i)) for i in range(5)))
    await collection.collect(loop)
    unrated = Filters(min_quality_tenths=None, missing_quality="keep")
    assert len((await dataset.build(loop, unrated)).rows) == 17
    assert len((await dataset.build(loop)).rows) == 12
    with pytest.raises(TooFew):
        await dataset.build(loop, Filters(min_confidence=0.99))


async def test_a_test_case_is_never_trained_on(loop: Loop) -> None:
    await learnable(loop, 12)
    question, expected = different(3)
    stored, refused = await evaluation.add(
        loop, [("case", {"question": question, "expected": expected})]
    )
    assert (len(stored), refused) == (1, [])
    built = await dataset.build(loop)
    assert len(built.rows) == 11
    assert built.manifest["dropped"]["test_case"] == 1


async def test_a_case_that_changes_is_a_new_version(loop: Loop) -> None:
    for expected in ("a", "a", "b"):
        await evaluation.add(loop, [("f", {"id": "x", "question": "q?", "expected": expected})])
    async with loop.store.read() as tx:
        assert [(c.version, c.expected) for c in await tx.cases("main")] == [(2, "b")]


async def file_of(loop: Loop, tmp_path: Path) -> Path:
    await learnable(loop, 30)
    return Path((await dataset.write(loop, await dataset.build(loop))).path) / "train.jsonl"


async def test_a_run_knows_the_dataset_it_came_from_and_becomes_a_candidate(
    loop: Loop, tmp_path: Path
) -> None:
    path = await file_of(loop, tmp_path)
    run = await training.wait(
        loop, await training.start(loop, await training.upload(loop, path), "gpt-4o-mini", "x", 3)
    )
    assert run.state == "succeeded"
    assert run.dataset == path.parent.name
    async with loop.store.read() as tx:
        assert (await tx.candidate("main", run.model or "")).run == run.id


async def test_asking_twice_pays_once(loop: Loop, tmp_path: Path) -> None:
    path, provider = await file_of(loop, tmp_path), loop.trainer
    assert isinstance(provider, FakeTrainer)
    for _ in range(3):
        await training.start(loop, await training.upload(loop, path), "gpt-4o-mini", "x", 3)
    assert (provider.calls.count("upload"), provider.calls.count("create")) == (1, 1)


@pytest.mark.parametrize("call", ["upload", "create"])
async def test_a_lost_answer_is_looked_up_and_not_paid_again(
    loop: Loop, tmp_path: Path, call: str
) -> None:
    path, provider = await file_of(loop, tmp_path), FakeTrainer(lose_answer_of=call)
    unlucky = replace(loop, trainer=provider)
    with pytest.raises(ProviderUnknown):
        await training.start(unlucky, await training.upload(unlucky, path), "gpt-4o-mini", "x", 3)
    run = await training.wait(
        unlucky,
        await training.start(unlucky, await training.upload(unlucky, path), "gpt-4o-mini", "x", 3),
    )
    assert run.state == "succeeded"
    assert provider.calls.count(call) == 1


async def test_the_poller_resumes_a_run_whose_start_was_lost(loop: Loop, tmp_path: Path) -> None:
    path, provider = await file_of(loop, tmp_path), FakeTrainer(lose_answer_of="create")
    unlucky = replace(loop, trainer=provider)
    with pytest.raises(ProviderUnknown):
        await training.start(unlucky, await training.upload(unlucky, path), "gpt-4o-mini", "x", 3)
    assert [r.state for r in await training.resume(unlucky)] == ["created"]
    assert [r.state for r in await training.resume(unlucky)] == ["succeeded"]


async def approved(loop: Loop, count: int) -> list[str]:
    await learnable(loop, count)
    await collection.collect(loop)
    await knowledge.propose(loop)
    refs = [item.ref for item in await review.queue(loop) if item.kind == "entry"]
    await knowledge.approve(loop, refs, by="ann")
    return refs


async def test_only_new_text_is_embedded_and_the_new_index_is_swapped_in(loop: Loop) -> None:
    await approved(loop, 3)
    first = await knowledge.refresh(loop)
    await learnable(loop, 5)
    await collection.collect(loop)
    await knowledge.propose(loop)
    await knowledge.approve(
        loop, [i.ref for i in await review.queue(loop) if i.kind == "entry"], by="ann"
    )
    second = await knowledge.refresh(loop)
    assert (first["embedded"], second["embedded"], second["entries"]) == (3, 2, 5)
    assert first["index"] != second["index"]
    question, expected = different(4)
    assert (await knowledge.search(loop, question, 1))[0].entry.answer == expected


async def test_nothing_is_approved_without_a_name(loop: Loop) -> None:
    await learnable(loop, 2)
    await collection.collect(loop)
    done = await knowledge.refresh(loop)
    assert (done["proposed"], done["entries"], done["index"]) == (2, 0, None)
    with pytest.raises(InvalidInput, match="name"):
        await knowledge.approve(loop, ["kb_x"], by=" ")
    with pytest.raises(NotFound):
        await knowledge.search(loop, "anything")


async def test_a_changed_index_file_is_not_searched(loop: Loop) -> None:
    await approved(loop, 2)
    await knowledge.refresh(loop)
    Path(knowledge.current(loop)["path"]).write_bytes(b"other")
    with pytest.raises(InvalidInput, match="refresh"):
        await knowledge.search(loop, "anything")


async def test_a_rejected_example_is_not_learned_and_a_corrected_one_is_learned_corrected(
    loop: Loop,
) -> None:
    await learnable(loop, 12)
    await collection.collect(loop)
    wrong, bad = [i.ref for i in await review.queue(loop) if i.kind == "example"][:2]
    await review.decide(loop, bad, "rejected", by="ann")
    await review.decide(
        loop, wrong, "corrected", by="ann", answer="The right answer, says Anna Bennett."
    )
    await rate(loop, "c0000#1", author="late", vote="up")
    built = await dataset.build(loop)
    last = [row["messages"][-1]["content"] for row in built.rows]
    assert len(built.rows) == 11
    assert "The right answer, says [PERSON_1]." in last


async def test_an_entry_with_personal_data_is_not_accepted(loop: Loop) -> None:
    await learnable(loop, 1)
    await collection.collect(loop)
    await knowledge.propose(loop)
    entry = next(i.ref for i in await review.queue(loop) if i.kind == "entry")
    with pytest.raises(InvalidInput, match="personal data"):
        await review.decide(
            loop, entry, "corrected", by="ann", answer="Call Anna Bennett at 415-555-0132"
        )


async def test_a_report_is_mailed_once(loop: Loop, clock: FakeClock) -> None:
    await log(
        loop,
        *(
            record(f"c{i}", outcome={"escalated": i % 4 == 0, "booked": i % 2 == 0})
            for i in range(20)
        ),
    )
    composed = await report.compose(loop, by_log_clock=False)
    sent, again = (
        await report.send(loop, composed, render),
        await report.send(loop, composed, render),
    )
    assert (sent["sent"], again["sent"]) == (True, False)
    assert isinstance(loop.mailer, FakeMailer)
    assert len(loop.mailer.sent) == 1
    facts = {line.metric: line.now for line in composed.lines}
    assert (facts["containment"].value, facts["containment"].denominator) == (0.75, 20)
    assert facts["csat"].value is None


async def test_a_mail_that_may_have_gone_out_is_not_repeated(loop: Loop) -> None:
    await log(loop, record("c"))
    silent = replace(loop, mailer=FakeMailer(silent=True))
    composed = await report.compose(silent)
    with pytest.raises(ProviderUnknown):
        await report.send(silent, composed, render)
    assert (await report.send(silent, composed, render))["sent"] is False


async def test_feedback_files_are_read_and_bad_lines_counted(loop: Loop) -> None:
    await log(
        loop,
        record("c"),
        record("d", "How much?", "It is 550 dollars.", "Thanks", "You are welcome!"),
    )
    raw = [
        ("1", {"message_id": "c#1", **GOOD}),
        ("2", {"message_id": "c#1", "rating": 9}),
        ("3", {"message_id": "nobody", "vote": "up"}),
        (
            "4",
            {
                **record("d", "How much?", "It is 550 dollars.", "Thanks", "You are welcome!"),
                "feedback": {"thumbs": "down"},
            },
        ),
        ("5", record("d")),
    ]
    done = await feedback.import_records(loop, raw)
    assert (done.recorded, done.without, len(done.refused)) == (2, 1, 2)
    async with loop.store.read() as tx:
        assert [position for position, _ in (await tx.feedback_on("main", ["d"]))["d"]] == [1]


async def test_many_writers_lose_nothing(loop: Loop) -> None:
    await log(loop, *(record(f"c{i}") for i in range(20)))
    await asyncio.gather(
        *(rate(loop, f"c{i}#1", author=f"a{n}") for i in range(20) for n in range(3))
    )
    assert (await feedback.analytics(loop, 1000))["total_feedback"] == 60
