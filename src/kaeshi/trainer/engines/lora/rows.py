"""Training rows as tokens: what the model learns to say, and which rows share a pass.

Without torch. Only the assistant's text is learned, with the token that ends a turn; rows of one
step are concatenated without padding.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random  # noqa: TID251  # seeded by the job: the order of rows is part of its result
from typing import TYPE_CHECKING, Any

from kaeshi.errors import InvalidInput
from kaeshi.nouns import Json
from kaeshi.trainer.engines.lora import tools as calls

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


@dataclass(frozen=True, kw_only=True)
class Encoded:
    """One conversation: its tokens, and the positions of learned tokens.

    Never the first token, which has no predecessor.
    """

    ids: tuple[int, ...]
    learned: tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class Pair:
    """A conversation with the preferred answer, and with the other one."""

    chosen: Encoded
    rejected: Encoded


def read(
    path: Path, method: str, tokenizer: "PreTrainedTokenizerBase", longest: int
) -> list[Encoded | Pair]:
    """The file's rows. Raises InvalidInput with line and fault."""
    found: list[Encoded | Pair] = []
    for number, line in enumerate(path.read_bytes().splitlines(), 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
            found.append(
                _pair(row, tokenizer, longest)
                if method == "dpo"
                else encode(row["messages"], tokenizer, longest, row.get("tools"))
            )
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            msg = f"line {number} is not a {method} row: {type(error).__name__} {error}"
            raise InvalidInput(msg) from error
        except InvalidInput as error:
            msg = f"line {number}: {error}"
            raise InvalidInput(msg) from error
    return found


def encode(
    messages: Sequence[Json], tokenizer: "PreTrainedTokenizerBase", longest: int, tools: Any = None
) -> Encoded:
    """A conversation in the base's chat template, truncated at the end if too long.

    Raises InvalidInput when nothing is left to learn, and for functions that the template cannot
    write.
    """
    _check_tools(tools, messages, tokenizer)
    whole = calls.written(tokenizer, messages, tools)
    spans = _answer_spans(messages, tokenizer, tools, whole)
    encoded = tokenizer(whole, add_special_tokens=False, return_offsets_mapping=True)
    ids, learned = _learned_tokens(encoded, longest, spans, messages)
    return Encoded(ids=tuple(ids), learned=learned)


def _check_tools(
    tools: Any, messages: Sequence[Json], tokenizer: "PreTrainedTokenizerBase"
) -> None:
    if (
        tools or any(message.get("tool_calls") for message in messages)
    ) and "tools" not in tokenizer.chat_template:
        msg = (
            "it has tools, but the base's chat template does not support them; use a base "
            "that calls functions, or rows without tools"
        )
        raise InvalidInput(msg)


def _answer_spans(
    messages: Sequence[Json], tokenizer: "PreTrainedTokenizerBase", tools: Any, whole: str
) -> list[tuple[int, int]]:
    spans = []
    for i, message in enumerate(messages):
        if message["role"] == "assistant" and message.get("weight", 1) != 0:
            before = calls.written(tokenizer, messages[:i], tools, ask=True) if i else ""
            upto = calls.written(tokenizer, messages[: i + 1], tools).rstrip()
            if not (whole.startswith(upto) and upto.startswith(before)):
                msg = (
                    "the base's chat template changes earlier turns when later ones are "
                    "added; use one row per answer"
                )
                raise InvalidInput(msg)
            spans.append((len(before), len(upto)))
    return spans


def _learned_tokens(
    encoded: Any, longest: int, spans: list[tuple[int, int]], messages: Sequence[Json]
) -> tuple[Any, tuple[int, ...]]:
    ids = encoded["input_ids"][:longest]
    offsets = encoded["offset_mapping"][:longest]
    learned = tuple(
        i
        for i, (a, b) in enumerate(offsets)
        if i and any(start <= a and b <= end for start, end in spans)
    )
    if not learned:
        msg = (
            f"no answer to learn in {len(messages)} messages: no assistant message has weight 1 "
            f"within the first {longest} tokens"
        )
        raise InvalidInput(msg)
    return ids, learned


def _pair(row: Json, tokenizer: "PreTrainedTokenizerBase", longest: int) -> Pair:
    """OpenAI's preference row: input.messages, preferred_output, non_preferred_output."""
    before = [
        {**m, "weight": 0} if m["role"] == "assistant" else m for m in row["input"]["messages"]
    ]
    tools = row["input"].get("tools")
    chosen, rejected = (
        encode([*before, *row[name]], tokenizer, longest, tools)
        for name in ("preferred_output", "non_preferred_output")
    )
    if chosen.ids == rejected.ids:
        msg = "the preferred and the non-preferred answer are the same"
        raise InvalidInput(msg)
    return Pair(chosen=chosen, rejected=rejected)


def order(count: int, batch: int, epochs: int, seed: int) -> list[list[int]]:
    """Which rows each step sees: every row once an epoch, shuffled each time.

    The same seed gives the same order.
    """
    steps = []
    for epoch in range(epochs):
        numbers = list(range(count))
        Random(seed * 1_000_003 + epoch).shuffle(numbers)  # noqa: S311  # no secret
        steps += [numbers[i : i + batch] for i in range(0, count, batch)]
    return steps


def packs(lengths: Sequence[int], room: int) -> list[list[int]]:
    """Rows packed into passes of at most `room` tokens, by first-fit decreasing.

    A row longer than `room` has a pass to itself.
    """
    made: list[list[int]] = []
    left: list[int] = []
    for i in sorted(range(len(lengths)), key=lambda i: (-lengths[i], i)):
        place = next((p for p, free in enumerate(left) if free >= lengths[i]), None)
        if place is None:
            made.append([i])
            left.append(room - lengths[i])
        else:
            made[place].append(i)
            left[place] -= lengths[i]
    return made
