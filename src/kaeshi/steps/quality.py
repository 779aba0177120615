"""The probability that an answer was right, as people's own reviews have it."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kaeshi.loop import Loop
from kaeshi.rules import quality as rules

LEAST_REVIEWED = 50  # below, the shipped model is used as it is
FOLDS = 5


@dataclass(frozen=True, kw_only=True)
class Reliability:
    """How far the probability can be believed.

    `reviewed`: decided examples; `is_own`: whether the model learned from them; `error`: expected
    calibration error, and `bins`, of decided examples that the model had not seen; None and empty
    where there are too few.
    """

    reviewed: int
    is_own: bool
    error: float | None
    bins: tuple[rules.Bin, ...]


async def model_of(loop: Loop) -> rules.Model:
    """The shipped model, refitted where enough was reviewed."""
    known, right = await _reviewed(loop)
    return rules.refit(known, right) if _is_enough(right) else rules.shipped()


async def reliability(loop: Loop) -> Reliability:
    """How often answers of each probability turned out right when people reviewed them.

    By cross-validation: each part is judged by a model that saw the others.
    """
    known, right = await _reviewed(loop)
    if not _is_enough(right):
        return Reliability(reviewed=len(right), is_own=False, error=None, bins=())
    truth = np.array(right, np.float64)
    found = _held_out(known, right)
    return Reliability(
        reviewed=len(right),
        is_own=True,
        error=rules.calibration_error(found, truth),
        bins=tuple(rules.reliability(found, truth)),
    )


def _held_out(known: list[rules.Known], right: list[bool]) -> NDArray[np.float64]:
    """The probability of each by a model that saw the other parts."""
    found = np.zeros(len(known))
    for fold in range(FOLDS):
        others = [i for i in range(len(known)) if i % FOLDS != fold]
        model = rules.refit([known[i] for i in others], [right[i] for i in others])
        for i in range(fold, len(known), FOLDS):
            found[i] = model.probability(known[i])
    return found


async def _reviewed(loop: Loop) -> tuple[list[rules.Known], list[bool]]:
    async with loop.store.read() as tx:
        rows = await tx.weights.reviewed(loop.assistant)
    return [rules.Known.model_validate_json(known) for known, _ in rows], [r for _, r in rows]


def _is_enough(right: list[bool]) -> bool:
    """Enough to learn from: right and wrong ones among them."""
    return len(right) >= LEAST_REVIEWED and 0 < sum(right) < len(right)
