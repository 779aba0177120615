"""Claims about providers/minilm.py."""

from typing import Any

import numpy as np
import pytest

from kaeshi.providers.fake import FakeEmbedder
from kaeshi.providers.minilm import MiniLMEmbedder
from kaeshi.settings import load


@pytest.fixture(params=[MiniLMEmbedder, FakeEmbedder])
def embedder(request: pytest.FixtureRequest) -> Any:
    return MiniLMEmbedder(load().models_dir) if request.param is MiniLMEmbedder else FakeEmbedder()


def test_vectors_have_length_one_and_keep_their_order(embedder: Any) -> None:
    texts = [
        "a rather long question about the price of salmon for ten guests",
        "hi",
        "is there tofu",
        "hi",
    ]
    vectors = embedder.embed(texts)
    assert vectors.shape == (4, embedder.dimensions)
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    assert np.allclose(vectors[1], vectors[3])
    assert np.allclose(embedder.embed(["is there tofu"])[0], vectors[2], atol=1e-3)
    assert embedder.embed([]).shape == (0, embedder.dimensions)


def test_minilm_knows_what_is_similar() -> None:
    a, b, c = MiniLMEmbedder(load().models_dir).embed(
        ["how much is the deposit", "what down payment do you ask for", "my dog is brown"]
    )
    assert a @ b > a @ c + 0.2
