import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kaeshi.errors import InvalidInput
from kaeshi.nouns import Feedback, Quality
from kaeshi.rules.feedback import fold, opinion_of, parse, proposes, score

feedbacks = st.builds(
    Feedback,
    message_id=st.just("m"),
    vote=st.sampled_from([None, "up", "down"]),
    rating=st.sampled_from([None, 1, 2, 3, 4, 5]),
    helpful=st.sampled_from([None, True, False]),
    accurate=st.sampled_from([None, True, False]),
    comment=st.sampled_from([None, "short", "a comment of more than twenty characters"]),
)


@pytest.mark.parametrize(
    ("said", "tenths"),
    [
        ({"vote": "up"}, 3),
        ({"rating": 5}, 4),
        ({"rating": 4}, 0),
        ({"helpful": True}, 2),
        ({"accurate": True}, 3),
        ({"comment": "x" * 20}, 0),
        ({"comment": "x" * 21}, 1),
        ({"vote": "up", "rating": 5, "comment": "This answered everything I asked."}, 8),
        (
            {
                "vote": "up",
                "rating": 5,
                "helpful": True,
                "accurate": True,
                "comment": "Very helpful, booked immediately!",
            },
            10,
        ),
        ({"vote": "down", "rating": 5, "helpful": True, "accurate": True}, 4),
        ({"rating": 2, "helpful": True, "accurate": True}, 4),
    ],
)
def test_the_seeds_points_in_tenths(said: dict[str, Any], tenths: int) -> None:
    assert score(opinion_of(parse("m", said))).tenths == tenths


@given(feedbacks)
def test_a_score_is_between_zero_and_ten_and_unhappy_customers_never_propose(
    feedback: Feedback,
) -> None:
    quality = score(opinion_of(feedback))
    assert 0 <= quality.tenths <= 10
    if feedback.vote == "down" or (feedback.rating or 5) <= 2:
        assert quality.tenths <= 4
        assert not proposes(quality, 1)


@given(st.lists(feedbacks, max_size=6))
def test_folding_never_invents_an_opinion(said: list[Feedback]) -> None:
    signals = fold([opinion_of(each) for each in said])
    assert (signals.rating is None) == all(f.rating is None for f in said)
    assert (signals.quality_tenths is None) == (not said)
    assert signals.thumbs_up + signals.thumbs_down == sum(f.vote is not None for f in said)


def test_the_threshold_itself_proposes() -> None:
    assert proposes(Quality(tenths=8), 8)
    assert not proposes(Quality(tenths=7), 8)


@pytest.mark.parametrize(
    ("said", "word"),
    [
        ({}, "is empty"),
        ({"vote": "sideways"}, "sideways"),
        ({"vote": True}, "vote"),
        ({"rating": 0}, "1 to 5"),
        ({"rating": 6}, "1 to 5"),
        ({"rating": math.nan}, "nan"),
        ({"rating": math.inf}, "inf"),
        ({"rating": "5"}, "1 to 5"),
        ({"rating": True}, "1 to 5"),
        ({"rating": 4.5}, "4.5"),
        ({"helpful": 1}, "true or false"),
        ({"comment": 3}, "a text"),
        ({"comment": "x" * 10_001}, "10001"),
        ({"comment": "a\ud800"}, "surrogate"),
        ({"stars": 5}, "stars"),
        ([], "object"),
    ],
)
def test_a_bad_value_is_named(said: Any, word: str) -> None:
    with pytest.raises(InvalidInput, match=word):
        parse("m", said)
