"""OpenAI's Agents SDK over the responses API or chat: with a tool and a session, three turns."""

import asyncio
import sys

from agents import (
    Agent,
    Runner,
    SQLiteSession,
    function_tool,
    set_default_openai_api,
    set_default_openai_client,
    set_tracing_disabled,
)
from openai import AsyncOpenAI

URL, MODE, OPENING, API = sys.argv[1:5]
set_tracing_disabled(True)
set_default_openai_client(AsyncOpenAI(base_url=URL, api_key="none"), use_for_tracing=False)
set_default_openai_api(API)


@function_tool
def get_weather(city: str, days: int = 1) -> str:
    """The weather of a city."""
    return '{"sun": true}'


async def main() -> None:
    agent = Agent(name="Concierge", model="concierge", tools=[get_weather])
    session = SQLiteSession("talk")
    for text in (OPENING, "And what about tomorrow, please?", "Thank you, that helps me a lot."):
        if MODE == "whole":
            result = await Runner.run(agent, text, session=session)
        else:
            result = Runner.run_streamed(agent, text, session=session)
            async for _ in result.stream_events():
                pass
        assert result.final_output


asyncio.run(main())
