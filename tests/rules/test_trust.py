"""Claims about rules/trust.py."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from kaeshi.rules import quality, trust
from kaeshi.rules.trust import Vote

START = datetime(2026, 3, 2, 9, tzinfo=UTC)
votes = st.lists(
    st.builds(
        Vote,
        customer=st.sampled_from("abcdefgh"),
        stars=st.integers(1, 5),
        at=st.integers(0, 500).map(lambda hours: START + timedelta(hours=hours)),
        network=st.sampled_from([None, "n1", "n2"]),
        signed=st.booleans(),
    ),
    max_size=20,
)


def spread(count: int, networks: int, *, stars: int = 5) -> list[Vote]:
    return [
        Vote(
            customer=f"c{i}",
            stars=stars,
            at=START + timedelta(days=i),
            network=f"n{i % networks}",
        )
        for i in range(count)
    ]


@given(votes, st.randoms())
def test_order_and_repetition_change_nothing(said: list[Vote], rng: object) -> None:
    shuffled = [*said, *said]
    rng.shuffle(shuffled)  # type: ignore[attr-defined]  # hypothesis gives a random.Random
    assert trust.weighed(shuffled) == trust.weighed(said)


@given(votes)
def test_each_customer_counts_once_and_at_most_whole(said: list[Vote]) -> None:
    found = trust.weighed(said)
    assert sorted(one.vote.customer for one in found) == sorted({v.customer for v in said})
    assert all(0 <= one.weight <= 1 and one.why for one in found)


def test_thirty_accounts_of_one_network_count_for_four_and_of_ten_for_eighteen() -> None:
    assert 3.9 < sum(w.weight for w in trust.weighed(spread(30, 1))) < 4.1
    assert 18 < sum(w.weight for w in trust.weighed(spread(30, 10))) < 19


def test_a_burst_is_held_and_signed_customers_are_not() -> None:
    burst = [
        Vote(customer=f"b{i}", stars=5, at=START + timedelta(seconds=i), network=f"n{i}")
        for i in range(20)
    ]
    found = {w.vote.customer: w for w in trust.weighed([*burst, *spread(10, 10)])}
    assert all(found[f"b{i}"].weight == 0 for i in range(20))
    assert all(found[f"c{i}"].weight == 1 for i in range(2, 10))
    signed = [vote.model_copy(update={"signed": True}) for vote in burst]
    assert {w.weight for w in trust.weighed(signed)} == {1.0}


def test_no_number_of_accounts_on_any_number_of_networks_makes_a_doubtful_answer_sure() -> None:
    """Praise moves the odds by four at most: one in five stays a coin's toss."""
    for accounts, networks in ((10, 1), (30, 10), (1_000, 1_000)):
        weights = [w.weight for w in trust.weighed(spread(accounts, networks))]
        odds = 0.25 * 2.718281828 ** quality.said_of([5] * accounts, weights)
        assert odds / (1 + odds) <= 0.5 + 1e-9


def test_one_customer_and_one_cluster_have_a_small_share_of_a_dataset() -> None:
    assert trust.most_rows(1_000, trust.PERSONS_SHARE) == 10
    assert trust.most_rows(1_000, trust.CLUSTERS_SHARE) == 50
    assert trust.most_rows(3, trust.PERSONS_SHARE) == 1
