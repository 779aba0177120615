"""LiteLLM as a client: chat with a tool, three turns."""

import sys

import litellm

URL, MODE, OPENING = sys.argv[1:4]
TOOL = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
    },
}
messages: list = []


def ask():
    about = {
        "model": "openai/concierge",
        "api_base": URL,
        "api_key": "none",
        "messages": messages,
        "tools": [TOOL],
    }
    if MODE == "whole":
        return litellm.completion(**about).choices[0].message
    chunks = list(litellm.completion(**about, stream=True))
    return litellm.stream_chunk_builder(chunks, messages=messages).choices[0].message


for text in (OPENING, "And what about tomorrow, please?", "Thank you, that helps me a lot."):
    messages.append({"role": "user", "content": text})
    message = ask()
    messages.append(message)
    while message.tool_calls:
        for call in message.tool_calls:
            messages.append({"role": "tool", "tool_call_id": call.id, "content": '{"sun": true}'})
        message = ask()
        messages.append(message)
    assert message.content
