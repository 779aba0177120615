"""Pydantic AI's agent: chat with a tool, three turns."""

import asyncio
import sys

from pydantic_ai import Agent
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.providers.openai import OpenAIProvider

URL, MODE, OPENING = sys.argv[1:4]
model = OpenAIChatModel("concierge", provider=OpenAIProvider(base_url=URL, api_key="none"))
agent = Agent(model)


@agent.tool_plain
def get_weather(city: str, days: int = 1) -> str:
    """The weather of a city."""
    return '{"sun": true}'


async def main() -> None:
    history: list = []
    for text in (OPENING, "And what about tomorrow, please?", "Thank you, that helps me a lot."):
        if MODE == "whole":
            result = await agent.run(text, message_history=history)
            assert result.output
        else:
            async with agent.run_stream(text, message_history=history) as result:
                assert await result.get_output()
        history = result.all_messages()


asyncio.run(main())
