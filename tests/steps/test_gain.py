"""Claims about steps/gain.py: what comes first in review, and what one decision settles."""

import pytest

from kaeshi.errors import NotFound
from kaeshi.loop import Loop
from kaeshi.steps import collection, review
from samples import learnable, log, rate, record

ASKED = "Do you cook vegan food for our guests?"


async def three_alike(loop: Loop) -> None:
    for name in ("a", "b", "c"):
        await log(loop, record(name, ASKED, "Yes, we cook tofu and vegetables."))
        await rate(loop, f"{name}#1")
    await log(loop, record("d", ASKED, "No, we grill nothing but steak and shrimp."))
    await rate(loop, "d#1")
    await collection.collect(loop)


async def test_each_question_with_its_answer_stands_once_with_its_like(loop: Loop) -> None:
    await three_alike(loop)
    items = await review.queue(loop, kind="example")
    assert sorted(len(item.alike) for item in items) == [0, 2]
    assert sum(1 + len(item.alike) for item in items) == 4


async def test_answers_that_others_give_too_are_likelier_right(loop: Loop) -> None:
    await three_alike(loop)
    many, lonely = sorted(
        await review.queue(loop, kind="example"), key=lambda item: -len(item.alike)
    )
    assert many.right is not None
    assert lonely.right is not None
    assert many.right > lonely.right


async def test_one_decision_settles_all_that_say_the_same(loop: Loop) -> None:
    await three_alike(loop)
    many = next(i for i in await review.queue(loop, kind="example") if i.alike)
    done = await review.decide_alike(loop, many.alike[0], "rejected", by="ann")
    assert sorted(done) == sorted([many.ref, *many.alike])
    assert [i.alike for i in await review.queue(loop, kind="example")] == [()]
    with pytest.raises(NotFound, match="does not wait"):
        await review.decide_alike(loop, many.ref, "approved", by="ann")


async def test_nothing_is_left_out_of_the_queue(loop: Loop) -> None:
    await learnable(loop, 12)
    await collection.collect(loop)
    items = await review.queue(loop, kind="example")
    assert len({ref for item in items for ref in (item.ref, *item.alike)}) == 12
