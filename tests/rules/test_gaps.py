"""Claims about rules/gaps.py."""

from datetime import timedelta

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from kaeshi.nouns import HAND_OVER
from kaeshi.rules import gaps
from rule_samples import NOW


def said(*turns: str) -> list[dict[str, str]]:
    return [{"role": ("user", "assistant")[i % 2], "content": text} for i, text in enumerate(turns)]


def test_the_question_before_a_hand_over_was_not_answered() -> None:
    messages = said("Do you cook vegan?", "Yes.", "And halal?", HAND_OVER, "Thanks", "Welcome")
    assert gaps.unanswered(messages, {}) == ["And halal?"]
    assert gaps.unanswered(messages[:2], {}) == []


def test_an_escalation_without_a_hand_over_is_about_the_last_question() -> None:
    messages = said("Do you cook vegan?", "Yes.", "Can a person call me about halal?", "Sure.")
    assert gaps.unanswered(messages, {"escalated": True}) == ["Can a person call me about halal?"]
    assert gaps.unanswered(messages, {"escalated": False}) == []


def asked(numbers: list[int]) -> tuple[list[gaps.Unanswered], np.ndarray]:
    found = [
        gaps.Unanswered(
            question=f"question {n} of {i}", customer=f"c{i % 3}", at=NOW + timedelta(hours=i)
        )
        for i, n in enumerate(numbers)
    ]
    return found, np.eye(6, dtype=np.float32)[numbers]


def test_a_gap_counts_questions_and_customers_and_what_is_answered_now() -> None:
    found, vectors = asked([0, 0, 1, 0, 0])
    first, second = gaps.grouped(found, vectors, [0.9, 0.1, 0.9, 0.1, 0.1])
    assert (first.questions, first.customers, first.covered) == (4, 2, 1)
    assert (second.questions, second.covered) == (1, 1)
    assert first.first == NOW


@given(
    st.lists(st.integers(0, 5), min_size=1, max_size=20), st.lists(st.integers(0, 5), max_size=9)
)
def test_groups_stay_as_they_are_when_more_is_asked(now: list[int], later: list[int]) -> None:
    found, vectors = asked([*now, *later])
    before = gaps.grouped(found[: len(now)], vectors[: len(now)], [0.0] * len(now))
    after = {gap.id: gap for gap in gaps.grouped(found, vectors, [0.0] * len(found))}
    assert all(after[gap.id].questions >= gap.questions for gap in before)
    assert sum(gap.questions for gap in after.values()) == len(found)
