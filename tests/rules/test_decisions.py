"""Collection, assignment, rollout, evaluation, knowledge, training, review.

Rules that one assert can test.
"""

import json
import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kaeshi.errors import InvalidInput, NotFound
from kaeshi.nouns import (
    Answer,
    Drop,
    DropReason,
    Example,
    Filters,
    Keep,
    ReviewItem,
    Rollout,
    Signals,
    TestCase,
)
from kaeshi.rules import collection, evaluation, knowledge, rollout, training
from kaeshi.rules.assignment import arm_of
from kaeshi.rules.review import rank
from kaeshi.rules.trial import Trial
from trials import BETTER, PLAN, World

NOW = datetime(2025, 11, 3, tzinfo=UTC)
DEFAULT = Filters()
SIGNALS = Signals(quality_tenths=10, rating=5, thumbs_up=1, confidence=0.9)


def judged(
    signals: Signals = SIGNALS,
    filters: Filters = DEFAULT,
    facts: dict[str, Any] | None = None,
    consent: Any = "granted",
    upto: int | None = 1,
) -> Keep | Drop:
    return collection.judge(
        ["user", "assistant"],
        [True, True],
        upto,
        consent=consent,
        facts=facts or {},
        signals=signals,
        filters=filters,
    )


def changed(**values: Any) -> Signals:
    return SIGNALS.model_copy(update=values)


@pytest.mark.parametrize(
    ("verdict", "reason"),
    [
        (judged(consent="none"), "no_consent"),
        (judged(upto=None), "no_answer"),
        (judged(changed(thumbs_down=1)), "thumbs_down"),
        (judged(facts={"goal_reached": False}), "goal_not_reached"),
        (judged(facts={"booked": False}), "booking_failed"),
        (judged(changed(rating=3.9)), "low_rating"),
        (judged(changed(quality_tenths=7)), "low_quality"),
        (judged(changed(quality_tenths=None)), "not_rated"),
        (judged(changed(confidence=0.79)), "low_confidence"),
        (
            judged(changed(thumbs_up=0, rating=None), Filters(require_positive_feedback=True)),
            "no_positive_feedback",
        ),
        (judged(changed(rating=None), Filters(missing_rating="drop")), "no_rating"),
    ],
)
def test_every_refusal_has_its_reason(verdict: Keep | Drop, reason: str) -> None:
    assert verdict == Drop(reason=reason)
    assert reason in collection.REASONS


def test_reasons_are_a_closed_set_and_every_one_is_explained() -> None:
    assert set(get_args(DropReason)) == set(collection.REASONS)


def test_the_reasons_that_the_demo_prints_are_explained() -> None:
    text = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if line.startswith(("dropped ", "dataset "))]
    printed = {name for line in lines for name in re.findall(r"([a-z_]+) \d+", line)}
    assert len(printed) > 5
    assert printed <= set(collection.REASONS)


def test_a_filter_applies_where_its_value_exists() -> None:
    assert judged(changed(rating=None, confidence=None)) == Keep(upto=1)
    assert judged(facts={"booked": True, "goal_reached": True}) == Keep(upto=1)


@given(st.text(max_size=30), st.floats(0, 1), st.floats(0, 1))
def test_raising_the_share_never_moves_a_customer_back(customer: str, a: float, b: float) -> None:
    low, high = sorted((a, b))
    if arm_of("ro", customer, low) == "candidate":
        assert arm_of("ro", customer, high) == "candidate"


def test_a_tenth_of_all_customers_is_about_a_tenth_and_another_experiment_picks_others() -> None:
    one = {i for i in range(10_000) if arm_of("ro_1", f"c{i}", 0.1) == "candidate"}
    two = {i for i in range(10_000) if arm_of("ro_2", f"c{i}", 0.1) == "candidate"}
    assert 900 < len(one) < 1100
    assert len(one & two) < 200


def on_its_way(state: Any, hours: float = 24) -> Rollout:
    return Rollout(
        id="r",
        assistant="main",
        candidate="c",
        state=state,
        percent=0,
        target_percent=10,
        mirror_until=NOW + timedelta(hours=hours),
        version=1,
        began_at=NOW,
        changed_at=NOW,
    )


@pytest.mark.parametrize("state", ["gate", "mirror", "canary", "half", "full", "rolled_back"])
def test_a_rollout_takes_one_step_at_a_time(state: Any) -> None:
    following = rollout.following(state)
    if following is not None:
        assert rollout.ORDER.index(following) == rollout.ORDER.index(state) + 1
    else:
        assert state in {"full", "rolled_back"}


def test_shares_only_grow_along_the_way() -> None:
    shares = [rollout.share(state, 10, 5) for state in rollout.ORDER]
    assert shares == [0, 0, 0.1, 0.5, 0.95]


def verdict(
    state: Any,
    seen: Trial | None,
    *,
    after_hours: float = 0,
    mirror_hours: float = 24,
) -> str:
    later = NOW + timedelta(hours=after_hours)
    return rollout.decide(on_its_way(state, mirror_hours), seen, later, canary_hours=72).verdict


def test_decisions_follow_the_stage_and_the_evidence() -> None:
    same, better, worse, nothing = (
        World(customers=1000).trial(),
        BETTER.trial(),
        World(contained=-0.1).trial(),
        Trial.of(PLAN),
    )
    assert [
        verdict("canary", seen, after_hours=71) for seen in (same, better, worse, nothing, None)
    ] == [
        *["hold"] * 2,
        "roll_back",
        *["hold"] * 2,
    ]
    assert [verdict("canary", seen, after_hours=72) for seen in (same, worse, nothing, None)] == [
        "advance",
        "roll_back",
        "hold",
        "hold",
    ]
    assert [verdict("half", better, after_hours=hours) for hours in (167, 168)] == [
        "hold",
        "advance",
    ]
    assert [verdict("half", seen, after_hours=999) for seen in (same, worse, nothing)] == [
        "hold",
        "roll_back",
        "hold",
    ]
    assert verdict("gate", None) == "hold"
    assert [verdict("mirror", None, mirror_hours=hours) for hours in (24, 0)] == ["hold", "advance"]
    assert verdict("rolled_back", better) == "hold"


def test_what_has_shown_nothing_by_its_horizon_ends_and_production_stays() -> None:
    plan = Trial.of(PLAN).with_horizon(24 * 21, 8000)
    same = World(customers=1000).trial(plan=plan)
    assert [verdict("half", same, after_hours=hours) for hours in (503, 504)] == [
        "hold",
        "roll_back",
    ]
    found = rollout.decide(
        on_its_way("half", 24), same, NOW + timedelta(hours=504), canary_hours=72
    )
    assert found.why.startswith(
        "no evidence within the horizon of 21 days: inconclusive, production stays: composite "
    )
    assert verdict("half", BETTER.trial(plan=plan), after_hours=504) == "advance"


def asked(**promises: Any) -> TestCase:
    return TestCase(id="c", messages=({"role": "user", "content": "q"},), **promises)


def answered(text: str, *, hand_over: bool = False) -> Answer:
    return Answer(text=text, model="m", hand_over=hand_over)


@pytest.mark.parametrize(
    ("case", "answer", "passed"),
    [
        (asked(must_say=("deposit",)), answered("The DEPOSIT is 100."), True),
        (asked(must_say=("deposit",)), answered("It is 100."), False),
        (asked(must_not_say=("free",)), answered("It is free"), False),
        (asked(expected="Yes, we do."), answered("yes,  we do"), True),
        (asked(expected="Yes"), answered("No"), False),
        (asked(hand_over=True), answered("", hand_over=True), True),
        (asked(hand_over=True), answered("Sure!"), False),
        (asked(expected="Yes"), answered("Yes", hand_over=True), False),
    ],
)
def test_a_promise_is_kept_or_it_is_said_why_not(
    case: TestCase, answer: Answer, passed: bool
) -> None:
    result = evaluation.judge(case, answer)
    assert result.passed == passed
    assert bool(result.why) != passed


@pytest.mark.parametrize(
    "raw",
    [
        {},
        {"question": "q"},
        {"messages": [{"role": "assistant", "content": "x"}], "expected": "y"},
        {"question": "q", "must_say": 3},
        {"question": "q", "expected": 3},
    ],
)
def test_a_test_case_without_a_promise_is_refused(raw: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput):
        evaluation.parse(raw)


def example(question: str, answer: str) -> Example:
    messages = ({"role": "user", "content": question}, {"role": "assistant", "content": answer})
    return Example(
        id="e",
        conversation="c",
        body=json.dumps(messages),
        intent="",
        started_at=NOW,
        signals=SIGNALS,
        consent="granted",
        scrubber="1",
    )


@pytest.mark.parametrize(
    ("question", "answer", "reason"),
    [
        ("How much is the deposit?", "A deposit of 100 dollars holds it.", None),
        ("My name is [PERSON_1], how much?", "It is 100 dollars.", "placeholder"),
        ("How much is the deposit?", "It is 100, [PERSON_1].", "placeholder"),
        ("How much is the deposit?", "You are welcome!", "small_talk"),
        ("How much is the deposit?", "For which date is it?", "answers_with_a_question"),
        ("Friday maybe", "It is 100 dollars.", "too_short"),
    ],
)
def test_only_what_stands_on_its_own_becomes_knowledge(
    question: str, answer: str, reason: str | None
) -> None:
    verdict = knowledge.choose(example(question, answer))
    assert (verdict.reason if isinstance(verdict, Drop) else None) == reason


def test_the_cost_is_tokens_times_epochs_times_the_tables_price() -> None:
    prices = {
        "date": "d",
        "source": "s",
        "models": {"gpt-4o-mini": {"training_per_million_usd": "8.00"}},
    }
    assert training.estimate("gpt-4o-mini", 50_000, 1, prices).estimated_cost_usd == Decimal(
        "0.4000"
    )
    assert training.estimate(
        "gpt-4o-mini-2024-07-18", 50_000, 3, prices
    ).estimated_cost_usd == Decimal("1.2000")
    with pytest.raises(NotFound, match="gpt-9"):
        training.estimate("gpt-9", 1, 1, prices)


def test_the_same_work_has_the_same_key() -> None:
    assert training.run_key("a", "sha", "m", "s", 3, "p") == training.run_key(
        "a", "sha", "m", "s", 3, "p"
    )
    assert training.run_key("a", "sha", "m", "s", 3, "p") != training.run_key(
        "b", "sha", "m", "s", 3, "p"
    )


def test_an_unknown_status_is_unknown() -> None:
    assert training.next_state({"status": "pondering"}) == "unknown"


def test_reviewers_see_what_waits_before_what_is_decided_and_the_best_first() -> None:
    items = [
        ReviewItem(kind="example", ref=r, state=s, title="", score=n, at=NOW)
        for r, s, n in (("a", "approved", 10), ("b", "proposed", 3), ("c", "proposed", 9))
    ]
    assert [item.ref for item in rank(items)] == ["c", "b", "a"]
