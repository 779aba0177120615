"""Claims about rules/lexical.py."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from kaeshi.rules.lexical import lexicon

TEXTS = ["Where is my refund?", "My refund is late", "Track the order", "Card was declined"]


def test_a_misspelt_word_is_nearer_to_its_word_than_to_others() -> None:
    letters = lexicon(TEXTS)
    near = letters.cosines("refnud lat", letters.rows(TEXTS))
    assert int(near.argmax()) == 1


def test_projected_texts_keep_the_order_of_cosines() -> None:
    letters = lexicon(TEXTS)
    projected = letters.projected(TEXTS)
    cosines = letters.cosines(TEXTS[0], letters.rows(TEXTS))
    assert np.allclose(projected @ projected[0], cosines, atol=1e-6)


@given(st.lists(st.text(max_size=30), max_size=8), st.text(max_size=30))
def test_any_texts_are_weighed_and_cosines_lie_between_0_and_1(
    texts: list[str], query: str
) -> None:
    letters = lexicon(texts)
    near = letters.cosines(query, letters.rows(texts))
    assert near.shape == (len(texts),)
    assert ((near >= 0) & (near <= 1.001)).all()
    assert (np.linalg.norm(letters.projected(texts), axis=1) <= 1.001).all()
