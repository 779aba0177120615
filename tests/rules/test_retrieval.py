"""Claims about rules/retrieval.py."""

import numpy as np
import pytest

from kaeshi.rules import retrieval

TEXTS = ["where is my card", "card not here", "i want my money back", "refund please"]
ANSWERS = np.array([0, 0, 1, 1])
VECTORS = np.eye(6, dtype=np.float32)[[0, 0, 1, 1]]


def taught(texts: list[str], vectors: np.ndarray, answers: np.ndarray) -> retrieval.Taught:
    return retrieval.Taught(
        texts=texts, vectors=vectors, answers=answers, titles=np.zeros(len(texts), bool)
    )


def test_a_question_finds_the_answer_of_its_like() -> None:
    answerer = retrieval.fit(taught(TEXTS, VECTORS, ANSWERS))
    shares = answerer.shares(["my card?", "money back!"], VECTORS[[0, 2]])
    assert shares.argmax(axis=1).tolist() == [0, 1]


def test_what_customers_praised_teaches_and_what_they_blamed_does_not() -> None:
    """An unknown word's meaning is learned from the answer that was given and praised."""
    strange = np.eye(6, dtype=np.float32)[[3] * 8]

    def learned(odds: float) -> float:
        asked = retrieval.Asked(
            texts=["wo ist meine karte"] * 8,
            vectors=strange,
            given=np.zeros(8, np.int64),
            odds=np.full(8, odds, np.float32),
        )
        fitted = retrieval.fit(taught(TEXTS, VECTORS, ANSWERS), asked)
        return float(fitted.shares(["wo ist meine karte"], strange[:1])[0, 0])

    assert learned(4.0) > 0.7
    assert learned(0.05) < 0.4


def test_nothing_taught_is_an_error() -> None:
    with pytest.raises(ValueError, match="nothing is taught"):
        retrieval.fit(taught([], np.zeros((0, 6), np.float32), np.zeros(0, np.int64)))


def test_bayes_weighs_the_given_answer_alone() -> None:
    after = retrieval.judged(
        np.array([[0.5, 0.25, 0.25]], np.float32), np.array([1]), np.array([2.0], np.float32)
    )
    assert np.allclose(after, [[0.4, 0.4, 0.2]])


def test_a_known_question_is_told_from_an_unknown_one_after_calibration() -> None:
    rng = np.random.default_rng(3)
    centres = rng.standard_normal((24, 16))
    answers = np.repeat(np.arange(24), 5)
    vectors = centres[answers] + 0.2 * rng.standard_normal((120, 16))
    vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    known = taught([f"topic{a} question" for a in answers], vectors, answers)
    answerer = retrieval.calibrated(retrieval.fit(known), known)
    other = rng.standard_normal((20, 16))
    other = (other / np.linalg.norm(other, axis=1, keepdims=True)).astype(np.float32)
    assert answerer.is_known(list(known.texts[:20]), vectors[:20]).min() > 0.5
    assert answerer.is_known(["something else"] * 20, other).max() < 0.5


@pytest.mark.parametrize(
    ("query", "entity", "expected"),
    [
        ("Does the Ashley Hotel allow dogs?", "ASHLEY HOTEL", "Does it allow dogs?"),
        ("is ashley's wifi free", "ASHLEY HOTEL", "is it wifi free"),
        ("Is there parking?", "ASHLEY HOTEL", "Is there parking?"),
        ("What about A and B Guest House?", "A AND B GUEST HOUSE", "What about it?"),
        ("any (odd)? name", "(ODD)?", "any (it)? name"),
    ],
)
def test_a_question_is_read_without_the_name_of_what_it_is_about(
    query: str, entity: str, expected: str
) -> None:
    assert retrieval.without(query, entity) == expected


def test_the_entity_named_last_comes_first() -> None:
    said = ["I like the Belfry", "What about Ashley Hotel?", "does it have a bar"]
    found = retrieval.entities_in(said, ["THE BELFRY", "ASHLEY HOTEL", "CURRY GARDEN"])
    assert found == ["ASHLEY HOTEL", "THE BELFRY"]


def test_letters_decide_between_texts_of_one_meaning() -> None:
    texts = ["Parking costs 20 dollars", "Breakfast costs 20 dollars"]
    same = np.ones((2, 4), np.float32) / 2
    scores = retrieval.nearest_in("parking", same[0], texts, same)
    assert scores[0] > scores[1]
