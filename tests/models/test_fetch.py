"""Claims about models/fetch.py."""

import pytest

from kaeshi.errors import MissingModel
from kaeshi.models.fetch import FILES, fetch, need
from kaeshi.settings import load


def test_every_model_file_is_here_and_unchanged() -> None:
    assert [new for _, new in fetch(load().models_dir)] == [False] * len(FILES)
    with pytest.raises(MissingModel, match="kaeshi models fetch"):
        need(load().models_dir, "none.onnx")
