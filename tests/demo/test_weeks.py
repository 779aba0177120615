"""Claims about demo/weeks.py, seasons.py and weeks_table.py: the loop over weeks, by itself."""

from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from kaeshi.demo import weeks
from kaeshi.demo.customers import Asked
from kaeshi.demo.seasons import NEW, PRICE_WEEK, TROLL_WEEK, SeasonalCrowd
from kaeshi.demo.weeks_table import NAMES, as_svg, as_text


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
