"""Asks candidate and production what customers asked lately, and nothing was learned from.

Test cases stay as they are while customers ask new things: what is held out of a dataset shows
whether those are answered.
"""

import asyncio
from collections.abc import Sequence
from pathlib import Path

from kaeshi.errors import InvalidInput
from kaeshi.formats.training_rows import parse_row
from kaeshi.loop import Loop
from kaeshi.nouns import Candidate, Json, text_of
from kaeshi.rules.autopilot import Fresh
from kaeshi.rules.knowledge import particulars
from kaeshi.rules.review import SAME_ANSWER
from kaeshi.steps import asking, examples
from kaeshi.steps.embedding import vectors_of
from kaeshi.steps.shelf import Shelf

MOST = 100  # of the latest held-out conversations
TOGETHER = 10


async def compare(loop: Loop, candidate: Candidate, production: Candidate, held: Path) -> Fresh:
    """Both models' answers to the held-out rows, beside the answers that were learned from.

    An answer is right when it says the same: near in meaning, with the same numbers and no other
    negation. Raises ProviderError.
    """
    if not held.is_file():
        msg = f"{str(held)!r} is missing; `kaeshi dataset build` writes it again"
        raise InvalidInput(msg)
    every = [parse_row(raw)["messages"] for raw in held.read_bytes().splitlines()]
    rows = [row for row in every if any(m["role"] == "user" for m in row[:-1])][-MOST:]
    known = [text_of(row[-1]) for row in rows]
    asked = [_said(row) for row in rows]
    shelf = Shelf()
    right = [
        sum(await right_of(loop, await answers(loop, shelf, model, asked), known))
        for model in (candidate, production)
    ]
    return Fresh(asked=len(rows), candidate=right[0], production=right[1])


async def unread(loop: Loop, made: Candidate, learned: Path) -> Candidate:
    """The candidate without what is held out of a file, where it reads all examples there are."""
    if not made.serving.examples or made.serving.examples_build:
        return made
    build, _ = await examples.write(loop, [learned])
    serving = made.serving.model_copy(update={"examples_build": build.id})
    return made.model_copy(update={"serving": serving})


async def answers(
    loop: Loop, shelf: Shelf, model: Candidate, asked: Sequence[Sequence[Json]]
) -> list[str]:
    """The answer to each conversation, scrubbed as it is; empty where the model hands over."""
    found: list[str] = []
    for start in range(0, len(asked), TOGETHER):
        said = await asyncio.gather(
            *(
                asking.answer_scrubbed(loop, shelf, model, messages)
                for messages in asked[start : start + TOGETHER]
            )
        )
        found += ["" if answer.hand_over else answer.text for answer in said]
    return found


def _said(row: Sequence[Json]) -> list[Json]:
    """What was said up to the question, without the prompt that belongs to training."""
    last = max(i for i, message in enumerate(row[:-1]) if message["role"] == "user")
    return [m for m in row[: last + 1] if m["role"] not in {"system", "developer"}]


async def right_of(loop: Loop, answers: Sequence[str], known: Sequence[str]) -> list[bool]:
    """Whether each answer says what the known one says."""
    if not known:
        return []
    given, _ = await vectors_of(loop, list(answers))
    expected, _ = await vectors_of(loop, list(known))
    near = (given * expected).sum(axis=1)
    return [
        bool(answer) and score >= SAME_ANSWER and particulars(answer) == particulars(right)
        for answer, right, score in zip(answers, known, near.tolist(), strict=True)
    ]
