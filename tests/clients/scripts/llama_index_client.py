"""LlamaIndex's function agent: chat with a tool, three turns."""

import asyncio
import sys

from llama_index.core.agent.workflow import FunctionAgent
from llama_index.core.memory import ChatMemoryBuffer
from llama_index.llms.openai_like import OpenAILike

URL, MODE, OPENING = sys.argv[1:4]


def get_weather(city: str, days: int = 1) -> str:
    """The weather of a city."""
    return '{"sun": true}'


async def main() -> None:
    model = OpenAILike(
        model="concierge",
        api_base=URL,
        api_key="none",
        is_chat_model=True,
        is_function_calling_model=True,
    )
    agent = FunctionAgent(tools=[get_weather], llm=model, streaming=MODE == "stream")
    memory = ChatMemoryBuffer.from_defaults(token_limit=100_000)
    for text in (OPENING, "And what about tomorrow, please?", "Thank you, that helps me a lot."):
        answer = await agent.run(user_msg=text, memory=memory)
        assert str(answer)


asyncio.run(main())
