"""Claims about steps/gaps.py."""

from pathlib import Path

from kaeshi.formats import faq
from kaeshi.loop import Loop
from kaeshi.nouns import HAND_OVER
from kaeshi.steps import knowledge
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
