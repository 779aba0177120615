"""Claims about rules/examples.py."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from kaeshi.nouns import HAND_OVER
from kaeshi.rules import examples as rules


def said(question: str, answer: str) -> list[dict[str, str]]:
    return [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]


def test_what_shows_nothing_is_refused_with_its_reason() -> None:
    assert rules.pair_of([{"role": "user", "content": "hi"}]) == "no_pair"
    assert rules.pair_of(said("Is it open on Sunday?", HAND_OVER)) == "hand_over"
    assert rules.pair_of(said("Who am I to you?", "You are [PERSON_1].")) == "placeholder"
    assert rules.pair_of(said("Is it open on Sunday?", "Thanks!")) == "small_talk"


def test_a_placeholder_in_a_question_becomes_a_plain_word() -> None:
    pair = rules.pair_of(said("[PERSON_1] here, is it open?", "Yes, from nine to five."), "c1")
    assert pair == ("(person) here, is it open?", "Yes, from nine to five.", "c1")


def test_the_second_example_is_another_one_rather_than_the_same_again() -> None:
    vectors = np.asarray([[1, 0], [1, 0], [0.8, 0.6]], np.float32)
    near = vectors @ np.asarray([0.97, 0.243], np.float32)
    assert rules.chosen(near, vectors, 2) == [0, 2]


unit = arrays.arrays(np.float32, (6, 4), elements=st.floats(0.125, 1, width=16)).map(
    lambda raw: raw / np.linalg.norm(raw, axis=1, keepdims=True)
)


@given(unit, st.integers(0, 9))
def test_each_place_is_chosen_once_and_the_nearest_first(vectors: np.ndarray, count: int) -> None:
    near = vectors @ vectors[3]
    places = rules.chosen(near, vectors, count)
    assert len(places) == len(set(places)) == min(count, 6)
    assert not places or near[places[0]] == near.max()


@given(st.lists(st.integers(1, 500), max_size=20), st.integers(0, 2000))
def test_examples_never_cost_more_than_their_budget(tokens: list[int], budget: int) -> None:
    kept = rules.affordable(range(len(tokens)), tokens, budget)
    assert sum(tokens[place] for place in kept) <= budget
    left = budget - sum(tokens[place] for place in kept)
    assert all(place in kept or tokens[place] > left for place in range(len(tokens)))
