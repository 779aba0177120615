"""Claims about rules/review.py."""

from kaeshi.nouns import (
    ReviewItem,
)
from kaeshi.rules.review import rank
from rule_samples import NOW


def test_reviewers_see_what_waits_before_what_is_decided_and_the_best_first() -> None:
    items = [
        ReviewItem(kind="example", ref=r, state=s, title="", score=n, at=NOW)
        for r, s, n in (("a", "approved", 10), ("b", "proposed", 3), ("c", "proposed", 9))
    ]
    assert [item.ref for item in rank(items)] == ["c", "b", "a"]
