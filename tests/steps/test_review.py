"""Claims about steps/review.py."""

import pytest

from kaeshi.errors import InvalidInput
from kaeshi.loop import Loop
from kaeshi.steps import (
    collection,
    dataset,
    knowledge,
    review,
)
from samples import learnable, rate


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
