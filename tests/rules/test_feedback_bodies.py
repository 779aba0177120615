"""Claims about rules/feedback_bodies.py."""

from datetime import UTC, datetime
from typing import Any

import pytest

from kaeshi.errors import InvalidInput
from kaeshi.nouns import Feedback
from kaeshi.rules import feedback_bodies as bodies


def test_ours_names_its_target_its_metric_and_when() -> None:
    told = bodies.own(
        {
            "target": {"conversation_id": "c"},
            "name": "csat",
            "value": 4,
            "comment": "fine",
            "source": "agent",
            "idempotency_key": "k",
            "occurred_at": "2026-03-02T09:00:00Z",
            "metadata": {"channel": "mail"},
        }
    )
    assert told.target == "conversation_id"
    assert told.feedback == Feedback(
        message_id="c",
        author="agent",
        rating=4,
        comment="fine",
        at=datetime(2026, 3, 2, 9, tzinfo=UTC),
        key="k",
    )


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        ({"name": "ratng"}, "metric 'ratng' is none of"),
        ({"value": 9}, "rating '9' is not a whole number from 1 to 5"),
        ({"target": {}}, "must be an object with one of"),
        ({"target": {"message_id": "m", "response_id": "r"}}, "must be an object with one of"),
        ({"source": "stranger"}, "source 'stranger' is none of"),
        ({"occurred_at": "yesterday"}, "occurred_at 'yesterday' is not an ISO 8601 time"),
        ({"idempotency_key": ""}, "idempotency key"),
        ({"raiting": 1}, "no field 'raiting'"),
        ({"author": 7}, "author must be a text"),
    ],
)
def test_a_typo_is_refused_with_its_name(spoil: dict[str, Any], why: str) -> None:
    body = {"target": {"message_id": "m"}, "name": "rating", "value": 5} | spoil
    with pytest.raises(InvalidInput, match=why):
        bodies.own(body)


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("thumbs_up", True, {"vote": "up"}),
        ("thumbs", -1, {"vote": "down"}),
        ("correct", 1, {"accurate": True}),
        ("helpful", False, {"helpful": False}),
        ("demonstration", "It is 30.", {"correction": "It is 30."}),
    ],
)
def test_tensorzero_s_bodies_are_read(name: str, value: Any, expected: dict[str, Any]) -> None:
    told = bodies.tensorzero({"metric_name": name, "value": value, "inference_id": "r"})
    assert told == bodies.Told(
        target="response_id", feedback=Feedback.model_validate({"message_id": "r"} | expected)
    )
    with pytest.raises(InvalidInput, match="one of inference_id and episode_id"):
        bodies.tensorzero({"metric_name": name, "value": value})


def test_langfuse_s_scores_are_read_and_their_id_makes_repeating_safe() -> None:
    body = {"id": "s1", "traceId": "t", "name": "accurate", "value": 0, "comment": "no"}
    told = bodies.langfuse(body)
    assert (told.target, told.feedback.message_id, told.feedback.key) == (
        "conversation_id",
        "t",
        "s1",
    )
    assert told.feedback.accurate is False
    assert bodies.langfuse(body | {"observationId": "o"}).target == "response_id"
