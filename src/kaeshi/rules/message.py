"""A reply as one message, assembled from what providers call its parts."""

import json
from collections.abc import Mapping
from typing import Any

from kaeshi.nouns import Json

_TEXTS = frozenset({"text", "output_text", "input_text"})
_THOUGHTS = frozenset({"thinking", "reasoning", "reasoning_content", "redacted_thinking"})
# fields of a message that say something beside its text, where they are not null
_OTHERS = ("tool_calls", "function_call", "refusal", "audio", "images")


class Content:
    """A message's text, refusal and other parts, assembled from deltas."""

    def __init__(self) -> None:
        self._texts: list[str] = []
        self._refusals: list[str] = []
        self._others: list[Json] = []

    @property
    def has_substance(self) -> bool:
        return bool(self._others) or any(self._texts) or any(self._refusals)

    def add(self, delta: Mapping[str, Any]) -> None:
        content = delta.get("content")
        for part in content if isinstance(content, list) else (content,):
            if isinstance(part, dict):
                self._add_part(part)
            elif isinstance(part, str):
                self._texts.append(part)
        if isinstance(delta.get("refusal"), str):
            self._refusals.append(delta["refusal"])
        audio = delta.get("audio")
        if isinstance(audio, dict) and isinstance(audio.get("transcript"), str):
            self._texts.append(audio["transcript"])
        self._others += [image for image in delta.get("images") or () if isinstance(image, dict)]

    def _add_part(self, part: Mapping[str, Any]) -> None:
        kind = part.get("type")
        if kind in _THOUGHTS:
            return
        if isinstance(part.get("refusal"), str):
            self._refusals.append(part["refusal"])
        elif isinstance(part.get("text"), str) and (kind is None or kind in _TEXTS):
            self._texts.append(part["text"])
        elif kind is not None:
            self._others.append(dict(part))

    def message(self) -> Json:
        text = "".join(self._texts)
        message: Json = {"role": "assistant", "content": text or None}
        if self._others:
            parts = [{"type": "text", "text": text}] if text else []
            message["content"] = [*parts, *self._others]
        refused = "".join(self._refusals)
        if refused:
            message["refusal"] = refused
        return message


class Calls:
    """Tool calls, assembled from parts that may name no index.

    A part belongs to the call with its index. Where an index is absent or null (Gemini), or the
    same for parallel calls, a name under another id begins the next call. An id alone does not:
    older vLLM draws a new one for every part.
    """

    def __init__(self) -> None:
        self._calls: list[Json] = []
        self._at: dict[int, Json] = {}

    @property
    def has_begun(self) -> bool:
        return bool(self._calls)

    def add(self, part: Mapping[str, Any]) -> None:
        if part.get("type") == "custom" or "custom" in part:
            self._add_to(self._found(part, part.get("custom") or {}), "custom", "input", part)
        else:
            self._add_to(
                self._found(part, part.get("function") or {}), "function", "arguments", part
            )

    def _found(self, part: Mapping[str, Any], named: Mapping[str, Any]) -> Json:
        index = part.get("index")
        known = self._at.get(index) if isinstance(index, int) else None
        if known is None and not isinstance(index, int):
            known = self._of_id(part.get("id")) or (self._calls[-1] if self._calls else None)
        if known is None or (named.get("name") and _is_another(known, part)):
            known = {"id": "", "type": "function"}
            self._calls.append(known)
        if isinstance(index, int):
            self._at[index] = known
        return known

    def _of_id(self, identifier: object) -> Json | None:
        return next((c for c in self._calls if identifier and c["id"] == identifier), None)

    def _add_to(self, call: Json, kind: str, rest: str, part: Mapping[str, Any]) -> None:
        given = part.get(kind) or {}
        spelt = call.setdefault(kind, {"name": "", rest: ""})
        call["type"] = kind
        call["id"] = call["id"] or str(part.get("id") or "")
        name = given.get("name") or ""
        if name != spelt["name"]:
            spelt["name"] += name
        written = given.get(rest)
        spelt[rest] += written if isinstance(written, str) else _json(written)
        if part.get("extra_content"):  # Gemini's signature of its thoughts, asked for in return
            call["extra_content"] = part["extra_content"]

    def listed(self) -> list[Json]:
        return self._calls


def _is_another(known: Json, part: Mapping[str, Any]) -> bool:
    """Whether a part with a name begins another call than this one."""
    identifier = part.get("id")
    if identifier and known["id"]:
        return bool(identifier != known["id"])
    spelt = known.get("function") or known.get("custom") or {}
    # without ids a second name begins a call once the first has its arguments
    return bool(spelt.get("arguments") or spelt.get("input"))


def message_of(message: Mapping[str, Any]) -> Json:
    """A whole message in one form."""
    text = message.get("content")
    if isinstance(text, str) and not any(map(message.get, _OTHERS)):  # nearly every answer
        return {"role": "assistant", "content": text or None}
    content = Content()
    content.add(message)
    said = content.message()
    calls = Calls()
    for number, part in enumerate(calls_in(message)):
        calls.add({**part, "index": number})
    if calls.has_begun:
        said["tool_calls"] = calls.listed()
    return said


def calls_in(message: Mapping[str, Any]) -> list[Json]:
    """Tool calls, the one of the older format among them."""
    calls = [call for call in message.get("tool_calls") or () if isinstance(call, dict)]
    old = message.get("function_call")
    if isinstance(old, dict) and not calls:
        calls = [{"index": 0, "type": "function", "function": old}]
    return calls


def call_of_item(item: Mapping[str, Any]) -> Json:
    """A call item of the responses API as a chat message's tool call."""
    identifier = item.get("call_id") or item.get("id") or ""
    if item["type"] == "custom_tool_call":
        custom = {"name": item["name"], "input": item.get("input") or ""}
        return {"id": identifier, "type": "custom", "custom": custom}
    written = item.get("arguments")
    function = {
        "name": item["name"],
        "arguments": written if isinstance(written, str) else _json(written),
    }
    return {"id": identifier, "type": "function", "function": function}


def _json(value: object) -> str:
    """Arguments as OpenAI writes them, where a provider sends the object itself."""
    return "" if value is None else json.dumps(value, ensure_ascii=False)
