from pathlib import Path

import pytest

from kaeshi.errors import InvalidInput, NotFound
from kaeshi.ml import get_fine_tuner


async def test_an_estimate_of_a_bad_file_names_the_line(tmp_path: Path) -> None:
    (tmp_path / "t.jsonl").write_text("{bad\n")
    with pytest.raises(InvalidInput, match="line 1"):
        await get_fine_tuner().estimate_cost("t.jsonl", "gpt-4o-mini")


async def test_an_unknown_model_has_no_price(tmp_path: Path) -> None:
    (tmp_path / "t.jsonl").write_text(
        '{"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]}\n'
    )
    with pytest.raises(NotFound, match="gpt-99"):
        await get_fine_tuner().estimate_cost("t.jsonl", "gpt-99")
