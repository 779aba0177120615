"""The rows of a training file, checked by OpenAI's rules: one validator for all who read them.

https://platform.openai.com/docs/guides/supervised-fine-tuning and the chat API's own rules for
messages. A fault names the message and the reason; the caller adds the line.
"""

import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from kaeshi.errors import InvalidInput
from kaeshi.nouns import Json

ROLES = ("system", "developer", "user", "assistant", "tool", "function")
ROW_KEYS = frozenset({"messages", "tools", "functions", "parallel_tool_calls"})
PREFERENCE_KEYS = frozenset({"input", "preferred_output", "non_preferred_output"})
MESSAGE_KEYS = frozenset(
    {"role", "content", "name", "tool_calls", "tool_call_id", "function_call", "refusal", "weight"}
)
USER_PARTS = frozenset({"text", "image_url", "input_audio", "file"})
ASSISTANT_PARTS = frozenset({"text", "refusal"})
_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}\Z")
_SPEAKER = re.compile(r"[^\s<|\\/>]{1,64}\Z")
_UNFIT = re.compile("[\x00\ud800-\udfff]")


def parse_row(raw: bytes) -> Json:
    """A supervised row. Raises InvalidInput with its first fault."""
    row = _object(raw)
    fault = row_fault(row)
    if fault:
        raise InvalidInput(fault)
    return row


def parse_preference_row(raw: bytes) -> Json:
    """A row of preferences, for DPO. Raises InvalidInput with its first fault."""
    row = _object(raw)
    fault = preference_fault(row)
    if fault:
        raise InvalidInput(fault)
    return row


def row_fault(row: Json) -> str | None:
    """The first fault of a supervised row."""
    return next(_row_faults(row), None)


def preference_fault(row: Json) -> str | None:
    """The first fault of a row of preferences."""
    return next(_preference_faults(row), None)


def messages_of(row: Json) -> list[Json]:
    """All messages of a row; of preferences with both answers at the end."""
    if "input" in row:
        return [
            *row["input"]["messages"],
            *row["preferred_output"],
            *row["non_preferred_output"],
        ]
    return list(row["messages"])


def as_written(message: Json) -> Json:
    """A message as a training file takes it: without null fields and those that it does not know.

    A refusal becomes the text of the answer. Calls get ids where a provider gave none.
    """
    written = {k: v for k, v in message.items() if k in MESSAGE_KEYS and v is not None}
    refusal = written.pop("refusal", None)
    if refusal and not written.get("content"):
        written["content"] = refusal
    calls = written.pop("tool_calls", None)
    if calls:
        written["tool_calls"] = [_call_as_written(call, i) for i, call in enumerate(calls)]
    elif "content" not in written and "function_call" not in written:
        written["content"] = ""
    return written


def _call_as_written(call: Json, number: int) -> Json:
    kept = {k: v for k, v in call.items() if k in {"id", "type", "function", "custom"}}
    return {"type": "function", **kept, "id": kept.get("id") or f"call_{number}"}


def _row_faults(row: Json) -> Iterator[str]:
    messages = row.get("messages")
    if not isinstance(messages, list) or not messages:
        yield "no list of messages"
        return
    yield from _unknown_keys(row, ROW_KEYS)
    yield from _tools_faults(row)
    yield from _messages_faults(messages, _offered(row))
    if not any(m["role"] == "user" for m in messages):
        yield "no user message"
    if messages[-1]["role"] != "assistant":
        yield f"the last message is from {messages[-1]['role']!r}, it must be the assistant's"
    if not any(m["role"] == "assistant" and m.get("weight") != 0 for m in messages):
        yield "every assistant message has weight 0, so that nothing would be learned"


def _preference_faults(row: Json) -> Iterator[str]:
    yield from _unknown_keys(row, PREFERENCE_KEYS)
    asked = row.get("input")
    parts = [asked.get("messages") if isinstance(asked, dict) else None]
    parts += [row.get("preferred_output"), row.get("non_preferred_output")]
    if not isinstance(asked, dict) or not all(isinstance(part, list) and part for part in parts):
        yield "no input.messages, preferred_output and non_preferred_output"
        return
    yield from _unknown_keys(asked, ROW_KEYS)
    yield from _tools_faults(asked)
    if not any(isinstance(m, dict) and m.get("role") == "user" for m in asked["messages"]):
        yield "no user message in input"
    offered = _offered(asked)
    for answers in parts[1:]:
        assert answers is not None  # checked
        yield from _messages_faults([*(parts[0] or ()), *answers], offered)
        if any(answer["role"] != "assistant" for answer in answers):
            yield "an answer is not the assistant's"
        if len(answers) > 1:
            yield f"an output has {len(answers)} messages, and one is taken"


def _object(raw: bytes) -> Json:
    """The line's object. Raises InvalidInput."""
    try:
        row = json.loads(raw.decode("utf-8"), parse_constant=_no_constant)
    except UnicodeDecodeError as error:
        msg = f"not UTF-8 (byte {error.start + 1} of the line)"
    except json.JSONDecodeError as error:
        msg = f"not JSON: {error.msg} at column {error.colno}"
    except (ValueError, RecursionError) as error:
        msg = f"not JSON: {error}"
    else:
        if isinstance(row, dict):
            return row
        msg = "no object"
    raise InvalidInput(msg)


def _no_constant(name: str) -> None:
    msg = f"{name} is not JSON"
    raise ValueError(msg)


def _unknown_keys(row: Json, known: frozenset[str]) -> Iterator[str]:
    unknown = sorted(row.keys() - known)
    if unknown:
        yield f"{unknown[0][:40]!r} is none of a row's fields: {', '.join(sorted(known))}"


def _offered(row: Json) -> frozenset[str] | None:
    """The names of the tools that a row offers; None where it offers none."""
    tools = row.get("tools")
    functions = row.get("functions")
    named = [tool["function"] for tool in tools or ()] + list(functions or ())
    return frozenset(function["name"] for function in named) if named else None


def _tools_faults(row: Json) -> Iterator[str]:
    tools = row.get("tools")
    if tools is not None and not isinstance(tools, list):
        yield "tools is not a list"
        return
    for number, tool in enumerate(tools or (), 1):
        function = tool.get("function") if isinstance(tool, dict) else None
        if not isinstance(function, dict) or tool.get("type") != "function":
            yield f"tool {number}: not of type 'function' with a function"
            return
        yield from _function_faults(function, f"tool {number}")
    for number, function in enumerate(row.get("functions") or (), 1):
        if not isinstance(function, dict):
            yield f"function {number}: not an object"
            return
        yield from _function_faults(function, f"function {number}")
    parallel = row.get("parallel_tool_calls")
    if parallel is not None and not isinstance(parallel, bool):
        yield f"parallel_tool_calls {str(parallel)[:40]!r} is neither true nor false"


def _function_faults(function: Json, where: str) -> Iterator[str]:
    if not _is_name(function.get("name")):
        yield f"{where}: {_not_a_name(function.get('name'))}"
    if not isinstance(function.get("parameters") or {}, dict):
        yield f"{where}: parameters is not a JSON schema"


def _not_a_name(value: object) -> str:
    return f"the name {str(value)[:70]!r} is not 1 to 64 letters, digits, '_' and '-'"


def _is_name(value: object) -> bool:
    return isinstance(value, str) and _NAME.match(value) is not None


def _messages_faults(messages: Sequence[Any], offered: frozenset[str] | None) -> Iterator[str]:
    open_calls: dict[str, None] = {}
    for number, message in enumerate(messages, 1):
        for fault in _message_faults(message, offered):
            yield f"message {number}: {fault}"
        if not isinstance(message, dict):
            return
        for fault in _turn_faults(message, open_calls):
            yield f"message {number}: {fault}"


def _turn_faults(message: Json, open_calls: dict[str, None]) -> Iterator[str]:
    """Whether calls and their results belong together; follows the open calls."""
    if message["role"] == "tool":
        identifier = message.get("tool_call_id")
        if identifier not in open_calls:
            yield f"tool_call_id {str(identifier)[:60]!r} answers no call before it"
        else:
            del open_calls[str(identifier)]
        return
    if open_calls:
        yield f"the call {next(iter(open_calls))!r} before it has no result"
        open_calls.clear()
    for call in message.get("tool_calls") or ():
        if call["id"] in open_calls:
            yield f"two calls have the id {call['id'][:60]!r}"
        open_calls[call["id"]] = None


def _message_faults(message: Any, offered: frozenset[str] | None) -> Iterator[str]:
    if not isinstance(message, dict):
        yield "not an object"
        return
    role = message.get("role")
    if role not in ROLES:
        yield f"role {str(role)[:40]!r} is none of {', '.join(ROLES)}"
        return
    unknown = sorted(message.keys() - MESSAGE_KEYS)
    if unknown:
        yield f"{unknown[0][:40]!r} is none of a message's fields"
    if not _fit(message):
        yield "a text holds NUL or a lone surrogate, or a number is infinite"
    yield from _role_faults(message, role)
    yield from _content_faults(message, role)
    yield from _call_faults(message, offered)


def _role_faults(message: Json, role: str) -> Iterator[str]:
    """Fields that belong to one role."""
    yield from _weight_faults(message.get("weight"), role)
    if role == "tool" and not isinstance(message.get("tool_call_id"), str):
        yield "a tool message has no tool_call_id"
    if role == "function" and not _is_name(message.get("name")):
        yield "a function message has no name"
    for field in ("tool_calls", "function_call"):
        if message.get(field) is not None and role != "assistant":
            yield f"{field} belongs to assistant messages, not to {role!r}"
    name = message.get("name")
    if name is not None and not (isinstance(name, str) and _SPEAKER.match(name)):
        yield f"the name {str(name)[:70]!r} is not 1 to 64 characters without space, <, |, \\, /, >"


def _weight_faults(weight: object, role: str) -> Iterator[str]:
    if weight is None:
        return
    if role != "assistant":
        yield f"weight belongs to assistant messages, not to {role!r}"
    elif isinstance(weight, bool) or weight not in (0, 1):
        yield f"weight {weight!r} is neither 0 nor 1"


def _content_faults(message: Json, role: str) -> Iterator[str]:
    content = message.get("content")
    calls = message.get("tool_calls") or message.get("function_call")
    if content is None or content == []:
        if not calls and not message.get("refusal"):
            yield "neither content nor tool_calls"
    elif isinstance(content, str):
        if not content.strip() and not calls and role not in {"tool", "function"}:
            yield "empty content"
    elif isinstance(content, list):
        yield from _parts_faults(content, role)
    else:
        yield f"content is {type(content).__name__}, it must be a text or a list of parts"


def _parts_faults(parts: Sequence[Any], role: str) -> Iterator[str]:
    known = USER_PARTS if role == "user" else ASSISTANT_PARTS if role == "assistant" else {"text"}
    for part in parts:
        kind = part.get("type") if isinstance(part, dict) else None
        if kind is None:
            yield "a content part is not an object with a type"
        elif kind not in known:
            yield f"a part of type {str(kind)[:40]!r} is not allowed from {role!r}"
        elif kind == "text" and not isinstance(part.get("text"), str):
            yield "a content part's text is not a text"
        elif kind == "refusal" and not isinstance(part.get("refusal"), str):
            yield "a refusal part has no refusal"
        elif kind == "image_url" and not _has_url(part.get("image_url")):
            yield "an image part has no image_url.url"


def _has_url(image: object) -> bool:
    return isinstance(image, dict) and isinstance(image.get("url"), str)


def _call_faults(message: Json, offered: frozenset[str] | None) -> Iterator[str]:
    calls = message.get("tool_calls")
    if calls is not None and (not isinstance(calls, list) or not calls):
        yield "tool_calls is not a list of at least one call"
        return
    for call in calls or ():
        if not isinstance(call, dict) or not isinstance(call.get("id"), str) or not call["id"]:
            yield "a tool call has no id"
            return
        if call.get("type") != "function" or not isinstance(call.get("function"), dict):
            yield "a tool call is not of type 'function'"
            return
        yield from _named_call_faults(call["function"], offered)
    old = message.get("function_call")
    if old is not None:
        if not isinstance(old, dict):
            yield "function_call is not an object"
        else:
            yield from _named_call_faults(old, offered)


def _named_call_faults(
    function: Mapping[str, Any], offered: frozenset[str] | None
) -> Iterator[str]:
    name = function.get("name")
    if not _is_name(name):
        yield _not_a_name(name)
    elif offered is not None and name not in offered:
        yield f"a call of {name!r}, which is none of the row's tools"
    arguments = function.get("arguments")
    if not isinstance(arguments, str):
        yield "a call's arguments are not a text of JSON"
        return
    try:
        json.loads(arguments or "{}")
    except ValueError:
        yield "a call's arguments are not JSON"


def _fit(value: Any) -> bool:
    if isinstance(value, str):
        return _UNFIT.search(value) is None
    if isinstance(value, float):
        return math.isfinite(value)
    if isinstance(value, dict):
        return all(_fit(name) and _fit(item) for name, item in value.items())
    return not isinstance(value, list) or all(_fit(item) for item in value)
