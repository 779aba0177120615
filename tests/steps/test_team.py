"""Claims about steps/team.py, controls.py, bought.py, and several reviewers."""

from dataclasses import replace
from datetime import timedelta

import pytest

from kaeshi.errors import NotFound
from kaeshi.formats.faq import Written
from kaeshi.loop import Loop
from kaeshi.nouns import Entry
from kaeshi.steps import bought, collection, controls, report, review, team
from kaeshi.steps.faq import import_pairs
from kaeshi.steps.report_mail import render
from samples import learnable

TOPICS = {
    "parking": "You park free of charge behind the house.",
    "dogs": "Dogs are welcome on the terrace.",
    "price": "Adults are 55 dollars each.",
    "tofu": "Yes, every dish is made with tofu, too.",
    "deposit": "The deposit is 100 dollars.",
    "children": "Children under five eat free.",
}


async def waiting(loop: Loop, count: int) -> list[str]:
    await learnable(loop, count)
    await collection.collect(loop)
    return [item.ref for item in await review.queue(loop)]


async def test_where_two_must_agree_one_is_not_enough(loop: Loop) -> None:
    loop = replace(loop, settings=loop.settings.model_copy(update={"reviewers": 2}))
    (ref,) = await waiting(loop, 1)
    assert not await review.decide(loop, ref, "approved", by="ann")
    assert not await review.decide(loop, ref, "approved", by="ann")
    assert not await review.decide(loop, ref, "rejected", by="bea")
    assert [item.ref for item in await review.queue(loop)] == [ref]
    assert await review.decide(loop, ref, "approved", by="cem")
    assert await review.queue(loop) == []
    with pytest.raises(NotFound):
        await review.decide(loop, "ex_none", "approved", by="ann")


async def test_two_who_give_other_answers_or_have_the_same_name_do_not_agree(loop: Loop) -> None:
    loop = replace(loop, settings=loop.settings.model_copy(update={"reviewers": 2}))
    (ref,) = await waiting(loop, 1)
    for by, answer in (("ann", "Three hours."), ("bea", "Nine hours."), ("ann ", "Nine hours.")):
        settled = await review.decide(loop, ref, "corrected", by=by, answer=answer)
    assert settled  # ann, who has changed her mind, and bea
    (item,) = await review.queue(loop, state="corrected")
    assert item.answer == "Nine hours."


async def test_the_budget_of_the_week_counts_items_not_controls(loop: Loop) -> None:
    refs = await waiting(loop, 3)
    for ref in refs[:2]:
        await review.decide(loop, ref, "approved", by="ann")
    await controls.answered(loop, "control_x", "approved", "approved", "ann")
    found = await team.figures(loop)
    assert (found.this_week, await team.left_this_week(loop)) == (2, 18)
    assert [(r.name, r.decided, r.controls_right) for r in found.reviewers] == [("ann", 2, 1)]
    loop.clock.advance(days=7)  # type: ignore[attr-defined]  # the tests' clock
    assert await team.left_this_week(loop) == 20


async def test_three_of_a_hundred_items_are_controls_that_look_like_any(loop: Loop) -> None:
    pairs = [(t, Written(f"What about {t}?", answer)) for t, answer in TOPICS.items()]
    await import_pairs(loop, pairs, by="bea")
    await waiting(loop, 99)
    items = await review.queue(loop, limit=99)
    mixed, known = await controls.with_controls(loop, items, "ann")
    assert (len(items), len(mixed), len(known)) == (99, 102, 3)
    shown = [item for item in mixed if item.ref in known]
    for item in shown:
        is_right = item.answer == TOPICS[item.title.removeprefix("What about ")[:-1]]
        assert known[item.ref] == ("approved" if is_right else "rejected")
        assert item.right is not None
    ref = shown[0].ref
    await controls.answered(loop, ref, "corrected", known[ref], "ann")
    _, again = await controls.with_controls(loop, items, "ann")
    assert ref not in again
    # whoever approved the entries knows them
    assert (await controls.with_controls(loop, items, "bea"))[1] == {}


async def entries(loop: Loop, topics: list[str], count: int, days_ago: int) -> None:
    made = [
        Entry(
            id=f"kb_{topic}{i}",
            assistant=loop.assistant,
            question=f"{topic} {['please', 'tell', 'me', 'now', 'then'][i % 5]} {i}",
            answer=TOPICS[topic],
            state="approved",
            by="ann",
            at=loop.clock.now() - timedelta(days=days_ago),
        )
        for topic in topics
        for i in range(count)
    ]
    async with loop.store.write() as tx:
        await tx.knowledge.propose([(entry, 8) for entry in made])


async def test_what_the_last_weeks_answers_bought_is_measured(loop: Loop) -> None:
    await entries(loop, ["parking", "dogs"], 8, days_ago=20)
    assert await bought.bought(loop) is None
    await entries(loop, ["price", "tofu"], 8, days_ago=2)
    found = await bought.bought(loop)
    assert found is not None
    assert (found.answers, found.questions) == (16, 32)
    assert found.before <= 50 < found.after
    assert found.sentence.startswith("16 answers of the last week: +")
    assert await bought.bought(loop, by="bea") is None


async def test_the_report_says_what_was_learned_and_from_whom(loop: Loop) -> None:
    refs = await waiting(loop, 3)
    await review.decide(loop, refs[0], "approved", by="ann")
    await import_pairs(loop, [("faq", Written("Do you park?", "Yes, behind."))], by="bea")
    loop.clock.advance(days=7)  # type: ignore[attr-defined]  # the tests' clock
    composed = await report.compose(loop)
    assert composed.learned == (
        "kept to learn from: 3 conversations",
        "knowledge entries approved: bea 1",
        "decided in review: ann 1",
    )
    _, text, page = render(composed)
    assert "Learned:\n- kept to learn from: 3 conversations" in text
    assert ">Learned</h2>" in page
