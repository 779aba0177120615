"""LangChain's ChatOpenAI: chat with a tool, three turns."""

import sys

from langchain_core.messages import HumanMessage, ToolMessage
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI

URL, MODE, OPENING = sys.argv[1:4]


@tool
def get_weather(city: str, days: int = 1) -> str:
    """The weather of a city."""
    return '{"sun": true}'


model = ChatOpenAI(base_url=URL, api_key="none", model="concierge").bind_tools([get_weather])
messages: list = []


def ask():
    if MODE == "whole":
        return model.invoke(messages)
    whole = None
    for chunk in model.stream(messages):
        whole = chunk if whole is None else whole + chunk
    return whole


for text in (OPENING, "And what about tomorrow, please?", "Thank you, that helps me a lot."):
    messages.append(HumanMessage(text))
    message = ask()
    messages.append(message)
    while message.tool_calls:
        for call in message.tool_calls:
            result = get_weather.invoke(call["args"])
            messages.append(ToolMessage(result, tool_call_id=call["id"]))
        message = ask()
        messages.append(message)
    assert message.content
