"""What several tests of tests/rules share."""

from datetime import UTC, datetime, timedelta
from typing import Any

from kaeshi.nouns import (
    Rollout,
    Signals,
)
from kaeshi.rules import rollout
from kaeshi.rules.trial import Trial

NOW = datetime(2025, 11, 3, tzinfo=UTC)


SIGNALS = Signals(quality_tenths=10, rating=5, thumbs_up=1, confidence=0.9)


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


def verdict(
    state: Any,
    seen: Trial | None,
    *,
    after_hours: float = 0,
    mirror_hours: float = 24,
) -> str:
    later = NOW + timedelta(hours=after_hours)
    return rollout.decide(on_its_way(state, mirror_hours), seen, later, canary_hours=72).verdict
