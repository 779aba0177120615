"""Claims about rules/review.py."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from kaeshi.nouns import ReviewItem
from kaeshi.rules import review as rules
from kaeshi.rules.review import rank
from rule_samples import NOW


def test_reviewers_see_what_waits_before_what_is_decided_and_the_best_first() -> None:
    items = [
        ReviewItem(kind="example", ref=r, state=s, title="", score=n, at=NOW)
        for r, s, n in (("a", "approved", 10), ("b", "proposed", 3), ("c", "proposed", 9))
    ]
    assert [item.ref for item in rank(items)] == ["c", "b", "a"]


def test_unsure_and_frequent_questions_come_first_and_their_like_later() -> None:
    often = np.eye(4, dtype=np.float32)[[0, 0, 0, 1, 2]]
    doubts = np.array([0.5, 0.5, 0.5, 0.5, 0.1], np.float32)
    order = rules.worth_asking(doubts, often, 5)
    assert order[0] in {0, 1, 2}
    assert order[1] == 3
    assert len(order) == len(set(order)) < 5  # a settled question's like teaches nothing


@given(
    st.integers(1, 40),
    st.integers(0, 50),
    st.integers(0, 10_000),
)
def test_every_question_is_chosen_once_at_most_and_no_settled_one(
    count: int, budget: int, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    vectors = rng.standard_normal((count, 8)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    doubts = rng.random(count).astype(np.float32)
    settled = rng.permutation(count)[: count // 3].tolist()
    chosen = rules.worth_asking(doubts, vectors, budget, settled)
    assert len(chosen) == len(set(chosen)) <= budget
    assert not set(chosen) & set(settled)
