"""Claims about rules/training.py."""

from decimal import Decimal

import pytest

from kaeshi.errors import NotFound
from kaeshi.rules import training


def test_the_cost_is_tokens_times_epochs_times_the_tables_price() -> None:
    prices = {
        "date": "d",
        "source": "s",
        "models": {"gpt-4o-mini": {"training_per_million_usd": "8.00"}},
    }
    assert training.estimate("gpt-4o-mini", 50_000, 1, prices).estimated_cost_usd == Decimal(
        "0.4000"
    )
    assert training.estimate(
        "gpt-4o-mini-2024-07-18", 50_000, 3, prices
    ).estimated_cost_usd == Decimal("1.2000")
    with pytest.raises(NotFound, match="gpt-9"):
        training.estimate("gpt-9", 1, 1, prices)


def test_the_same_work_has_the_same_key() -> None:
    assert training.run_key("a", "sha", "m", "s", 3, "p") == training.run_key(
        "a", "sha", "m", "s", 3, "p"
    )
    assert training.run_key("a", "sha", "m", "s", 3, "p") != training.run_key(
        "b", "sha", "m", "s", 3, "p"
    )


def test_an_unknown_status_is_unknown() -> None:
    assert training.next_state({"status": "pondering"}) == "unknown"
