"""Claims about demo/weeks.py and what it plays: the loop over weeks, by itself."""

import gzip
import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from kaeshi.demo import recorded, weeks
from kaeshi.demo.customers import Asked
from kaeshi.demo.seasons import (
    BROKEN_WEEK,
    END_WEEK,
    NEW,
    NOTICE_WEEK,
    OUTAGE,
    PRICE_WEEK,
    TROLL_WEEK,
    SeasonalCrowd,
)
from kaeshi.demo.troubles import BROKEN, MODEL, SUCCESSOR, Troubles
from kaeshi.demo.weeks_table import NAMES, as_svg, as_text
from kaeshi.errors import InvalidInput
from kaeshi.loop import Loop
from kaeshi.nouns import Serving
from kaeshi.providers.fake_reader import FakeReader
from kaeshi.steps import rollout
from samples import WORDS


@pytest.mark.slow
async def test_the_same_seed_gives_the_same_weeks_and_the_autopilot_begins_by_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(weeks, "WEEKS", 1)
    monkeypatch.setattr(weeks, "EACH", 1)
    monkeypatch.setattr(weeks, "A_DAY", 25)
    first = await weeks.play(tmp_path / "a", seed=3)
    second = await weeks.play(tmp_path / "b", seed=3)
    assert first["weeks"] == second["weeks"]
    assert any("examples" in event for week in first["weeks"] for event in week["events"])
    assert Path(first["plot"]).read_text() == as_svg(first)
    assert as_text(first).count("\n") > 10


def test_new_questions_come_in_their_week_and_a_price_changes() -> None:
    crowd = SeasonalCrowd(1)
    for week in (1, 3, PRICE_WEEK, 12):
        crowd.begin(week)
        later = {name for start, names in NEW.items() if start > week for name in names}
        assert later.isdisjoint(intent.name for intent in crowd.known)
        price = next(i.answer for i in crowd.known if i.name == "price_adult")
        assert ("60 dollars" in price) == (week >= PRICE_WEEK)


def test_a_troll_says_the_opposite_from_its_week_on() -> None:
    crowd = SeasonalCrowd(1)
    troll = Asked(customer=next(iter(crowd._trolls)), text="", intent=None, names=())
    happy = {}
    for week in (1, TROLL_WEEK):
        crowd.begin(week)
        ratings = [crowd.rate(troll, right=True) for _ in range(300)]
        said = [rating.said["vote"] == "up" for rating in ratings if rating is not None]
        happy[week] = sum(said) / len(said)
    assert happy[1] > 0.8 > 0.65 > happy[TROLL_WEEK]


def test_the_plot_is_whole_and_names_every_line() -> None:
    shares = {name: place / 10 for place, name in enumerate(NAMES)}
    rows = [{"week": number, "held_out": shares} for number in range(1, 13)]
    drawn = ET.fromstring(as_svg({"weeks": rows}))  # our own
    texts = [element.text for element in drawn.iter("{http://www.w3.org/2000/svg}text")]
    assert set(NAMES.values()) <= set(texts)
    assert len(list(drawn.iter("{http://www.w3.org/2000/svg}polyline"))) == len(NAMES)


@pytest.fixture
def questions(tmp_path: Path) -> Path:
    """Recorded questions of one source: nine answers, and some that have none."""
    rows: list[dict[str, object]] = []
    for number in range(9):
        name = f"s/{number}"
        rows.append({"kind": "snippet", "source": "s", "snippet_id": name, "text": WORDS[number]})
        for i in range(3):
            asked = f"{WORDS[number]} question {i}"
            rows.append(
                {"kind": "approved_question", "source": "s", "query": asked, "relevant": [name]}
            )
            held = f"{WORDS[number]} held {i}"
            rows.append({"kind": "query", "source": "s", "query": held, "relevant": [name]})
    rows += [
        {"kind": "query", "source": "s", "query": f"beyond {i}", "relevant": []} for i in range(6)
    ]
    path = tmp_path / "questions.jsonl.gz"
    path.write_bytes(gzip.compress("\n".join(map(json.dumps, rows)).encode()))
    return path


def test_recorded_questions_are_asked_word_by_word_and_judged_on_others(questions: Path) -> None:
    assert recorded.sources(questions) == ["s"]
    crowd = recorded.crowd(questions, "s", seed=1)
    crowd.begin(12)
    asked = {crowd.ask().text for _ in range(400)}
    held = {one.text for one in crowd.held_out(3)}
    assert all(" question " in text or text.startswith("beyond") for text in asked)
    assert all(" held " in text or text.startswith("beyond") for text in held)
    assert not asked & held
    crowd.begin(1)
    early = {intent.name for intent in crowd.known}
    crowd.begin(12)
    assert len(early) == 6 < len(crowd.known) == 9
    assert sum(intent.answer.endswith(recorded.ADDED) for intent in crowd.known) == 1


def test_a_file_or_a_source_without_questions_is_refused_with_why(
    tmp_path: Path, questions: Path
) -> None:
    with pytest.raises(InvalidInput, match=r"0 answers of source 'other'.*8 are needed"):
        recorded.crowd(questions, "other", seed=1)
    plain = tmp_path / "plain.txt"
    plain.write_text("no gzip")
    with pytest.raises(InvalidInput, match="no gzipped JSON lines"):
        recorded.sources(plain)


def test_held_out_questions_have_the_same_words_in_every_week() -> None:
    crowd = SeasonalCrowd(1)
    said = {}
    for week in (2, 12):
        crowd.begin(week)
        said[week] = {one.text for one in crowd.held_out(3)}
        crowd.ask()
    assert said[2] < said[12]


async def test_what_goes_wrong_happens_on_its_day(loop: Loop) -> None:
    reader = FakeReader(loop.embedder)
    table: dict[str, Any] = {"date": "2025-11-03", "models": {}}
    troubles = Troubles(
        reader=reader, retirements=table, promised=frozenset({"a"}), began=loop.clock.now()
    )
    await rollout.set_production(loop, MODEL, Serving(placeholders=False))
    await troubles.begin(loop, 1, 1)
    assert await troubles.events(loop) == []
    await troubles.begin(loop, NOTICE_WEEK, 1)
    assert table["models"][MODEL]["successors"] == [SUCCESSOR]
    assert await troubles.events(loop) == [f"{MODEL} ends in week {END_WEEK}"]
    await troubles.begin(loop, BROKEN_WEEK, 1)
    assert await troubles.events(loop) == ["a broken model is rolled out"]
    assert reader.broken == {BROKEN: frozenset({"a"})}
    await troubles.begin(loop, END_WEEK, 1)
    assert reader.ended == {MODEL}
    await troubles.begin(loop, *OUTAGE)
    assert reader.down
    await rollout.roll_back(loop, troubles.broken, reason="harm")
    await troubles.begin(loop, OUTAGE[0], OUTAGE[1] + 1)
    assert not reader.down
    assert await troubles.events(loop) == ["the broken model rolled back"]
    assert await troubles.events(loop) == []
