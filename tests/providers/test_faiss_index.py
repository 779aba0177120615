"""Claims about providers/faiss_index.py."""

from pathlib import Path
from typing import Any

import pytest

from kaeshi.providers.faiss_index import FaissIndex
from kaeshi.providers.fake import FakeEmbedder, FakeIndex


@pytest.mark.parametrize("index", [FaissIndex(), FakeIndex()])
def test_an_index_finds_the_nearest_first(index: Any, tmp_path: Path) -> None:
    vectors = FakeEmbedder().embed(["salmon for ten", "tofu for two", "rain on friday"])
    index.build(tmp_path / "i", vectors)
    (hits,) = index.search(tmp_path / "i", FakeEmbedder().embed(["tofu for two"]), 2)
    assert hits[0][0] == 1
    assert hits[0][1] == pytest.approx(1, abs=1e-4)
    assert len(hits) == 2
