"""Claims about store/feedback.py."""

import pytest
from sqlalchemy import text

from kaeshi.errors import InvalidInput
from kaeshi.loop import Loop
from kaeshi.steps import feedback
from samples import log, rate, record


async def test_feedback_has_one_current_value_per_author_and_keeps_its_history(loop: Loop) -> None:
    await log(loop, record("c"))
    await rate(loop, "c#1", author="ann", vote="up", rating=5)
    await rate(loop, "c#1", author="ann", vote="down")
    await rate(loop, "c#1", author="bob", vote="up")
    found = await feedback.analytics(loop, 30)
    assert (
        found["total_feedback"],
        found["positive_votes"],
        found["negative_votes"],
        found["avg_rating"],
    ) == (2, 1, 1, 5.0)
    async with loop.store.read() as tx:
        history = (
            await tx.connection.execute(
                text("select metric, value from feedback_history order by submission, metric")
            )
        ).all()
    assert sorted(map(tuple, history)) == [
        ("rating", "5"),
        ("vote", "down"),
        ("vote", "up"),
        ("vote", "up"),
    ]


async def test_saying_the_same_again_is_the_same_feedback(loop: Loop) -> None:
    from kaeshi.rules.feedback import parse as said

    await log(loop, record("c"))
    first = await feedback.record(
        loop, [said("c#1", {"vote": "up", "comment": "very good indeed, thank you"})]
    )
    again = await feedback.record(
        loop, [said("c#1", {"vote": "up", "comment": "very good indeed, thank you"})]
    )
    assert first[0].id == again[0].id
    assert (await feedback.analytics(loop, 30))["total_feedback"] == 1


async def test_a_customers_own_words_cannot_be_rated_and_stop_no_other_rating(loop: Loop) -> None:
    await log(loop, record("c"))
    with pytest.raises(InvalidInput, match="'c#0' is from the user; feedback is on an answer"):
        await rate(loop, "c#0", vote="up")
    records = [(name, {"message_id": name, "rating": 5}) for name in ("c#0", "c#1", "none")]
    done = await feedback.import_records(loop, records)
    assert done.recorded == 1
    assert [why.partition(":")[0] for why in done.refused] == ["c#0", "none"]
