from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kaeshi.nouns import Report
from kaeshi.rules.report import cell, compose, metrics, tally, weeks
from kaeshi.rules.statistics import wilson
from kaeshi.steps.report_mail import change, headline, html, render, text

NOW = datetime(2025, 11, 5, 9, tzinfo=UTC)


@given(st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)))
def test_the_last_complete_week_is_a_week_that_has_ended(latest: datetime) -> None:
    before, since, until = weeks(latest)
    assert until <= latest < until + timedelta(weeks=1)
    assert since.weekday() == until.weekday() == before.weekday() == 0
    assert until - since == since - before == timedelta(weeks=1)


def week(count: int, customers: int, **values: float) -> dict[str, object]:
    return tally([(f"c{i % customers}", values) for i in range(count)])  # type: ignore[return-value]


def test_fewer_than_five_customers_are_not_shown() -> None:
    assert cell(week(50, 4, containment=1.0)["containment"]).suppressed  # type: ignore[arg-type]
    assert cell(week(50, 5, containment=1.0)["containment"]).value == 1.0  # type: ignore[arg-type]


def test_unknown_is_shown_as_unknown_and_never_as_zero() -> None:
    report = compose("main", NOW, NOW, {}, {}, {}, conversations=0, customers=0)
    assert all(line.now.value is None and line.change is None for line in report.lines)
    assert "unknown" in text(report)
    assert "0.0 %" not in text(report)


def test_a_clear_change_is_more_than_noise_and_a_small_one_is_not() -> None:
    many, some = (
        tally([(f"c{i}", {"conversion": float(i % 10 < 9)}) for i in range(500)]),
        tally([(f"c{i}", {"conversion": float(i % 10 < 5)}) for i in range(500)]),
    )
    noise = {
        line.metric: line.noise
        for line in compose(
            "main", NOW, NOW, many, some, {}, conversations=500, customers=500
        ).lines
    }
    assert noise["conversion"] is False
    same = {
        line.metric: line.noise
        for line in compose(
            "main", NOW, NOW, many, many, {}, conversations=500, customers=500
        ).lines
    }
    assert same["conversion"] is True


def test_wilson_agrees_with_published_values() -> None:
    # Newcombe (1998), table I: 81 of 263
    low, high = wilson(81, 263)
    assert (round(low, 4), round(high, 4)) == (0.2553, 0.3662)


@pytest.mark.parametrize(
    ("facts", "expected"),
    [({"booked": True}, 1.0), ({"booked": False}, 0.0), ({}, None), ({"booked": "perhaps"}, None)],
)
def test_a_metric_counts_what_is_known(facts: dict[str, object], expected: float | None) -> None:
    assert (
        metrics(
            facts, contained=None, ratings=[], votes=[], response_ms=None, cost_nano_usd=None
        ).get("conversion")
        == expected
    )


def test_a_name_with_markup_is_shown_and_not_run() -> None:
    report = compose(
        "<script>alert(1)</script>", NOW, NOW, {}, {}, {}, conversations=0, customers=0
    )
    assert "<script>" not in html(report)


def test_a_conversations_figures_are_in_the_reports_units() -> None:
    found = metrics(
        {"booked": False},
        contained=True,
        ratings=[5, 4, 4],
        votes=["up", "down", "up", "up"],
        response_ms=1500.0,
        cost_nano_usd=2_500_000,
    )
    assert found["containment"] == 1.0
    assert found["conversion"] == 0.0
    assert found["csat"] == pytest.approx(13 / 3)
    assert found["response_time"] == 1.5
    assert found["cost"] == 0.0025


def test_a_change_is_this_week_less_the_one_before() -> None:
    now, before = (tally([(f"c{i}", {"csat": stars}) for i in range(50)]) for stars in (4.5, 4.0))
    report = compose("main", NOW, NOW, now, before, {}, conversations=50, customers=50)
    (line,) = [line for line in report.lines if line.metric == "csat"]
    assert line.change == pytest.approx(0.5)
    assert line.noise is False


def shares(count: int, **of: int) -> dict[str, Any]:
    """Tallies of so many conversations, in which each metric is 1 so often."""
    return tally([(f"c{i}", {m: float(i < n) for m, n in of.items()}) for i in range(count)])


def test_the_headline_says_what_is_better_and_what_is_worse() -> None:
    now = shares(400, containment=380, abandonment=200, conversion=200)
    before = shares(400, containment=300, abandonment=100, conversion=202)

    def report(this: Any, last: Any) -> Report:
        return compose("main", NOW, NOW, this, last, {}, conversations=400, customers=400)

    changed = report(now, before)
    assert headline(changed) == (
        "better: containment 95.0 % (+20.0 pts); worse: abandonment 50.0 % (+25.0 pts)"
    )
    assert render(changed)[0].endswith(headline(changed))
    assert headline(report(before, before)) == "nothing changed more than by chance"
    empty = changed.model_copy(update={"conversations": 0})
    assert headline(empty) == "no conversations"


def test_a_change_of_nothing_has_no_sign() -> None:
    line = compose(
        "main",
        NOW,
        NOW,
        tally([(f"c{i}", {"response_time": 0.0950001}) for i in range(9)]),
        tally([(f"c{i}", {"response_time": 0.095}) for i in range(9)]),
        {},
        conversations=9,
        customers=9,
    ).lines[3]
    assert change(line) == "0 ms"
