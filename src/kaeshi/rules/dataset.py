"""From examples to training rows in OpenAI's chat format.

System prompts by intent, no duplicates, and a split by conversation.
"""

import hashlib
import json
import math
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Literal, overload

from kaeshi.errors import InvalidInput, TooFew
from kaeshi.formats.training_rows import as_written, parse_preference_row, parse_row, row_fault
from kaeshi.nouns import Example, Json, text_of
from kaeshi.rules.duplicates import originals

Split = Literal["train", "validation"]
MIN_EXAMPLES = 200
OFFERED = ("tools", "functions", "parallel_tool_calls")
# what a message holds beside a role and a text, and the log's own prompts
_SELDOM = re.compile(
    r'"(?:system|developer|name|tool_calls|tool_call_id|refusal|function_call|function|audio'
    r'|annotations|weight|type)"'
)
TRAIN_PERCENT = 80
MAX_FAULTS = 100


def row(example: Example, prompts: Mapping[str, str]) -> bytes:
    """One line of training data.

    The intent's system prompt, then the scrubbed conversation up to the rated answer, with the
    tools that its requests offered.
    """
    prompt: Json = {"role": "system", "content": prompts.get(example.intent) or prompts["default"]}
    body = example.body
    if example.context or _SELDOM.search(body):
        return line(_row(example, prompt))
    return (
        f'{{"messages":[{_canonical(prompt)},{body[1:-1]}]}}\n'.encode()
    )  # a stored body is canonical already


def _row(example: Example, prompt: Json) -> Json:
    # the log's own prompts are replaced by the intent's
    said = [m for m in example.messages if m["role"] not in {"system", "developer"}]
    return {"messages": [prompt, *map(as_written, said)], **offered(example.context)}


def offered(context: Json) -> Json:
    """What of a request's context belongs into a row: its tools, and whether calls are parallel."""
    return {name: context[name] for name in OFFERED if name in context}


def fault(example: Example, prompts: Mapping[str, str]) -> str | None:
    """What makes the row of this example unfit for a training file; None for nearly all."""
    if not example.context and not _SELDOM.search(example.body):
        return None  # roles and texts alone
    prompt: Json = {"role": "system", "content": prompts["default"]}
    return row_fault(_row(example, prompt))


def line(content: Json) -> bytes:
    """An object as a line of a file: the same bytes for the same content on every machine."""
    return _canonical(content).encode() + b"\n"


def _canonical(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True)


def said(messages: Iterable[Json]) -> str:
    """The words of customer and assistant, by which duplicates are found."""
    return "\n".join(text_of(m) for m in messages if m["role"] in {"user", "assistant"})


def shared_out(
    examples: Sequence[Example],
    percent: float,
    least: int,
    most: int | None = None,
    of: Callable[[Example], str] = lambda example: example.account,
) -> list[Example]:
    """The examples, of which one account has at most `percent` of those that are left.

    The share is counted of `least` where fewer are left, and of `most` where only so many will be
    taken. An account keeps its best rated examples, of equal ones the earliest. What an operator
    logged has no account. `of`: what counts as an account, such as the network.
    """
    counts = Counter(of(example) for example in examples)
    allowed = _allowed(counts, percent, least, most)
    best = sorted(
        examples, key=lambda e: (-(e.signals.quality_tenths or 0), e.started_at, e.conversation)
    )
    taken: Counter[str] = Counter()
    refused = set[str]()
    for example in best:
        account = of(example)
        taken[account] += 1
        if account and taken[account] > allowed:
            refused.add(example.id)
    return [example for example in examples if example.id not in refused]


def _allowed(counts: Mapping[str, int], percent: float, least: int, most: int | None) -> int:
    """How many examples one account may have.

    What is cut from one account makes the whole smaller, and so every account's share of it: the
    largest number that holds afterwards.
    """
    allowed = sum(counts.values())
    while True:
        left = sum(min(n, allowed) if account else n for account, n in counts.items())
        whole = max(left if most is None else min(left, most), least)
        fair = math.ceil(percent / 100 * whole)
        if fair >= allowed:
            return allowed
        allowed = fair


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


_REMEDIES: Mapping[str, str] = {
    "no_consent": (
        "they carry no consent. Where the customers agreed, import them again with --consent "
        "granted, or set GATEWAY_CONSENT for what comes through the gateway"
    ),
    "unreviewed": (
        "their customers are unnamed or too few praise them: look at `kaeshi review list` and "
        "approve (one customer's praise is enough with TRUST_LOWER_BOUND=0)"
    ),
    "not_rated": "they have no rating: send feedback, or set MISSING_QUALITY=keep",
    "low_quality": (
        "their score is below MIN_QUALITY_SCORE; stars, a thumbs-up, helpful and accurate add to it"
    ),
    "low_rating": "their rating is below MIN_RATING",
    "outcome": "DROP_OUTCOMES names their outcome",
    "customer_share": (
        "one customer may have DATASET_CUSTOMER_PERCENT of a dataset, and one network "
        "DATASET_NETWORK_PERCENT"
    ),
}


def enough(
    count: int, least: int, what: str, dropped: Mapping[str, int], otherwise: str = ""
) -> None:
    """Raise TooFew unless there are enough examples, counted before the split.

    The remedy is that of the most common reason in `dropped`; where none was, `otherwise`.
    """
    if count >= least:
        return
    msg = f"{what}: {count} examples, {least} needed; "
    most = max(dropped, key=lambda reason: (dropped[reason], reason), default="")
    if most in _REMEDIES:
        msg += f"{dropped[most]} were dropped ({most}), because {_REMEDIES[most]}"
    else:
        msg += otherwise or "lower MIN_EXAMPLES, or bring more conversations and feedback"
    raise TooFew(msg)


def is_preference(raw: bytes) -> bool:
    """Whether a line looks like a row of preferences rather than of messages."""
    return b'"preferred_output"' in raw and b'"input"' in raw


def check(lines: Iterable[bytes], *, least: int = MIN_EXAMPLES) -> list[str]:
    """The faults of a training file, each with its line; empty for a valid one."""
    faults = []
    count = 0
    for number, raw in enumerate(lines, 1):
        if not raw.strip():
            continue
        count += 1
        try:
            (parse_preference_row if is_preference(raw) else parse_row)(raw)
        except InvalidInput as error:
            faults.append(f"line {number}: {error}")
        if len(faults) >= MAX_FAULTS:
            faults.append(f"more than {MAX_FAULTS} faults; the rest of the file was not checked")
            return faults
    if count < least:
        faults.append(f"file: {count} examples, {least} needed")
    return faults
