"""Claims about rules/evaluation.py."""

from typing import Any

import pytest

from kaeshi.errors import InvalidInput
from kaeshi.nouns import (
    Answer,
    TestCase,
)
from kaeshi.rules import evaluation


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
