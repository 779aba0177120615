"""Claims about rules/knowledge.py."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from kaeshi.nouns import (
    Drop,
    Example,
    Rollout,
    Signals,
)
from kaeshi.rules import knowledge, rollout
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
