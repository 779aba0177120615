import pytest

from kaeshi import log_conversations
from kaeshi.errors import TooFew
from kaeshi.ml import get_dataset_builder
from samples import record


async def test_too_few_examples_say_how_many_are_needed() -> None:
    await log_conversations(None, [record("c")])
    with pytest.raises(TooFew, match=r"0 examples, 200 needed; 1 were dropped \(not_rated\)"):
        await get_dataset_builder().build_dataset(None)
