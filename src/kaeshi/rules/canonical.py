"""What was said, in one form, whatever a client did to the history between turns.

Agent frameworks dump a call's arguments again, chat UIs trim white space and drop the model's
thoughts, servers split one reply into several messages.
"""

import json
import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from typing import Any

from kaeshi.nouns import Json, text_of

CALLERS = frozenset({"system", "developer"})
Unit = tuple[str, str]  # a kind (user, assistant, call, tool) and its canonical text
# as models without a reasoning parser write them, and as Open WebUI keeps them
_THOUGHTS = re.compile(
    r"<(think|thinking|thought|reasoning)>.*?</\1>|<details type=\"reasoning\".*?</details>",
    re.DOTALL,
)
_END_OF_THOUGHTS = "</think>"
_json = json.JSONEncoder(ensure_ascii=False, sort_keys=True).encode


def canonical(messages: Sequence[Json]) -> list[Unit]:
    """The units of a history.

    System and developer messages belong to the caller and may change between turns (such as the
    date in them), so they are left out, like reasoning, ids, cache marks and empty messages. Text
    is NFC without white space; arguments are parsed and their keys sorted. Adjacent texts of the
    assistant are one: a continued answer comes back whole.
    """
    found: list[Unit] = []
    for message in messages:
        content = message.get("content")
        if message.get("role") == "user" and isinstance(content, str):  # most of them
            text = _squeezed(content)
            if text:
                found.append(("user", text))
        else:
            found += _units(message)
    return joined(found)


def words(units: Sequence[Unit]) -> list[Unit]:
    """The units without calls and their results, which many clients leave out of a history."""
    return joined([unit for unit in units if unit[0] in {"user", "assistant"}])


def joined(units: Iterable[Unit]) -> list[Unit]:
    """The units with adjacent texts of the assistant as one."""
    found: list[Unit] = []
    last = ""
    for unit in units:
        if unit[0] == "assistant" == last:
            found[-1] = ("assistant", _respelt(found[-1][1] + unit[1]))
        else:
            found.append(unit)
            last = unit[0]
    return found


def _units(message: Json) -> Iterator[Unit]:
    role = str(message.get("role"))
    if role in CALLERS:
        return
    if role in {"tool", "function"}:
        yield "tool", _respelt(text_of(message))
        return
    text = _answer(message) if role == "assistant" else _squeezed(text_of(message))
    if text:
        yield role, text
    if "tool_calls" in message or "function_call" in message:
        for name, arguments in _calls(message):
            yield "call", f"{name} {_respelt(arguments)}"


def _answer(message: Json) -> str:
    """An assistant's words: its text without thoughts, else its refusal."""
    text = text_of(message)
    if "<" in text:
        text = _THOUGHTS.sub("", text)
        text = text.rpartition(_END_OF_THOUGHTS)[2]  # the opening mark was in the prompt
    return _respelt(text) or _squeezed(_refusal(message))


def _refusal(message: Json) -> str:
    told = message.get("refusal")
    if isinstance(told, str):
        return told
    content = message.get("content")
    parts = content if isinstance(content, list) else ()
    return "".join(str(p.get("refusal") or "") for p in parts if isinstance(p, dict))


def _calls(message: Json) -> Iterator[tuple[str, str]]:
    """(name, arguments as text) of each call, the one of the older format among them."""
    found = message.get("tool_calls")
    calls: list[Any] = found if isinstance(found, list) else []
    old = message.get("function_call")
    if isinstance(old, dict) and not calls:
        calls = [{"function": old}]
    for call in calls:
        named = call.get("function") or call.get("custom") if isinstance(call, dict) else None
        if not isinstance(named, dict):
            yield "", _json(call)
            continue
        written = named.get("arguments", named.get("input"))
        text = written if isinstance(written, str) else _json(written)
        yield str(named.get("name")), "" if text in {"null", "{}"} else text


def _squeezed(text: str) -> str:
    if not text.isascii():
        text = unicodedata.normalize("NFC", text)
    return "".join(text.split())


def _respelt(text: str) -> str:
    """JSON with its keys sorted, and text without white space."""
    if text.lstrip()[:1] in {"{", "["}:
        with suppress(ValueError, RecursionError):
            text = _json(json.loads(text))
    squeezed = _squeezed(text)
    return "" if squeezed == "{}" else squeezed
