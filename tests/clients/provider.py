"""A provider that calls a tool when it is asked for the weather, whole and as a stream.

`python -m clients.provider PORT`, with `tests` on the path.
"""

import json
import sys
from collections.abc import AsyncIterator
from typing import Any

from aiohttp import web

Json = dict[str, Any]
_number = 0


def answer_to(asked: Json, history: list[Json]) -> Json:
    """One assistant message: a call for the weather, else words that differ each time."""
    global _number  # noqa: PLW0603  # a process of its own
    _number += 1
    last = history[-1]
    kind = last.get("role") or last.get("type")
    if asked.get("tools") and kind == "user" and "weather" in json.dumps(last.get("content")):
        function = {"name": "get_weather", "arguments": '{"city": "Rome", "days": 1}'}
        call = {"id": f"call_{_number:020}", "type": "function", "function": function}
        return {"role": "assistant", "content": None, "tool_calls": [call]}
    words = f"Answer {_number}: it is sunny, and I wish you a day to remember."
    return {"role": "assistant", "content": words}


async def chat(request: web.Request) -> web.StreamResponse:
    asked = await request.json()
    message = answer_to(asked, asked["messages"])
    finish = "tool_calls" if message.get("tool_calls") else "stop"
    about = {"id": f"chatcmpl-{_number}", "created": 1, "model": asked["model"]}
    usage = {"prompt_tokens": 9, "completion_tokens": 9, "total_tokens": 18}
    if not asked.get("stream"):
        choice = {"index": 0, "message": {**message, "refusal": None}, "finish_reason": finish}
        whole = {**about, "object": "chat.completion", "choices": [choice], "usage": usage}
        return web.json_response(whole)
    return await streamed(request, chunks(about, message, finish))


async def chunks(about: Json, message: Json, finish: str) -> AsyncIterator[str]:
    deltas: list[Json] = [{"role": "assistant", "content": ""}]
    for call in message.get("tool_calls") or ():
        function = call["function"]
        begun = {**call, "index": 0, "function": {"name": function["name"], "arguments": ""}}
        deltas.append({"tool_calls": [begun]})
        for piece in (function["arguments"][:9], function["arguments"][9:]):
            deltas.append({"tool_calls": [{"index": 0, "function": {"arguments": piece}}]})
    deltas += [{"content": word + " "} for word in (message["content"] or "").split()]
    head = {**about, "object": "chat.completion.chunk"}
    for delta in deltas:
        choice = {"index": 0, "delta": delta, "finish_reason": None}
        yield f"data: {json.dumps({**head, 'choices': [choice]})}\n\n"
    choice = {"index": 0, "delta": {}, "finish_reason": finish}
    yield f"data: {json.dumps({**head, 'choices': [choice]})}\n\n"
    yield "data: [DONE]\n\n"


def item_of(message: Json) -> Json:
    calls = message.get("tool_calls")
    if calls:
        function = calls[0]["function"]
        return {
            "id": f"fc_{_number:020}",
            "type": "function_call",
            "call_id": calls[0]["id"],
            "status": "completed",
            **function,
        }
    part = {"type": "output_text", "text": message["content"], "annotations": [], "logprobs": []}
    return {
        "id": f"msg_{_number:020}",
        "type": "message",
        "role": "assistant",
        "status": "completed",
        "content": [part],
    }


async def responses(request: web.Request) -> web.StreamResponse:
    asked = await request.json()
    told = asked["input"]
    history = [{"role": "user", "content": told}] if isinstance(told, str) else told
    item = item_of(answer_to(asked, history))
    usage = {
        "input_tokens": 9,
        "output_tokens": 9,
        "total_tokens": 18,
        "input_tokens_details": {"cached_tokens": 0},
        "output_tokens_details": {"reasoning_tokens": 0},
    }
    whole = {
        "id": f"resp_{_number:020}",
        "object": "response",
        "created_at": 1,
        "model": asked["model"],
        "status": "completed",
        "output": [item],
        "tools": [],
        "tool_choice": "auto",
        "parallel_tool_calls": True,
        "usage": usage,
    }
    if not asked.get("stream"):
        return web.json_response(whole)
    return await streamed(request, events(whole, item))


async def events(whole: Json, item: Json) -> AsyncIterator[str]:
    begun = {**whole, "status": "in_progress", "output": []}
    place = {"output_index": 0}
    listed: list[Json] = [
        {"type": "response.created", "response": begun},
        {"type": "response.output_item.added", **place, "item": item},
        {"type": "response.output_item.done", **place, "item": item},
        {"type": "response.completed", "response": whole},
    ]
    for number, event in enumerate(listed):
        told = json.dumps({**event, "sequence_number": number})
        yield f"event: {event['type']}\ndata: {told}\n\n"


async def streamed(request: web.Request, pieces: AsyncIterator[str]) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
    await response.prepare(request)
    async for piece in pieces:
        await response.write(piece.encode())
    return response


async def models(_request: web.Request) -> web.Response:
    return web.json_response({"object": "list", "data": []})


def main() -> None:
    app = web.Application()
    app.router.add_post("/v1/chat/completions", chat)
    app.router.add_post("/v1/responses", responses)
    app.router.add_get("/v1/models", models)
    web.run_app(app, host="127.0.0.1", port=int(sys.argv[1]), print=None)


if __name__ == "__main__":
    main()
