"""When a base is retired, and whether it is still worth training on."""

from datetime import date, timedelta
from typing import Any

import pytest

from kaeshi.errors import Refused
from kaeshi.rules.retirement import Standing, check_base, standing

TODAY = date(2026, 3, 1)
TABLE: dict[str, Any] = {
    "date": "2026-01-30",
    "models": {
        "gpt-4o-mini": {
            "shutdown": "2026-03-31",
            "no_jobs_after": "2026-03-10",
            "successors": ["gpt-5-mini"],
        },
        "kept": {},
    },
}


def found(model: str = "gpt-4o-mini", today: date = TODAY, **more: Any) -> Standing:
    known = standing(model, today, TABLE, **more)
    assert known is not None
    return known


@pytest.mark.parametrize(
    "model",
    [
        "gpt-4o-mini",
        "gpt-4o-mini-2024-07-18",
        "ft:gpt-4o-mini-2024-07-18:team:x:1",
        "ft:gpt-4o-mini:x",
    ],
)
def test_snapshots_and_fine_tunes_end_with_their_base(model: str) -> None:
    assert found(model).shutdown == date(2026, 3, 31)
    assert found(model).model == model


@pytest.mark.parametrize("model", ["kept", "unknown", "gpt-4o-mini-audio", "gpt-4o"])
def test_nothing_is_known_of_other_models(model: str) -> None:
    assert standing(model, TODAY, TABLE) is None


@pytest.mark.parametrize(
    ("days", "level"), [(91, None), (90, 90), (31, 90), (30, 30), (8, 30), (7, 7), (0, 7), (-1, 0)]
)
def test_the_level_is_the_shortest_warning_it_is_within(days: int, level: int | None) -> None:
    known = found(today=date(2026, 3, 31) - timedelta(days=days))
    assert (known.days_left, known.level) == (days, level)


def test_the_providers_own_date_goes_before_the_tables() -> None:
    listed = [
        {"id": "other", "shutdown_date": "2026-03-02"},
        {"id": "gpt-4o-mini", "shutdown_date": None},
        {"id": "gpt-4o-mini", "shutdown_date": "2026-06-01T00:00:00Z"},
    ]
    known = found(listed=listed)
    assert (known.shutdown, known.source) == (date(2026, 6, 1), "the provider")
    assert found().source == "table of 2026-01-30, 30 days old"


def test_the_sentence_names_dates_days_and_a_way_out() -> None:
    assert str(found()) == (
        "gpt-4o-mini stops answering on 2026-03-31 (30 days), takes no jobs after 2026-03-10; "
        "instead: gpt-5-mini [table of 2026-01-30, 30 days old]"
    )
    assert "stopped answering on 2026-03-31," in str(found(today=date(2026, 4, 1)))


def test_a_base_is_trained_on_only_if_it_takes_jobs_and_lives_long_enough() -> None:
    check_base(None, TODAY, 30)
    check_base(found(), TODAY, 30)
    with pytest.raises(Refused, match="TRAINING_PAYBACK_DAYS is 31"):
        check_base(found(), TODAY, 31)
    last = date(2026, 3, 10)
    check_base(found(today=last), last, 1)
    after = last + timedelta(days=1)
    with pytest.raises(Refused, match="takes no jobs after 2026-03-10"):
        check_base(found(today=after), after, 1)
