"""Claims about rules/quality.py."""

import math
import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kaeshi.nouns import Opinion
from kaeshi.rules import quality

stars = st.lists(st.integers(1, 5), max_size=60)


@given(stars)
def test_praise_and_blame_are_bounded_however_many_give_them(said: list[int]) -> None:
    whole = quality.said_of(said)
    assert -math.log(quality.MOST_BLAME) <= whole <= math.log(quality.MOST_PRAISE)


@given(stars, st.floats(0.05, 0.95))
def test_stars_never_come_to_mean_their_opposite(said: list[int], right: float) -> None:
    found = quality.odds_here(said, np.full(len(said), right))
    assert max(found[:2]) <= 1 <= min(found[3:])
    assert 1 / quality.MOST_BLAME <= min(found) <= max(found) <= quality.MOST_PRAISE


@given(stars, st.integers(1, 4))
def test_a_better_rating_never_lowers_what_is_said(said: list[int], at: int) -> None:
    before = quality.said_of([*said, at])
    assert quality.said_of([*said, at + 1]) >= before


def test_one_angry_customer_lowers_and_does_not_veto() -> None:
    happy = quality.said_of([5, 5, 5])
    mixed = quality.said_of([5, 5, 5, 1])
    assert -math.log(quality.MOST_BLAME) < mixed < happy


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ({"rating": 3}, 3),
        ({"vote": "up"}, 4),
        ({"vote": "down"}, 2),
        ({"accurate": False}, 2),
        ({"helpful": True}, None),
    ],
)
def test_an_opinion_amounts_to_stars(said: dict[str, object], expected: int | None) -> None:
    assert quality.stars_of(Opinion.model_validate({"message_id": "m", **said})) == expected


def drawn(count: int) -> tuple[list[quality.Known], list[bool]]:
    rng = random.Random(4)
    right = [rng.random() < 0.7 for _ in range(count)]
    known = [
        quality.Known(
            said=rng.gauss(0.5 if is_right else -0.5, 1),
            answer=rng.gauss(0.7 if is_right else 0.4, 0.2),
            agreement=None if rng.random() < 0.3 else rng.gauss(0.6 if is_right else 0.5, 0.2),
        )
        for is_right in right
    ]
    return known, right


def test_the_probability_is_calibrated_on_answers_that_were_not_fitted() -> None:
    known, right = drawn(4_000)
    model = quality.fit(known[:2_000], right[:2_000])
    told = np.array([model.probability(one) for one in known[2_000:]])
    truth = np.array(right[2_000:], float)
    assert quality.calibration_error(told, truth) < 0.05
    assert told[truth == 1].mean() > told[truth == 0].mean() + 0.2


def test_what_is_not_known_counts_as_average() -> None:
    known, right = drawn(2_000)
    model = quality.fit(known, right)
    average = model.means[quality.FEATURES.index("answer")]
    assert model.probability(quality.Known(said=1.0)) == pytest.approx(
        model.probability(quality.Known(said=1.0, answer=average))
    )


def test_words_that_neither_source_nor_question_holds_are_not_covered() -> None:
    assert quality.covered("Parking costs 20 dollars", "is parking free", "20 dollars") == 0.75
    assert quality.covered("", "anything", "at all") == 0.0


def rated(liars: float, seed: int = 5) -> tuple[list[int], np.ndarray]:
    rng = np.random.default_rng(seed)
    right = rng.random(3_000) < 0.75
    said = [
        int(rng.choice(5, p=np.array(shares) / sum(shares))) + 1
        for shares in (quality.STARS_IF_RIGHT if r else quality.STARS_IF_WRONG for r in right)
    ]
    lying = rng.random(3_000) < liars
    said = [(1 if r else 5) if lie else s for s, lie, r in zip(said, lying, right, strict=True)]
    return said, np.where(right, 0.85, 0.35)


def test_where_many_lie_stars_say_less() -> None:
    honest = quality.odds_here(*rated(0.0))
    lied_to = quality.odds_here(*rated(0.3))
    assert honest[4] > lied_to[4]
    assert honest[0] < lied_to[0]
    assert honest[4] > 1.4
    assert lied_to[0] <= 1 <= lied_to[4]


def test_without_ratings_the_odds_are_the_prior_s_within_bounds() -> None:
    found = quality.odds_here([], np.zeros(0))
    assert found[4] == pytest.approx(quality.odds(5), rel=1e-3)
    assert found[0] == 1 / quality.MOST_BLAME
