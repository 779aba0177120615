"""Claims about rules/review.py."""

from datetime import UTC, datetime

from kaeshi.nouns import (
    ReviewItem,
)
from kaeshi.rules.review import rank

NOW = datetime(2025, 11, 3, tzinfo=UTC)


def test_reviewers_see_what_waits_before_what_is_decided_and_the_best_first() -> None:
    items = [
        ReviewItem(kind="example", ref=r, state=s, title="", score=n, at=NOW)
        for r, s, n in (("a", "approved", 10), ("b", "proposed", 3), ("c", "proposed", 9))
    ]
    assert [item.ref for item in rank(items)] == ["c", "b", "a"]
