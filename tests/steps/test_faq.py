"""Claims about steps/faq.py and formats/faq.py: a team's own questions and answers."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from openpyxl import Workbook

from kaeshi.errors import InvalidInput
from kaeshi.formats import faq
from kaeshi.loop import Loop
from kaeshi.steps import knowledge, review
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


HELP_PAGE = """<html><head><title>Help</title><style>p {}</style></head><body><h1>Help</h1>
<h2>Do you cook vegan?</h2><p>Yes: <a href="/tofu">tofu</a> and vegetables.</p>
<script>var secret = 1;</script><h2>How far?</h2><ul><li>50 miles</li></ul></body></html>"""
ARTICLES = {
    "articles": [
        {"title": "Do you cook vegan?", "body": "<p>Yes: <b>tofu</b>.</p>"},
        {"title": "How far?", "body": "50 miles"},
    ]
}


def sheet(path: Path, *rows: tuple[object, ...]) -> Path:
    book = Workbook()
    for row in rows:
        book.active.append(row)
    book.save(path)
    return path


def written(path: Path) -> list[faq.Written]:
    return [each.pair for each in faq.pairs(path) if isinstance(each.pair, faq.Written)]


def test_pages_sheets_and_help_centre_exports_are_read(tmp_path: Path) -> None:
    (tmp_path / "help.html").write_text(HELP_PAGE)
    (tmp_path / "export.json").write_text(json.dumps(ARTICLES))
    sheet(
        tmp_path / "help.xlsx",
        ("Question", "Answer", "Entity", "Valid_until"),
        ("Do you cook vegan?", "Yes: tofu.", "Oakland", datetime(2026, 3, 31)),
        (None, None, None, None),
        ("How far?", "50 miles", None, None),
    )
    (page, _), (article, _), (row, other) = (
        written(tmp_path / name) for name in ("help.html", "export.json", "help.xlsx")
    )
    assert (page.question, page.answer) == ("Do you cook vegan?", "Yes: tofu and vegetables.")
    assert (article.question, article.answer) == ("Do you cook vegan?", "Yes: **tofu**.")
    assert (row.entity, row.valid_until) == ("Oakland", datetime(2026, 3, 31, tzinfo=UTC))
    assert (other.entity, other.valid_until) == ("", None)
    every = list(faq.every([tmp_path]))
    assert len(every) == 6
    assert any(each.where.endswith("help.xlsx, Sheet, row 4") for each in every)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 torn", b"{}"])
def test_a_sheet_that_is_none_says_so(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "help.xlsx"
    path.write_bytes(content)
    with pytest.raises(InvalidInput, match="save it again as XLSX"):
        list(faq.pairs(path))


async def test_a_changed_answer_is_proposed_and_the_live_one_stays(
    loop: Loop, tmp_path: Path
) -> None:
    path = tmp_path / "help.csv"
    path.write_text("question,answer\nHow far do you drive?,We drive 50 miles.\n")
    await import_pairs(loop, faq.pairs(path), by="ann")
    path.write_text("question,answer\nHow far do you drive?,We drive 30 miles.\n")
    done = await import_pairs(loop, faq.pairs(path), by="ann")
    assert (done.new, len(done.held)) == (1, 1)
    (live,) = await knowledge.approved_entries(loop)
    assert live.answer == "We drive 50 miles."
    assert live.source == f"{path}, line 2"
    (item,) = await review.queue(loop, kind="entry")
    assert item.why == f"it contradicts {live.id}, which says: We drive 50 miles."


async def test_an_entry_is_shown_only_while_it_holds(loop: Loop) -> None:
    now = loop.clock.now()
    pairs = [
        ("a", faq.Written("How far do you drive?", "50 miles")),
        ("b", faq.Written("What is the price?", "45 dollars", "", None, now + timedelta(days=9))),
        ("c", faq.Written("What is the price?", "55 dollars", "", now + timedelta(days=9), None)),
    ]
    await import_pairs(loop, pairs, by="ann")
    await knowledge.refresh(loop)

    async def price() -> list[str]:
        hits = await knowledge.search(loop, "What is the price?", 5)
        return [hit.entry.answer for hit in hits if hit.entry.question == "What is the price?"]

    assert await price() == ["45 dollars"]
    ((entry, why),) = await knowledge.stale_entries(loop)
    assert (entry.answer, why) == (
        "45 dollars",
        f"it holds until {now + timedelta(days=9):%Y-%m-%d}",
    )
    loop.clock.advance(days=10)  # type: ignore[attr-defined]  # the tests' clock
    assert await price() == []
    await knowledge.refresh(loop)
    assert await price() == ["55 dollars"]


async def test_the_place_named_before_decides_between_answers(loop: Loop) -> None:
    pairs = [
        (place, faq.Written("Is there parking?", f"{answer}.", place))
        for place, answer in (("Ashley Hotel", "Yes, free of charge"), ("Belfry", "No, none"))
    ]
    pairs.append(("any", faq.Written("Do you take cards?", "Every one.")))
    await import_pairs(loop, pairs, by="ann")
    await knowledge.refresh(loop)
    for said, answer in (("I am at the ashley", "Yes, free of charge."), ("Belfry?", "No, none.")):
        (hit,) = await knowledge.search(loop, "Is there any parking?", 1, [said])
        assert hit.entry.answer == answer
    (hit,) = await knowledge.search(loop, "Do you take credit cards at the Belfry?", 1)
    assert hit.entry.answer == "Every one."


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
    questions = [pair.question for pair in found if isinstance(pair, faq.Written)]
    assert questions == ["Do you cook vegan?", "How far do you drive?"]
    assert isinstance(found[0], faq.Written)
    assert found[0].answer.endswith("# no heading\n```")


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


async def test_an_entry_may_hold_until_a_later_day(loop: Loop) -> None:
    now = loop.clock.now()
    pair = faq.Written("How far do you drive?", "50 miles", "", None, now + timedelta(days=1))
    await import_pairs(loop, [("a", pair)], by="ann")
    loop.clock.advance(days=2)  # type: ignore[attr-defined]  # the tests' clock
    assert await knowledge.approved_entries(loop) == []
    done = await import_pairs(
        loop, [("a", pair._replace(valid_until=now + timedelta(days=99)))], by="ann"
    )
    assert (done.new, done.changed) == (0, 1)
    assert len(await knowledge.approved_entries(loop)) == 1
