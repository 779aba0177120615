"""Claims about providers/chat.py."""

import pytest

from kaeshi.errors import ProviderError
from kaeshi.providers.chat import WireChat
from kaeshi.steps.asking import unregistered


async def test_a_model_server_that_is_not_there_is_named() -> None:
    with pytest.raises(ProviderError, match="OPENAI_BASE_URL"):
        await WireChat(answerer=None, base_url="http://127.0.0.1:1/v1", api_key=None).answer(
            unregistered("main", "m"), b"{}"
        )
