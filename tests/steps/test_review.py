"""Claims about steps/review.py."""

import pytest

from kaeshi.errors import InvalidInput, NotFound
from kaeshi.loop import Loop
from kaeshi.steps import (
    collection,
    dataset,
    knowledge,
    review,
)
from samples import learnable, log, rate, record


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


async def test_the_queue_shows_question_answer_conversation_and_why(loop: Loop) -> None:
    await log(
        loop,
        record("c", "I am Anna Bennett. Do you cook vegan?", "Yes, we cook tofu and vegetables."),
    )
    await rate(loop, "c#1", correction="Yes: tofu, vegetables and noodles, says Anna Bennett.")
    await rate(loop, "c#1", author="other")
    await collection.collect(loop)
    items = {item.kind: item for item in await review.queue(loop)}
    assert items["example"].answer == "Yes, we cook tofu and vegetables."
    assert items["example"].why.startswith("5 stars, 1 thumbs up")
    correction = items["correction"]
    assert (correction.title, correction.answer) == (
        "I am [PERSON_1]. Do you cook vegan?",
        "Yes: tofu, vegetables and noodles, says [PERSON_1].",
    )
    assert correction.why == "a customer's correction of: Yes, we cook tofu and vegetables."
    assert {item.conversation for item in items.values()} == {"c"}
    assert [i.kind for i in await review.queue(loop, kind="correction")] == ["correction"]


async def test_one_item_is_shown_with_its_conversation_scrubbed(loop: Loop) -> None:
    await log(loop, record("c", "I am Anna Bennett. When?", "At seven.", "Thanks!", "Welcome!"))
    await rate(loop, "c#1")
    await collection.collect(loop)
    (item,) = await review.queue(loop, kind="example")
    shown = await review.look(loop, item.ref)
    assert [m["content"] for m in shown["messages"]] == [
        "I am [PERSON_1]. When?",
        "At seven.",
        "Thanks!",
        "Welcome!",
    ]
    with pytest.raises(NotFound, match="--state all"):
        await review.look(loop, "ex_none")
