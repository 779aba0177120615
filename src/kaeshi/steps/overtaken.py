"""Whether people's word on a question has overtaken what was answered before."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from kaeshi.loop import Loop
from kaeshi.nouns import Entry
from kaeshi.ports import Vectors
from kaeshi.rules.examples import Pair, is_overtaken
from kaeshi.rules.knowledge import SAME_QUESTION, SURELY_SAME
from kaeshi.rules.review import SAME_ANSWER
from kaeshi.steps.embedding import vectors_of
from kaeshi.steps.knowledge import approved_entries

AT_ONCE = 512  # pairs beside all entries


class _Vectors(NamedTuple):
    """Unit vectors of questions and of their answers, shape (n, d) each."""

    questions: Vectors
    answers: Vectors

    def near(self, there: "_Vectors") -> NDArray[np.bool_]:
        """Which ask the same as which, shape (n here, n there)."""
        asks = self.questions @ there.questions.T
        says = self.answers @ there.answers.T
        same: NDArray[np.bool_] = asks >= SURELY_SAME
        return same | ((asks >= SAME_QUESTION) & (says >= SAME_ANSWER))


async def overtaken(
    loop: Loop, pairs: Sequence[Pair | None], said_at: Sequence[datetime] = ()
) -> list[bool]:
    """For each pair, whether later approved entries on the same question all say something else.

    What was said of a price last month is not learned from once a person has written the new one;
    what was said after that stands. `said_at`: when, one for each pair; empty where it is unknown.
    Questions are the same from a cosine of SURELY_SAME on; from SAME_QUESTION on, where the answers
    nearly are. None is no exchange, and not overtaken.
    """
    live = [entry for entry in await approved_entries(loop) if not entry.entity]
    said = {i: pair for i, pair in enumerate(pairs) if pair is not None and pair.question}
    if not live or not said:
        return [False] * len(pairs)
    times = [said_at[i] if said_at else None for i in said]
    over = await _overtaken(loop, list(said.values()), times, live)
    found = dict(zip(said, over, strict=True))
    return [found.get(i, False) for i in range(len(pairs))]


async def _overtaken(
    loop: Loop, said: Sequence[Pair], times: Sequence[datetime | None], live: Sequence[Entry]
) -> list[bool]:
    there = await _vectors(loop, [(entry.question, entry.answer) for entry in live])
    here = await _vectors(loop, [(pair.question, pair.answer) for pair in said])
    found: list[bool] = []
    for start in range(0, len(said), AT_ONCE):
        part = slice(start, start + AT_ONCE)
        near = _Vectors(here.questions[part], here.answers[part]).near(there)
        for pair, at, row in zip(said[part], times[part], near, strict=True):
            entries = [live[int(i)] for i in np.flatnonzero(row)]
            found.append(is_overtaken(pair, [e for e in entries if at is None or e.at > at]))
    return found


async def _vectors(loop: Loop, texts: Sequence[tuple[str, str]]) -> _Vectors:
    questions, _ = await vectors_of(loop, [question for question, _ in texts])
    answers, _ = await vectors_of(loop, [answer for _, answer in texts])
    return _Vectors(questions, answers)
