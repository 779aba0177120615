"""Claims about rules/crowds.py."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kaeshi.nouns import TrialRow
from kaeshi.rules.crowds import suspicion
from rule_samples import NOW
from trials import PLAN


def customer(i: int, *, minute: float, rated: bool, network: str = "") -> TrialRow:
    values = {"containment": 1.0, "conversion": 0.0} | ({"csat": 5.0} if rated else {})
    return TrialRow(
        customer=f"c{i}",
        conversation=f"conv{i}",
        arm=("production", "candidate")[i % 2],
        share=0.5,
        started_at=NOW + timedelta(minutes=minute),
        is_returning=False,
        network=network,
        values=values,
    )


def ordinary(count: int, *, every: float = 3, networks: int = 0) -> list[TrialRow]:
    """One in five rates, as production's customers do."""
    return [
        customer(
            i, minute=i * every, rated=i % 5 == 0, network=f"n{i % networks}" if networks else ""
        )
        for i in range(count)
    ]


def test_customers_who_rate_as_before_are_not_suspected_however_many_come_at_once() -> None:
    assert suspicion(PLAN, ordinary(500)) is None
    campaign = [customer(1000 + i, minute=60, rated=i % 5 == 0) for i in range(400)]
    assert suspicion(PLAN, ordinary(500) + campaign) is None


def test_a_crowd_that_begins_together_and_all_rates_is_suspected() -> None:
    crowd = [customer(1000 + i, minute=60, rated=True) for i in range(15)]
    found = suspicion(PLAN, ordinary(500) + crowd)
    assert found is not None
    assert "customers who began within 10 minutes" in found
    assert "gave csat" in found


def test_a_crowd_that_calls_for_a_person_all_at_once_is_suspected() -> None:
    rows = [
        row.model_copy(update={"values": {"containment": 0.0 if row.started_at > NOW else 1.0}})
        for row in [customer(i, minute=60, rated=False) for i in range(25)]
    ]
    found = suspicion(PLAN, ordinary(500) + rows)
    assert found is not None
    assert "asked for a person" in found


def test_votes_that_come_from_one_network_among_many_are_suspected() -> None:
    farm = [customer(1000 + i, minute=i * 60, rated=True, network="farm") for i in range(20)]
    found = suspicion(PLAN, ordinary(500, networks=100) + farm)
    assert found is not None
    assert found.startswith("20 of the 20 customers of one network gave csat")
    most = [customer(1000 + i, minute=i / 2, rated=True, network="farm") for i in range(900)]
    assert suspicion(PLAN, ordinary(500, networks=100) + most) is not None


@pytest.mark.parametrize("share", [0.2, 0.45, 0.95])
def test_a_large_network_of_ordinary_customers_is_not_suspected(share: float) -> None:
    """A carrier, a back end or a proxy."""
    rows = [
        row.model_copy(update={"network": "carrier"}) if i % 100 < 100 * share else row
        for i, row in enumerate(ordinary(1000, networks=200))
    ]
    assert suspicion(PLAN, rows) is None


def test_a_few_in_every_ten_minutes_for_a_week_are_a_flood() -> None:
    false = [customer(5000 + i, minute=i, rated=True, network=f"f{i}") for i in range(1500)]
    found = suspicion(PLAN, ordinary(3500, networks=500) + false)
    assert found is not None
    assert "before the rollout 20% did" in found


@given(st.integers(0, 300), st.integers(1, 40))
def test_nothing_regular_is_suspected_at_any_pace(count: int, every: int) -> None:
    assert suspicion(PLAN, ordinary(count, every=every)) is None
