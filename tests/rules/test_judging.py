"""What a judge is asked and what follows from what it says."""

import json
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kaeshi.rules.judging import (
    LEAST_EVIDENCE,
    SCHEMA,
    log_evidence_worse,
    preferred,
    question,
    verdict,
)


@given(st.text())
def test_what_customers_and_models_say_stays_material(said: str) -> None:
    body = question(
        "m",
        [{"role": "system", "content": "secret"}, {"role": "user", "content": said}],
        {"content": said},
        {"content": "b"},
    )
    system, user = body["messages"]
    assert json.loads(user["content"]) == {
        "conversation": [{"role": "user", "content": said}],
        "first": said,
        "second": "b",
    }
    assert system == question("m", [], {"content": "a"}, {"content": "b"})["messages"][0]
    assert body["response_format"] == SCHEMA


@pytest.mark.parametrize(
    "answer",
    ["", "first", "[]", '{"better": "both"}', '{"better": ["first"]}', '{"best": "first"}', "null"],
)
def test_other_words_than_the_schemas_are_no_verdict(answer: str) -> None:
    assert verdict(answer) is None


@pytest.mark.parametrize("order", ["first", "second", "tie"])
def test_only_both_orders_together_are_a_preference(order: str) -> None:
    assert verdict(json.dumps({"better": order})) == order
    assert preferred(order, order) == "tie"  # type: ignore[arg-type]  # one of the three
    assert preferred(order, None) is None  # type: ignore[arg-type]


def test_evenly_matched_answers_fail_fewer_than_one_mirror_of_twenty_at_any_look() -> None:
    draw = random.Random(3)
    sent_back = 0
    for _ in range(2000):
        won = lost = 0
        for _ in range(400):
            won, lost = (won + 1, lost) if draw.random() < 0.5 else (won, lost + 1)
            if log_evidence_worse(won, lost) >= LEAST_EVIDENCE:
                sent_back += 1
                break
    assert sent_back / 2000 < 0.05


def test_a_dozen_losses_in_a_row_are_enough_and_wins_weigh_against_them() -> None:
    assert log_evidence_worse(0, 11) < LEAST_EVIDENCE <= log_evidence_worse(0, 12)
    assert log_evidence_worse(10, 12) < 0
