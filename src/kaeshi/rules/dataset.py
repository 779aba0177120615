"""From examples to training rows in OpenAI's chat format.

System prompts by intent, no duplicates, and a split by conversation.
"""

import hashlib
import json
import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal, overload

from kaeshi.errors import InvalidInput, TooFew
from kaeshi.nouns import Example, Json, text_of
from kaeshi.rules.duplicates import originals

Split = Literal["train", "validation"]
ROLES = ("system", "developer", "user", "assistant", "tool", "function")
MIN_EXAMPLES = 200
TRAIN_PERCENT = 80
MAX_FAULTS = 100
_UNFIT = re.compile("[\x00\ud800-\udfff]")


def row(example: Example, prompts: Mapping[str, str]) -> bytes:
    """One line of training data.

    The intent's system prompt, then the scrubbed conversation up to the rated answer.
    """
    prompt: Json = {"role": "system", "content": prompts.get(example.intent) or prompts["default"]}
    body = example.body
    # the log's own prompts are replaced by the intent's
    if '"system"' in body or '"developer"' in body:
        return line(
            {
                "messages": [
                    prompt,
                    *(m for m in example.messages if m["role"] not in {"system", "developer"}),
                ]
            }
        )
    return (
        f'{{"messages":[{_canonical(prompt)},{body[1:-1]}]}}\n'.encode()
    )  # a stored body is canonical already


def line(content: Json) -> bytes:
    """An object as a line of a file: the same bytes for the same content on every machine."""
    return _canonical(content).encode() + b"\n"


def _canonical(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True)


def said(messages: Iterable[Json]) -> str:
    """The words of customer and assistant, by which duplicates are found."""
    return "\n".join(text_of(m) for m in messages if m["role"] in {"user", "assistant"})


class _Said(Sequence[str]):
    """The text of each example, read when it is asked for.

    All texts at once would take as much memory as the dataset.
    """

    def __init__(self, examples: Sequence[Example]) -> None:
        self._examples = examples

    def __len__(self) -> int:
        return len(self._examples)

    @overload
    def __getitem__(self, at: int) -> str: ...
    @overload
    def __getitem__(self, at: slice) -> "_Said": ...
    def __getitem__(self, at: int | slice) -> "str | _Said":
        return (
            _Said(self._examples[at])
            if isinstance(at, slice)
            else said(self._examples[at].messages)
        )


def distinct(examples: Sequence[Example]) -> tuple[list[Example], dict[str, int]]:
    """The examples without exact and near duplicates, and how many of each were removed.

    The first of several stays.
    """
    texts = _Said(examples)
    kept = []
    dropped = Counter[str]()
    for i, original in enumerate(originals(texts)):
        if original == i:
            kept.append(examples[i])
        else:
            dropped["duplicate" if texts[i] == texts[original] else "near_duplicate"] += 1
    return kept, dict(sorted(dropped.items()))


def split(conversation: str) -> Split:
    """80 of 100 conversations train, by the hash of their id.

    A conversation is always on the same side.
    """
    return (
        "train"
        if int.from_bytes(hashlib.sha256(conversation.encode()).digest()[:8]) % 100 < TRAIN_PERCENT
        else "validation"
    )


def enough(count: int, least: int, what: str) -> None:
    """Raise TooFew unless there are enough examples, counted before the split."""
    if count < least:
        msg = (
            f"{what}: {count} examples, {least} needed; lower MIN_EXAMPLES or wait for the "
            "nightly collection"
        )
        raise TooFew(msg)


def check(lines: Iterable[bytes], *, least: int = MIN_EXAMPLES) -> list[str]:
    """The faults of a training file, each with its line; empty for a valid one."""
    faults = []
    count = 0
    for number, raw in enumerate(lines, 1):
        if not raw.strip():
            continue
        count += 1
        fault = _fault(raw)
        if fault:
            faults.append(f"line {number}: {fault}")
        if len(faults) >= MAX_FAULTS:
            faults.append(f"more than {MAX_FAULTS} faults; the rest of the file was not checked")
            return faults
    if count < least:
        faults.append(f"file: {count} examples, {least} needed")
    return faults


def parse(raw: bytes) -> list[Json]:
    """The messages of one line. Raises InvalidInput."""
    fault = _fault(raw)
    if fault:
        raise InvalidInput(fault)
    messages: list[Json] = json.loads(raw)["messages"]
    return messages


def parse_preference(raw: bytes) -> list[Json]:
    """The messages of a preference row, with both answers at the end. Raises InvalidInput."""
    content = _decoded(raw)
    if not isinstance(content, dict):
        msg = "no object"
        raise InvalidInput(msg)
    parts = _preference_parts(content)
    messages: list[Json] = [message for part in parts if part is not None for message in part]
    _check_messages(messages)
    return messages


def _preference_parts(content: dict[Any, Any]) -> tuple[Any | None, Any | None, Any | None]:
    asked = content.get("input")
    parts = (
        asked.get("messages") if isinstance(asked, dict) else None,
        content.get("preferred_output"),
        content.get("non_preferred_output"),
    )
    if not all(isinstance(part, list) and part for part in parts):
        msg = "no input.messages, preferred_output and non_preferred_output"
        raise InvalidInput(msg)
    return parts


def _check_messages(messages: list[Json]) -> None:
    for i, message in enumerate(messages):
        fault = _message_fault(message)
        if fault:
            msg = f"message {i + 1}: {fault}"
            raise InvalidInput(msg)


def _decoded(raw: bytes) -> object:
    """The line's content. Raises InvalidInput."""
    try:
        return json.loads(raw.decode("utf-8"), parse_constant=_no_constant)
    except UnicodeDecodeError as error:
        msg = f"not UTF-8 (byte {error.start + 1} of the line)"
    except json.JSONDecodeError as error:
        msg = f"not JSON: {error.msg} at column {error.colno}"
    except (ValueError, RecursionError) as error:
        msg = f"not JSON: {error}"
    raise InvalidInput(msg)


def _fault(raw: bytes) -> str | None:
    try:
        content = _decoded(raw)
    except InvalidInput as error:
        return str(error)
    if (
        not isinstance(content, dict)
        or not isinstance(content.get("messages"), list)
        or not content["messages"]
    ):
        return "no list of messages"
    for i, message in enumerate(content["messages"]):
        fault = _message_fault(message)
        if fault:
            return f"message {i + 1}: {fault}"
    if not any(m["role"] == "user" for m in content["messages"]):
        return "no user message"
    if content["messages"][-1]["role"] != "assistant":
        return (
            f"the last message is from {content['messages'][-1]['role']!r}, it must be the "
            "assistant's"
        )
    return None


def _message_fault(message: Any) -> str | None:
    if not isinstance(message, dict):
        return "not an object"
    if message.get("role") not in ROLES:
        return f"role {str(message.get('role'))[:40]!r} is none of {', '.join(ROLES)}"
    content = message.get("content")
    if content is None and not message.get("tool_calls") and not message.get("function_call"):
        return "neither content nor tool_calls"
    if content is not None and not isinstance(content, str | list):
        return f"content is {type(content).__name__}, it must be a text or a list of parts"
    if isinstance(content, str) and not content.strip() and not message.get("tool_calls"):
        return "empty content"
    if isinstance(content, list) and not all(
        isinstance(part, dict) and isinstance(part.get("text", ""), str) for part in content
    ):
        return "a content part is not an object, or its text is not a text"
    if not isinstance(message.get("tool_calls") or [], list):
        return "tool_calls is not a list"
    return (
        "a text holds NUL or a lone surrogate, or a number is infinite"
        if not _fit(message)
        else None
    )


def _fit(value: Any) -> bool:
    if isinstance(value, str):
        return _UNFIT.search(value) is None
    if isinstance(value, float):
        return math.isfinite(value)
    if isinstance(value, dict):
        return all(_fit(name) and _fit(item) for name, item in value.items())
    return not isinstance(value, list) or all(_fit(item) for item in value)


def _no_constant(name: str) -> None:
    msg = f"{name} is not JSON"
    raise ValueError(msg)
