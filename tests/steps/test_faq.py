"""Claims about steps/faq.py and formats/faq.py: a team's own questions and answers."""

import json
from pathlib import Path

import pytest

from kaeshi.errors import InvalidInput
from kaeshi.formats import faq
from kaeshi.loop import Loop
from kaeshi.steps import knowledge
from kaeshi.steps.faq import import_pairs

MARKDOWN = """# Help

## Do you cook vegan?

Yes: tofu and vegetables.

```sh
# no heading
```

## Empty

### How far do you drive?
We drive 50 miles.
"""
KINDS = {
    "help.md": MARKDOWN,
    "help.csv": "Question,Answer\nDo you cook vegan?,Yes: tofu.\nHow far?,50 miles.\n",
    "help.jsonl": """{"q": "Do you cook vegan?", "a": "Yes: tofu."}
{"q": "How far?", "a": "50 miles"}""",
    "help.json": json.dumps(
        {
            "items": [
                {"title": "Do you cook vegan?", "body": "Yes."},
                {"title": "How far?", "body": "50"},
            ]
        }
    ),
}


@pytest.mark.parametrize("name", KINDS)
async def test_questions_of_every_kind_of_file_are_found_after_a_refresh(
    loop: Loop, tmp_path: Path, name: str
) -> None:
    path = tmp_path / name
    path.write_text(KINDS[name])
    done = await import_pairs(loop, faq.pairs(path), by="ann")
    assert (done.new, done.refused) == (2, [])
    assert (await import_pairs(loop, faq.pairs(path), by="ann")).unchanged == 2
    await knowledge.refresh(loop)
    hits = await knowledge.search(loop, "Do you cook vegan?", 2)
    assert hits[0].entry.question == "Do you cook vegan?"
    assert hits[0].entry.by == "ann"
    assert hits[0].probability is not None


def test_chapters_without_text_and_code_are_no_questions(tmp_path: Path) -> None:
    path = tmp_path / "help.md"
    path.write_text(MARKDOWN)
    found = [pair.pair for pair in faq.pairs(path)]
    assert [q for q, _ in found] == ["Do you cook vegan?", "How far do you drive?"]
    assert found[0][1].endswith("# no heading\n```")


async def test_what_holds_personal_data_is_refused_unless_it_is_published(
    loop: Loop, tmp_path: Path
) -> None:
    path = tmp_path / "help.csv"
    path.write_text("question,answer\nHow do I reach you?,Call 415-555-0132.\nVegan?,\n")
    done = await import_pairs(loop, faq.pairs(path), by="ann")
    assert done.new == 0
    assert "line 3: it has no answer" in done.refused[0]
    assert "line 2: it holds PHONE" in done.refused[1]
    assert (await import_pairs(loop, faq.pairs(path), by="ann", published=True)).new == 1


async def test_an_import_needs_a_name(loop: Loop) -> None:
    with pytest.raises(InvalidInput, match="--by NAME"):
        await import_pairs(loop, [], by=" ")
