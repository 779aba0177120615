"""What a reviewer sees first."""

from collections.abc import Iterable

from kaeshi.nouns import ReviewItem


def rank(items: Iterable[ReviewItem]) -> list[ReviewItem]:
    """Sort key: waiting ones first, then by score, then by age."""
    return sorted(
        items, key=lambda item: (item.state != "proposed", -item.score, item.at, item.ref)
    )
