"""Claims about store/feedback.py."""

from sqlalchemy import text

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
