"""Claims about steps/collection.py."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from sqlalchemy import select, update

from kaeshi.errors import MissingModel, TooFew
from kaeshi.loop import Loop
from kaeshi.nouns import Filters, Finding, Watch, unwatched
from kaeshi.pii.finders.name_model import NameModel
from kaeshi.providers.fake import FakeClock, FakeNames
from kaeshi.steps import (
    collection,
    dataset,
    exporting,
)
from kaeshi.store.tables import conversations, customers, outcomes, texts
from samples import different, learnable, log, rate, record


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
        judged = (await tx.examples.judged("main", "", 10))[0]
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


async def test_what_the_finder_cannot_read_is_not_learned(loop: Loop) -> None:
    await log(loop, record("c", "我叫王小明，多少钱？", "It is 550 dollars."))
    await rate(loop, "c#1")
    latin = replace(loop, names=FakeNames(reads=frozenset({"LATIN"})))
    assert dict((await collection.collect(latin)).dropped) == {"unread_script": 1}


async def test_a_finder_that_reads_every_script_lets_it_be_learned(loop: Loop) -> None:
    await log(loop, record("c", "我叫王小明，多少钱？", "It is 550 dollars."))
    await rate(loop, "c#1")
    assert (await collection.collect(replace(loop, names=FakeNames(reads=None)))).kept == 1


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
        drop_outcomes=(),
    )
    with pytest.raises(TooFew, match="0 examples"):
        await dataset.build(loop, lax)


async def test_one_flipped_bit_puts_its_conversation_aside_and_nothing_else(loop: Loop) -> None:
    for name in ("a", "b", "c"):
        await log(loop, record(name, *different(ord(name)), closed=True))
    where = (texts.c.kind == "messages") & (texts.c.ref == "b")
    async with loop.store.write() as tx:
        (sealed,) = (await tx.connection.execute(select(texts.c.sealed).where(where))).scalars()
        flipped = sealed[:-1] + bytes([sealed[-1] ^ 1])
        await tx.connection.execute(update(texts).where(where).values(sealed=flipped))
    wanted = collection.filters(loop).model_copy(update={"missing_quality": "keep"})
    done = await collection.collect(loop, wanted)
    assert done.dropped["damaged"] == 1
    built = await dataset.build(loop, wanted, least=0)
    assert [line["conversation"] for line in built.manifest["lineage"]] == ["a", "c"]
    assert built.manifest["dropped"]["damaged"] == 1


async def test_a_setting_that_changes_judges_again_what_it_decides_otherwise(
    loop: Loop, clock: FakeClock
) -> None:
    await learnable(loop, 3)
    await log(loop, record("d", *different(50)))
    await rate(loop, "d#1", vote="up", rating=4, helpful=True, accurate=True)
    assert (await collection.collect(loop)).total_kept == 4
    strict = replace(loop, settings=loop.settings.model_copy(update={"min_rating": 4.5}))
    clock.advance(hours=1)
    done = await collection.collect(strict)
    assert (done.refiltered, done.judged, done.total_kept) == (1, 1, 3)
    assert (await collection.collect(strict)).judged == 0
    clock.advance(hours=1)
    done = await collection.collect(loop)
    assert (done.refiltered, done.total_kept) == (1, 4)


async def test_an_outcome_keeps_a_conversation_out_only_where_the_setting_names_it(
    loop: Loop,
) -> None:
    await learnable(loop, 2)
    await log(
        loop,
        record("d", *different(50), outcome={"booked": False}),
        record("e", *different(51), outcome={"tier": "trial"}),
    )
    await rate(loop, "d#1")
    await rate(loop, "e#1")
    assert (await collection.collect(loop)).total_kept == 4
    named = loop.settings.model_copy(update={"drop_outcomes": ("booked=false", "tier=trial")})
    done = await collection.collect(replace(loop, settings=named))
    assert dict(done.dropped) == {"booking_failed": 1, "outcome": 1}


async def test_one_customers_changed_key_puts_that_customers_texts_aside_and_no_others(
    loop: Loop,
) -> None:
    await learnable(loop, 12)
    pseudonym = loop.store.keyring.pseudonym("main", "customer of c0003", "c")
    where = customers.c.id == pseudonym
    async with loop.store.write() as tx:
        (key,) = (
            await tx.connection.execute(select(customers.c.wrapped_key).where(where))
        ).scalars()
        changed = key[:-1] + bytes([key[-1] ^ 1])
        await tx.connection.execute(update(customers).where(where).values(wrapped_key=changed))
    done = await collection.collect(loop)
    assert (done.kept, dict(done.dropped)) == (11, {"damaged": 1})
    assert len((await dataset.build(loop)).rows) == 11


async def test_filters_for_once_are_not_those_of_the_next_collection(
    loop: Loop, clock: FakeClock
) -> None:
    await log(loop, *(record(f"c{i}", *different(i)) for i in range(12)))
    lax = Filters(min_quality_tenths=None, missing_quality="keep")
    assert (await collection.collect(loop)).total_kept == 0
    clock.advance(hours=1)
    assert len((await dataset.build(loop, lax)).rows) == 12
    clock.advance(hours=1)
    done = await collection.collect(loop)
    assert (done.refiltered, done.judged) == (0, 0)


async def test_a_torn_outcome_or_label_is_left_out_and_stops_nothing(loop: Loop) -> None:
    await log(loop, *(record(f"c{i}", *different(i), outcome={"booked": True}) for i in range(3)))
    async with loop.store.write() as tx:
        for table, column, key in (
            (outcomes, outcomes.c.value, outcomes.c.conversation == "c1"),
            (conversations, conversations.c.intents, conversations.c.id == "c2"),
        ):
            await tx.connection.execute(update(table).where(key).values({column.name: "{torn"}))
    wanted = collection.filters(loop).model_copy(update={"missing_quality": "keep"})
    assert (await collection.collect(loop, wanted)).kept == 3
    assert len([r async for part in exporting.exported(loop) for r in part.records]) == 3
