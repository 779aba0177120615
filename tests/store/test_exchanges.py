"""Claims about store/exchanges.py."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

from kaeshi.loop import Loop
from kaeshi.nouns import Assignment, Exchange, Json, Mirrored
from kaeshi.providers.fake import FakeClock
from kaeshi.rules.threads import states_after


def exchange(
    loop: Loop, name: str, *said: str, conversation: str = "talk", **more: Any
) -> Exchange:
    """A turn whose last word is the reply; customer and assistant alternate."""
    turns: list[Json] = [
        {"role": "assistant" if i % 2 else "user", "content": text} for i, text in enumerate(said)
    ]
    given: dict[str, Any] = {"customer": "guest", "scope": "guest", "status": 200} | more
    return Exchange(
        id=name,
        assistant=loop.assistant,
        conversation=conversation,
        at=loop.clock.now(),
        messages=tuple(turns[:-1]),
        reply=turns[-1],
        **given,
    )


async def words_of(loop: Loop, conversation: str) -> list[object]:
    async with loop.store.read() as tx:
        (found,) = await tx.conversations.read(loop.assistant, [conversation])
    return [said.message["content"] for said in found.said]


async def test_a_turn_that_repeats_its_history_adds_only_what_is_new(loop: Loop) -> None:
    turns = [
        exchange(loop, "m1", "Hello", "Good evening"),
        exchange(loop, "m2", "Hello", "Good evening", "For ten?", "550 dollars"),
    ]
    async with loop.store.write() as tx:
        done = await tx.exchanges.add(turns, loop.clock.now())
    assert (done.requests, done.edited, done.refused) == (2, 0, 0)
    assert await words_of(loop, "talk") == ["Hello", "Good evening", "For ten?", "550 dollars"]


async def test_storing_the_same_exchanges_again_changes_nothing(loop: Loop) -> None:
    turns = [exchange(loop, "m1", "Hello", "Good evening")]
    for again in (False, True):
        async with loop.store.write() as tx:
            done = await tx.exchanges.add(turns, loop.clock.now())
        assert done.requests == (0 if again else 1)
    async with loop.store.read() as tx:
        assert await tx.exchanges.count_requests(loop.assistant) == (1, 0)


async def test_an_edited_history_becomes_a_conversation_beside_the_first(loop: Loop) -> None:
    turns = [
        exchange(loop, "m1", "Hello", "Good evening"),
        exchange(loop, "m2", "Hi there", "Good evening", "For ten?", "550 dollars"),
    ]
    async with loop.store.write() as tx:
        done = await tx.exchanges.add(turns, loop.clock.now())
    assert done.edited == 1
    assert await words_of(loop, "talk") == ["Hello", "Good evening"]
    assert (await words_of(loop, "talk~m2"))[0] == "Hi there"


async def test_another_customer_cannot_write_into_a_conversation(loop: Loop) -> None:
    turns = [
        exchange(loop, "m1", "Hello", "Good evening"),
        exchange(loop, "m2", "Hello", "Good evening", "My key?", "No", customer="thief"),
    ]
    async with loop.store.write() as tx:
        await tx.exchanges.add(turns, loop.clock.now())
    assert await words_of(loop, "talk") == ["Hello", "Good evening"]


async def test_a_state_that_two_conversations_reach_stands_for_neither(loop: Loop) -> None:
    turns = [
        exchange(loop, "m1", "Hello", "Good evening", conversation="a", scope=""),
        exchange(loop, "m2", "Hello", "Good evening", conversation="b", scope=""),
    ]
    for turn, known in zip(turns, ("a", ""), strict=True):
        async with loop.store.write() as tx:
            await tx.exchanges.add([turn], loop.clock.now())
        async with loop.store.read() as tx:
            assert turn.reply is not None
            state, _ = states_after(turn.messages, turn.reply, ())
            digest = tx.exchanges.digest(turn, state)
            assert await tx.exchanges.conversation_of(loop.assistant, [digest]) == known


async def test_a_message_with_an_unknown_role_is_counted_and_its_request_kept(loop: Loop) -> None:
    odd = exchange(loop, "m1", "Hello", "Good evening")
    odd = Exchange(**{f: getattr(odd, f) for f in odd.__slots__} | {"messages": ({"role": "x"},)})
    async with loop.store.write() as tx:
        done = await tx.exchanges.add([odd], loop.clock.now())
    assert (done.requests, done.refused) == (1, 1)


async def test_of_two_workers_at_one_place_of_a_spool_only_one_stores(loop: Loop) -> None:
    results = []
    for _ in range(2):
        async with loop.store.write() as tx:
            results.append(
                await tx.exchanges.take_spool(loop.assistant, "s", 0, 500, 3, loop.clock.now())
            )
    assert results == [True, False]
    async with loop.store.read() as tx:
        assert await tx.exchanges.spool_taken(loop.assistant, "s") == (500, 3)
        assert await tx.exchanges.spool_taken(loop.assistant, "unknown") == (0, 0)


async def test_drops_count_from_the_time_asked_for(loop: Loop, clock: FakeClock) -> None:
    async with loop.store.write() as tx:
        await tx.exchanges.take_spool(loop.assistant, "s", 0, 500, 3, clock.now())
    async with loop.store.read() as tx:
        before = await tx.exchanges.dropped_since(loop.assistant, clock.now())
        after = await tx.exchanges.dropped_since(loop.assistant, clock.now() + timedelta(seconds=1))
        logged = await tx.exchanges.count_requests(loop.assistant)
    assert (before, after) == (3, 0)
    assert logged == (0, 3)


def mirrored(loop: Loop, request: str, **values: Any) -> Mirrored:
    return Mirrored(request=request, experiment="r1", at=loop.clock.now(), **values)


async def test_a_mirrors_tally_counts_states_agreement_and_preferences(loop: Loop) -> None:
    found = [
        mirrored(loop, "a", state="answered", same=True, latency_ms=100.0, production_ms=50.0),
        mirrored(
            loop,
            "b",
            state="answered",
            same=False,
            preferred="candidate",
            latency_ms=300.0,
            production_ms=70.0,
            broken=("length",),
            cost_usd=Decimal("0.5"),
        ),
        mirrored(loop, "c", state="failed"),
        mirrored(loop, "d", state="dropped"),
    ]
    async with loop.store.write() as tx:
        await tx.exchanges.add_mirrored(loop.assistant, found)
    async with loop.store.read() as tx:
        tally = await tx.exchanges.mirror_tally(loop.assistant, "r1")
        spent = await tx.exchanges.mirror_spent(loop.assistant, loop.clock.now())
        later = await tx.exchanges.mirror_spent(
            loop.assistant, loop.clock.now() + timedelta(hours=1)
        )
    assert {k: tally[k] for k in ("answered", "failed", "dropped")} == {
        "answered": 2,
        "failed": 1,
        "dropped": 1,
    }
    assert (tally["same"], tally["broken"], tally["preferred"]) == (1, 1, {"candidate": 1})
    assert (float(tally["latency_ms"]), float(tally["production_ms"])) == (200.0, 60.0)
    assert (spent, later) == (500_000_000, 0)


async def test_the_arm_and_failure_of_each_request_are_what_the_rollout_reads(loop: Loop) -> None:
    assigned = Assignment(experiment="r1", arm="candidate", share=0.1)
    turns = [
        exchange(loop, "m1", "Hello", "Hi", conversation="a", assignment=assigned, failed=True),
        exchange(loop, "m2", "Hello", "Hi", conversation="b", assignment=assigned),
        exchange(loop, "m3", "Hello", "Hi", conversation="c"),
    ]
    async with loop.store.write() as tx:
        await tx.exchanges.add(turns, loop.clock.now())
    async with loop.store.read() as tx:
        found = await tx.rollouts.requests(loop.assistant, "r1")
    assert sorted(found) == [("candidate", 0.1, False), ("candidate", 0.1, True)]
