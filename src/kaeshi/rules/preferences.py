"""Training rows from rated answers.

Weighted rows (SFT), pairs of answer and correction (DPO), labelled answers (KTO). OpenAI's format
after its guides on supervised and preference fine-tuning; TRL's after its conversational dataset
formats, which Axolotl and LLaMA-Factory read as well.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from kaeshi.errors import InvalidInput
from kaeshi.formats.training_rows import as_written
from kaeshi.nouns import Json, Opinion, text_of
from kaeshi.rules.dataset import offered

Kind = Literal["sft", "dpo", "kto"]
Format = Literal["openai", "trl"]
# stars
UNHAPPY = 2
HAPPY = 4


@dataclass(frozen=True, kw_only=True)
class Rated:
    """A scrubbed conversation with the ratings and corrections of its answers, by position."""

    messages: Sequence[Json]
    liked: Mapping[int, bool] = field(default_factory=dict)
    corrections: Mapping[int, str] = field(default_factory=dict)
    context: Json = field(default_factory=dict)  # what its requests offered, such as tools


def liked(said: Iterable[tuple[int, Opinion]]) -> dict[int, bool]:
    """Liked or not, by position: thumbs, else stars.

    Where people contradict each other, neither counts.
    """
    found: dict[int, set[bool]] = {}
    for position, feedback in said:
        if feedback.vote is not None:
            found.setdefault(position, set()).add(feedback.vote == "up")
        elif feedback.rating is not None and not UNHAPPY < feedback.rating < HAPPY:
            found.setdefault(position, set()).add(feedback.rating >= HAPPY)
    return {position: next(iter(said)) for position, said in found.items() if len(said) == 1}


def rows(rated: Rated, kind: Kind, form: Format, prompt: str) -> list[Json]:
    """The rows of one conversation, `prompt` as its system message.

    Raises InvalidInput for KTO in OpenAI's format, which has none.
    """
    spoken = [as_written(m) for m in rated.messages if m["role"] not in {"system", "developer"}]
    rated = _without_system(rated, spoken)  # positions count those too
    system: Json = {"role": "system", "content": prompt}
    if kind == "sft":
        return _weighted(rated, form, system)
    if kind == "dpo":
        return [
            _pair(rated, form, system, position, text)
            for position, text in sorted(rated.corrections.items())
        ]
    if form == "openai":
        msg = "OpenAI's wire has no format for KTO; export it for TRL (--format trl)"
        raise InvalidInput(msg)
    answers = rated.messages
    return _kto_rows(rated, system, answers)


def _without_system(rated: Rated, spoken: list[Json]) -> Rated:
    at = [i for i, m in enumerate(rated.messages) if m["role"] not in {"system", "developer"}]
    back = {old: new for new, old in enumerate(at)}
    return Rated(
        messages=spoken,
        liked={back[i]: is_liked for i, is_liked in rated.liked.items() if i in back},
        corrections={back[i]: text for i, text in rated.corrections.items() if i in back},
        context=rated.context,
    )


def _kto_rows(rated: Rated, system: Json, answers: Sequence[Json]) -> list[dict[str, object]]:
    return [
        {
            "prompt": [system, *answers[:position]],
            "completion": [_answer(answers[position])],
            "label": is_liked,
        }
        for position, is_liked in sorted(rated.liked.items())
    ]


def _weighted(rated: Rated, form: Format, system: Json) -> list[Json]:
    """One row up to the last liked answer.

    Disliked answers before it have weight 0, and so has what a client wrote into its history; TRL's
    rows, which have no weights, end before the first of these.
    """
    good = [position for position, is_liked in rated.liked.items() if is_liked]
    if not good:
        return []
    upto = max(good)
    bad = sorted(
        {position for position, is_liked in rated.liked.items() if not is_liked and position < upto}
        | {i for i, message in enumerate(rated.messages[:upto]) if message.get("weight") == 0}
    )
    if form == "trl" and bad:
        upto = max((position for position in good if position < min(bad)), default=-1)
        if upto < 0:
            return []
    return _weighted_row(rated, upto, form, bad, system)


def _weighted_row(
    rated: Rated, upto: int, form: Format, bad: list[int], system: Json
) -> list[Json]:
    messages = [dict(m) for m in rated.messages[: upto + 1]]
    for position in bad if form == "openai" else ():
        messages[position]["weight"] = 0
    if form == "openai":
        messages[upto]["weight"] = 1
    return [{"messages": [system, *messages], **offered(rated.context)}]


def _pair(rated: Rated, form: Format, system: Json, position: int, better: str) -> Json:
    before = [system, *rated.messages[:position]]
    original = _answer(rated.messages[position])
    right = {"role": "assistant", "content": better}
    if form == "trl":
        return {"prompt": before, "chosen": [right], "rejected": [original]}
    return {
        "input": {
            "messages": before,
            "tools": rated.context.get("tools", []),
            "parallel_tool_calls": rated.context.get("parallel_tool_calls", True),
        },
        "preferred_output": [right],
        "non_preferred_output": [original],
    }


def _answer(message: Json) -> Json:
    return {"role": "assistant", "content": text_of(message)}
