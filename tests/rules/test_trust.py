"""Claims about rules/trust.py."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kaeshi.rules import trust
from kaeshi.rules.trust import Vote

START = datetime(2026, 3, 2, 9, tzinfo=UTC)
votes = st.lists(
    st.builds(
        Vote,
        customer=st.sampled_from("abcdefgh"),
        stars=st.integers(1, 5),
        at=st.integers(0, 500).map(lambda hours: START + timedelta(hours=hours)),
        network=st.sampled_from(["", "n1", "n2"]),
        is_vouched=st.booleans(),
    ),
    max_size=20,
)


def spread(count: int, networks: int, *, stars: int = 5, of: str = "c") -> list[Vote]:
    """One vote a day."""
    return [
        Vote(
            customer=f"{of}{i}",
            stars=stars,
            at=START + timedelta(days=i),
            network=f"n{i % networks}" if networks else "",
        )
        for i in range(count)
    ]


def standing(said: list[Vote]) -> trust.Standing:
    return trust.standing(trust.weighed(said))


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


@given(votes, st.sampled_from("abcdefgh"))
def test_another_account_of_a_network_adds_nothing_to_its_praise(
    said: list[Vote], name: str
) -> None:
    more = [*said, *spread(5, 1, of=name * 2)]
    assert standing(more).praise <= standing(said).praise + 1 + 1e-9


def test_accounts_of_one_network_count_as_one_and_vouched_ones_without_a_network_each() -> None:
    assert standing(spread(30, 1)).praise == pytest.approx(1)
    assert standing(spread(30, 10)).praise == pytest.approx(10)
    assert standing(spread(30, 0)).praise == pytest.approx(1)
    signed = [vote.model_copy(update={"is_vouched": True}) for vote in spread(30, 0)]
    assert standing(signed).praise == pytest.approx(30)


@pytest.mark.parametrize(
    ("accounts", "networks", "needs"),
    [(1, 1, True), (10, 1, True), (30, 10, True), (10, 10, True), (11, 11, False)],
)
def test_a_person_is_needed_until_eleven_networks_agree(
    accounts: int, networks: int, needs: bool
) -> None:
    votes = standing(spread(accounts, networks))
    assert bool(trust.needs_person(votes, 0.8, is_supported=False)) == needs
    assert not trust.needs_person(votes, 0.8, is_supported=True)


def test_blame_counts_like_praise() -> None:
    blamed = standing([*spread(11, 11), *spread(1, 1, stars=1, of="x")])
    assert blamed.bound < standing(spread(11, 11)).bound
    assert trust.needs_person(blamed, 0.8, is_supported=False)


def test_a_burst_is_held_and_vouched_customers_are_not() -> None:
    burst = [
        Vote(customer=f"b{i}", stars=5, at=START + timedelta(seconds=i), network=f"n{i}")
        for i in range(20)
    ]
    found = {w.vote.customer: w for w in trust.weighed([*burst, *spread(10, 10)])}
    assert all(found[f"b{i}"].weight == 0 for i in range(20))
    assert all(found[f"c{i}"].weight == 1 for i in range(2, 10))
    why = trust.needs_person(standing(burst), 0.8, is_supported=False)
    assert why == "20 of 20 votes came in a burst"
    signed = [vote.model_copy(update={"is_vouched": True}) for vote in burst]
    assert {w.weight for w in trust.weighed(signed)} == {1.0}


def test_who_contradicts_all_others_counts_for_little_and_agreement_is_no_extra_weight() -> None:
    answers = {
        f"a{i}": [
            *spread(6, 6),
            Vote(customer="liar", stars=1, at=START),
        ]
        for i in range(12)
    }
    known = trust.reliability(answers)
    assert known["liar"] < 0.5 < 0.9 < known["n0"]
    weights = {w.vote.customer: w for w in trust.weighed(answers["a0"], known)}
    assert weights["liar"].weight == 0
    assert weights["c0"].weight == 1
    assert "of other votes" in weights["liar"].why


def test_one_account_in_many_conversations_and_many_of_one_network_silence_nobody() -> None:
    for liars in ("x", "xyzvw"):
        answers = {
            f"a{i}": [
                *spread(5, 5, stars=1),
                *(
                    Vote(customer=name, stars=5, at=START + timedelta(hours=n), network="nx")
                    for n, name in enumerate(liars * 30)
                ),
            ]
            for i in range(10)
        }
        known = trust.reliability(answers)
        weights = {w.vote.customer: w.weight for w in trust.weighed(answers["a0"], known)}
        assert weights["c0"] == 1
        assert weights["x"] == 0


def test_votes_before_a_burst_do_not_hide_it() -> None:
    burst = [
        Vote(customer=f"b{i}", stars=5, at=START + timedelta(seconds=i), network=f"n{i}")
        for i in range(100)
    ]
    for minutes in (11, 45):
        early = Vote(customer="early", stars=5, at=START - timedelta(minutes=minutes))
        assert standing([early, *burst]).held == 100


def test_networks_whose_hash_was_deleted_count_as_one() -> None:
    old = [v.model_copy(update={"network": trust.FORGOTTEN}) for v in spread(11, 11)]
    vouched = [v.model_copy(update={"is_vouched": True}) for v in old]
    assert standing(old).praise == standing(vouched).praise == pytest.approx(1)


def test_of_a_customer_who_shares_no_answer_nothing_is_known() -> None:
    assert trust.reliability({"a": spread(1, 1)}) == {}


# crowd-kit 1.4.2, OneCoinDawidSkene(n_iter=200, tol=1e-12), on the same votes
PATTERNS = {
    "a": ("111111111110", 0.9990),
    "b": ("111111111101", 0.8343),
    "c": ("111110111000", 0.7498),
    "d": ("000100100011", 0.2502),
    "e": ("110110110110", 0.7490),
}


def test_reliability_without_a_prior_is_crowd_kits() -> None:
    answers = {
        f"a{i}": [
            Vote(customer=name, stars=5 if pattern[i] == "1" else 1, at=START)
            for name, (pattern, _) in PATTERNS.items()
        ]
        for i in range(12)
    }
    known = trust.reliability(answers, strength=0.0, rounds=400)
    for name, (_, expected) in PATTERNS.items():
        assert known[name] == pytest.approx(expected, abs=0.002)
