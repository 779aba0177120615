"""OpenAI's Python SDK: chat with a tool, three turns."""

import sys

from openai import OpenAI

URL, MODE, OPENING = sys.argv[1:4]
TOOL = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
    },
}
client = OpenAI(base_url=URL, api_key="none")
messages: list = []


def ask():
    about = {"model": "concierge", "messages": messages, "tools": [TOOL]}
    if MODE == "whole":
        return client.chat.completions.create(**about).choices[0].message
    with client.chat.completions.stream(**about) as stream:
        for _ in stream:
            pass
        return stream.get_final_completion().choices[0].message


for text in (OPENING, "And what about tomorrow, please?", "Thank you, that helps me a lot."):
    messages.append({"role": "user", "content": text})
    message = ask()
    messages.append(message.model_dump(exclude_none=True))
    while message.tool_calls:
        for call in message.tool_calls:
            messages.append({"role": "tool", "tool_call_id": call.id, "content": '{"sun": true}'})
        message = ask()
        messages.append(message.model_dump(exclude_none=True))
    assert message.content
