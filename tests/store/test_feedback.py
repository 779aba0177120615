"""Claims about store/feedback.py."""

import itertools
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from kaeshi.errors import InvalidInput, NotFound
from kaeshi.loop import Loop
from kaeshi.nouns import Feedback
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


START = datetime(2026, 3, 2, tzinfo=UTC)
NUMBERS = itertools.count()  # an assistant of its own for each run
reports = st.lists(
    st.builds(
        Feedback,
        message_id=st.just("c#1"),
        author=st.sampled_from(["ann", "bob"]),
        rating=st.sampled_from([None, 1, 3, 5]),
        vote=st.sampled_from(["up", "down"]),
        at=st.integers(0, 4).map(lambda hours: START + timedelta(hours=hours)),
    ),
    min_size=1,
    max_size=8,
)


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(said=reports, rng=st.randoms())
async def test_late_and_repeated_reports_leave_the_state_of_ordered_ones(
    loop: Loop, said: list[Feedback], rng: object
) -> None:
    states = []
    shuffled = [*said, *said]
    rng.shuffle(shuffled)  # type: ignore[attr-defined]  # hypothesis gives a random.Random
    for order in (sorted(said, key=lambda f: f.at or START), shuffled):
        own = replace(loop, assistant=f"a{next(NUMBERS)}")
        await log(own, record("c"))
        for one in order:
            await feedback.record(own, [one])
        async with own.store.read() as tx:
            found = await tx.feedback.on(own.assistant, ["c"])
        states.append(sorted((str(o.vote), str(o.rating)) for _, o in found["c"]))
    assert states[0] == states[1]


async def test_a_key_makes_repeating_safe_after_another_opinion(loop: Loop) -> None:
    await log(loop, record("c"))
    first = Feedback(message_id="c#1", author="ann", vote="up", key="k1")
    (kept,) = await feedback.record(loop, [first])
    await rate(loop, "c#1", author="ann", vote="down")
    (again,) = await feedback.record(loop, [first])
    assert again.id == kept.id
    assert (await feedback.analytics(loop, 30))["negative_votes"] == 1


async def test_feedback_on_a_conversation_is_on_its_last_answer_of_substance(loop: Loop) -> None:
    await log(loop, record("c", "Do you cook vegan?", "Yes, tofu.", "Thanks", "You are welcome!"))
    told = await feedback.about_conversation(loop, Feedback(message_id="c", vote="up"))
    assert told.message_id == "c#1"
    with pytest.raises(NotFound, match="no stored answer"):
        await feedback.about_conversation(loop, Feedback(message_id="none", vote="up"))
