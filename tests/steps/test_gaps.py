"""Claims about steps/gaps.py."""

from pathlib import Path

import pytest

from kaeshi.errors import InvalidInput, NotFound
from kaeshi.formats import faq
from kaeshi.loop import Loop
from kaeshi.nouns import HAND_OVER
from kaeshi.steps import knowledge, review
from kaeshi.steps.faq import import_pairs
from kaeshi.steps.gaps import gaps
from samples import log, record

ASKED = "Do you serve halal meat at parties?"


async def test_what_was_handed_over_is_one_gap_scrubbed_until_it_is_answered(
    loop: Loop, tmp_path: Path
) -> None:
    for name in ("a", "b"):
        await log(loop, record(name, f"I am Anna Bennett. {ASKED}", HAND_OVER))
    await log(loop, record("c", "Do you cook vegan?", "Yes, tofu."))
    (gap,) = await gaps(loop)
    assert (gap.questions, gap.customers, gap.covered) == (2, 2, 0)
    assert gap.name == ASKED  # without who asks
    path = tmp_path / "help.md"
    path.write_text(f"# {ASKED}\nYes, all our beef is halal.\n# How far do you drive?\n50 miles.\n")
    await import_pairs(loop, faq.pairs(path), by="ann")
    await knowledge.refresh(loop)
    (filled,) = await gaps(loop)
    assert (filled.id, filled.covered) == (gap.id, 2)


async def test_without_conversations_there_is_no_gap(loop: Loop) -> None:
    assert await gaps(loop) == []


async def test_a_gap_is_reviewed_and_one_answer_settles_its_questions(loop: Loop) -> None:
    for name, asked in (("a", ASKED), ("b", f"{ASKED} Please?"), ("c", ASKED)):
        await log(loop, record(name, asked, HAND_OVER))
    (item,) = await review.queue(loop, kind="gap")
    assert (item.kind, item.title, item.answer) == ("gap", ASKED, "")
    assert item.why.startswith("3 customers asked 3 times")
    with pytest.raises(InvalidInput, match="review correct"):
        await review.decide(loop, item.ref, "approved", by="ann")
    with pytest.raises(InvalidInput, match=r"holds .*PHONE"):
        await review.decide(
            loop, item.ref, "corrected", by="ann", answer="Ask Anna Bennett, 415-555-0132."
        )
    await review.decide(loop, item.ref, "corrected", by="ann", answer="Yes, all our beef is halal.")
    live = await knowledge.approved_entries(loop)
    assert {entry.question for entry in live} == {ASKED, f"{ASKED} Please?"}
    assert {(entry.answer, entry.by, entry.source) for entry in live} == {
        ("Yes, all our beef is halal.", "ann", item.ref)
    }
    await knowledge.refresh(loop)
    assert await review.queue(loop, kind="gap") == []
    with pytest.raises(NotFound):
        await review.decide(loop, "gap_none", "corrected", by="ann", answer="Yes.")


async def test_a_question_of_a_conversation_without_consent_becomes_no_entry(loop: Loop) -> None:
    await log(loop, record("a", ASKED, HAND_OVER, consent="none"))
    (gap,) = await gaps(loop)
    assert await review.queue(loop, kind="gap") == []
    with pytest.raises(NotFound):
        await review.decide(loop, gap.id, "corrected", by="ann", answer="Yes, it is halal.")
