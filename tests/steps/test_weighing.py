"""Claims about steps/weighing.py and steps/quality.py."""

import json
from dataclasses import replace

import pytest

from kaeshi.errors import NotFound
from kaeshi.formats.faq import Written
from kaeshi.loop import Loop
from kaeshi.nouns import Filters
from kaeshi.rules.quality import shipped
from kaeshi.steps import collection, faq, quality, review, weighing
from samples import GOOD, log, rate, record

ASKED = "How long may a party of ten sit at the table?"
SAID = "Two hours, and three on a Monday."
ANY = Filters(min_quality_tenths=None, min_rating=None)


async def conversations(loop: Loop, count: int, answer: str = SAID, name: str = "c") -> None:
    await log(loop, *(record(f"{name}{i:03d}", ASKED, answer) for i in range(count)))


async def example(loop: Loop, conversation: str) -> tuple[bool, str, float]:
    """(kept, reason, probability)."""
    async with loop.store.read() as tx:
        found = await tx.examples.judged(loop.assistant, "", 1_000)
    (one,) = [each for each in found if each.conversation == conversation]
    assert one.probability is not None
    return one.body is not None, getattr(one.verdict, "reason", ""), one.probability


async def test_one_unhappy_customer_lowers_a_probability_and_has_no_veto(loop: Loop) -> None:
    await conversations(loop, 6)
    for i in range(5):
        await rate(loop, f"c{i:03d}#1")
    await collection.collect(loop, ANY)
    _, _, before = await example(loop, "c000")
    await rate(loop, "c005#1", rating=1)
    await collection.collect(loop, ANY)
    kept, _, after = await example(loop, "c000")
    assert kept
    assert after < before


async def test_an_answer_that_most_call_wrong_is_doubtful_whoever_praised_it(loop: Loop) -> None:
    await conversations(loop, 6)
    await rate(loop, "c000#1")
    done = await collection.collect(loop, ANY)
    assert (done.kept, done.dropped) == (6, {})
    for i in range(1, 6):
        await rate(loop, f"c{i:03d}#1", rating=1)
    await collection.collect(loop, ANY)
    assert await example(loop, "c000") == (False, "doubtful", pytest.approx(0.4, abs=0.1))
    # and what is said later may lift it again
    for i in range(1, 6):
        await rate(loop, f"c{i:03d}#1", rating=5)
    await collection.collect(loop, ANY)
    assert (await example(loop, "c000"))[:2] == (True, "")


async def test_an_answer_that_contradicts_an_approved_one_is_less_likely_right(loop: Loop) -> None:
    await conversations(loop, 1)
    await conversations(loop, 1, "Dogs are welcome on the terrace.", "d")
    await faq.import_pairs(loop, [("faq", Written(ASKED, SAID))], by="bea")
    await collection.collect(loop, ANY)
    assert (await example(loop, "c000"))[2] > (await example(loop, "d000"))[2]


async def test_a_decision_of_a_person_outweighs_all_votes(loop: Loop) -> None:
    await conversations(loop, 4)
    await rate(loop, "c000#1")
    await collection.collect(loop, ANY)
    (item, *_) = await review.queue(loop)
    for ref in (item.ref, *item.alike):
        await review.decide(loop, ref, "approved", by="ann")
    for i in range(1, 4):
        await rate(loop, f"c{i:03d}#1", rating=1)
    await collection.collect(loop, ANY)
    assert (await example(loop, "c000"))[:2] == (True, "")


async def test_each_vote_is_shown_with_its_weight_and_why(loop: Loop) -> None:
    await conversations(loop, 2)
    await rate(loop, "c000#1")
    await rate(loop, "c001#1", author="mia", rating=2)
    await collection.collect(loop, ANY)
    found = await weighing.votes_on(loop, "c000")
    assert sorted(w.vote.stars for w in found) == [2, 5]
    mias = next(w for w in found if w.vote.stars == 2)
    # one of the two is wrong, and which one is not known
    assert mias.why == "the only one of its customer, right in 75% of other votes"
    assert 0.5 < mias.weight < 1
    with pytest.raises(NotFound, match="collection run"):
        await weighing.votes_on(loop, "none")


async def test_networks_are_forgotten_after_the_stated_days(loop: Loop) -> None:
    await conversations(loop, 1)
    async with loop.store.write() as tx:
        await tx.connection.exec_driver_sql("update conversations set network = 'n_1'")
    await collection.collect(loop, ANY)
    loop.clock.advance(days=91)  # type: ignore[attr-defined]  # the tests' clock
    await collection.collect(loop, ANY)
    async with loop.store.read() as tx:
        left = await tx.connection.exec_driver_sql("select network from conversations")
        assert left.scalars().all() == ["-"]  # that there was one stays


async def test_the_probability_learns_from_what_people_decide(loop: Loop) -> None:
    """Here praise means nothing: every praised answer is rejected, every blamed one approved."""
    loop = replace(loop, settings=loop.settings.model_copy(update={"min_probability": 0}))
    names = [f"c{i:03d}" for i in range(60)]
    await log(
        loop, *(record(n, f"Question {n} of {i}?", f"Answer {n}.") for i, n in enumerate(names))
    )
    for i, name in enumerate(names):
        said = GOOD if i % 2 else {"rating": 2}
        await rate(loop, f"{name}#1", **said)
    await collection.collect(loop, ANY)
    assert await quality.model_of(loop) == shipped()
    assert not (await quality.reliability(loop)).is_own
    async with loop.store.read() as tx:
        items = await tx.examples.waiting(loop.assistant, "proposed", 100)
    assert len(items) == 60
    for item in items:
        state = "rejected" if "thumbs up" in item.why else "approved"
        await review.decide(loop, item.ref, state, by="ann")  # type: ignore[arg-type]  # both are states
    found = await quality.reliability(loop)
    assert (found.reviewed, found.is_own) == (60, True)
    model = await quality.model_of(loop)
    assert model.weights[0] < 0 < shipped().weights[0]
    assert found.error is not None
    assert found.error < 0.3
    assert sum(each.count for each in found.bins) == 60


async def test_what_was_known_is_kept_as_numbers_alone(loop: Loop) -> None:
    await conversations(loop, 1)
    await rate(loop, "c000#1")
    await collection.collect(loop, ANY)
    async with loop.store.write() as tx:
        await tx.connection.exec_driver_sql("update examples set review = 'approved'")
        ((known, right),) = await tx.weights.reviewed(loop.assistant)
    assert right
    assert all(isinstance(value, float) for value in json.loads(known).values())
