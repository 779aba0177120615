"""OpenAI's chat and responses JSON as it passes the gateway: messages and speakers.

Nothing is repaired: other formats raise InvalidInput, and the bytes are forwarded unchanged.
"""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from kaeshi.errors import InvalidInput
from kaeshi.nouns import Json

# json.dumps with options makes an encoder for every call
_json = json.JSONEncoder(ensure_ascii=False).encode
CONTEXT = ("tools", "functions", "tool_choice", "response_format", "parallel_tool_calls")
_MODEL = re.compile(rb'"model"\s*:\s*("(?:[^"\\]|\\.)*")')
_FENCE = re.compile(r"<\s*/?\s*example\s*>", re.IGNORECASE)
LONGEST = 200  # longest stored model name
_RESPONSE_ENDS = frozenset({"response.completed", "response.incomplete", "response.failed"})
_ENDS = (b'"response.completed"', b'"response.incomplete"', b'"response.failed"')


def with_model(raw: bytes, body: Mapping[str, Any], model: str) -> bytes:
    """The request for another model, every other byte unchanged.

    Only where the name's place is ambiguous is the whole body written again.

    >>> with_model(b'{"model": "concierge", "n": 1.0}', {"model": "concierge", "n": 1.0}, "ft:x")
    b'{"model": "ft:x", "n": 1.0}'
    """
    places = list(_MODEL.finditer(raw))
    if len(places) != 1:
        return _json({**body, "model": model}).encode()
    start, end = places[0].span(1)
    return raw[:start] + _json(model).encode() + raw[end:]


def messages_of(body: object) -> tuple[Json, ...]:
    """A request as chat messages. Raises InvalidInput."""
    if not isinstance(body, dict):
        raise InvalidInput("the body is a JSON object")
    found = body.get("messages") if "messages" in body else _from_input(body)
    if found == [] and _is_continued(body):
        return ()
    if (
        not isinstance(found, list)
        or not found
        or not all(isinstance(m, dict) and isinstance(m.get("role"), str) for m in found)
    ):
        msg = "messages is a list of at least one message with a role"
        raise InvalidInput(msg)
    return tuple(found)


def _is_continued(body: Mapping[str, Any]) -> bool:
    """Whether a responses request needs no message: it answers a call, or names a prompt."""
    named = ("previous_response_id", "conversation", "prompt")
    return "messages" not in body and (bool(body.get("input")) or any(map(body.get, named)))


def replied(messages: Sequence[Json]) -> int:
    """How many messages there are up to and including the assistant's last reply.

    0 without one.
    """
    return next(
        (i for i in range(len(messages), 0, -1) if messages[i - 1]["role"] == "assistant"), 0
    )


def context_of(body: Mapping[str, Any]) -> Json:
    """What a request offers beside its messages, in chat's form: tools, and how to answer.

    Empty where it offers nothing.
    """
    found = {name: body[name] for name in CONTEXT if body.get(name) not in (None, [])}
    if "tools" in found and "input" in body:
        found["tools"] = [_chat_tool(tool) for tool in found["tools"]]
    text = body.get("text")
    form = text.get("format") if isinstance(text, dict) else None
    if isinstance(form, dict) and form.get("type") not in {None, "text"}:
        found["response_format"] = _chat_format(form)
    return found


def _chat_format(form: Json) -> Json:
    kind = form["type"]
    rest = {name: value for name, value in form.items() if name != "type"}
    return {"type": kind, kind: rest} if rest else {"type": kind}


def _chat_tool(tool: Any) -> Any:
    """A responses tool as chat writes it: the function in an object of its own."""
    if not isinstance(tool, dict) or tool.get("type") != "function" or "function" in tool:
        return tool
    function = {k: tool[k] for k in ("name", "description", "parameters", "strict") if k in tool}
    return {"type": "function", "function": function}


def opened(body: Mapping[str, Any], opening: Sequence[Json]) -> Json:
    """The request with other messages put before its messages or its input."""
    if "messages" in body:
        return {"messages": [*opening, *body["messages"]]}
    asked = body.get("input")
    return {
        "input": [
            *opening,
            *([{"role": "user", "content": asked}] if isinstance(asked, str) else asked or []),
        ]
    }


class Known(NamedTuple):
    """An entry as it is shown; `likely`: the probability that it answers, where that is known."""

    question: str
    answer: str
    likely: float | None = None

    @property
    def shown(self) -> Json:
        """As JSON, with what the search made of it, so that a model need not guess."""
        said: Json = {"question": self.question, "answer": self.answer}
        return said if self.likely is None else said | {"likely": round(self.likely, 2)}


def informed(messages: Sequence[Json], entries: Sequence[Known]) -> list[Json]:
    """The messages with entries in a message before the customer's last.

    It has the user's role and holds JSON: entries come from people's words, which must not act as
    system instructions.
    """
    listed = json.dumps([entry.shown for entry in entries], ensure_ascii=False)
    block = {
        "role": "user",
        "content": (
            f"Knowledge base entries that may help to answer the next message, as JSON:\n{listed}"
        ),
    }
    last = next(
        (i for i in range(len(messages) - 1, -1, -1) if messages[i].get("role") == "user"),
        len(messages),
    )
    return [*messages[:last], block, *messages[last:]]


def exampled(messages: Sequence[Json], pairs: Sequence[tuple[str, str]]) -> list[Json]:
    """The messages with (question, answer) examples as earlier turns, after the opening prompts.

    The last pair stands next to the conversation. Questions are fenced, and have the user's role:
    they come from people's words, which must not act as instructions, nor close their own fence.
    """
    shown: list[Json] = []
    for question, answer in pairs:
        fenced = f"<example>\n{_unfenced(question)}\n</example>"
        shown += [{"role": "user", "content": fenced}, {"role": "assistant", "content": answer}]
    first = next(
        (i for i, m in enumerate(messages) if m.get("role") not in {"system", "developer"}),
        len(messages),
    )
    return [*messages[:first], *shown, *messages[first:]]


def _unfenced(text: str) -> str:
    """Without fences, also those that appear when others are taken out."""
    while _FENCE.search(text):
        text = _FENCE.sub("", text)
    return text


def _from_input(body: Mapping[str, Any]) -> object:
    """A responses request's `instructions` and `input` as chat messages.

    Items that are neither message nor call are left out.
    """
    asked = body.get("input")
    if isinstance(asked, str):
        asked = [{"role": "user", "content": asked}]
    if asked is None and body.get("prompt"):
        asked = []
    if not isinstance(asked, list):
        return None
    found: list[Json] = (
        [{"role": "system", "content": body["instructions"]}]
        if isinstance(body.get("instructions"), str)
        else []
    )
    for item in asked:
        if not isinstance(item, dict):
            return None
        kind = item.get("type")
        if kind in {"function_call", "custom_tool_call"}:
            found.append({"role": "assistant", "content": None, "tool_calls": [_call_of(item)]})
        elif kind in {"function_call_output", "custom_tool_call_output"}:
            found.append(_result_of(item))
        elif "role" in item:
            found.append({"role": item["role"], "content": _plain(item.get("content"))})
    return found


def _call_of(item: Json) -> Json:
    if item["type"] == "custom_tool_call":
        custom = {"name": item.get("name"), "input": item.get("input")}
        return {"id": item.get("call_id"), "type": "custom", "custom": custom}
    function = {k: item.get(k) for k in ("name", "arguments")}
    return {"id": item.get("call_id"), "type": "function", "function": function}


def _result_of(item: Json) -> Json:
    output = item.get("output")
    return {
        "role": "tool",
        "tool_call_id": item.get("call_id"),
        "content": _plain(output) if isinstance(output, list) else output,
    }


def _plain(content: object) -> object:
    """Text parts by chat's name: the responses API calls them input_text and output_text."""
    if not isinstance(content, list):
        return content
    texts = {"input_text", "output_text"}
    return [
        {"type": "text", "text": part.get("text")}
        if isinstance(part, dict) and part.get("type") in texts
        else part
        for part in content
    ]
