"""What first messages foretell.

Against refitting by hand, and what cannot be foreseen is left out.
"""

import math

import numpy as np
import pytest

from kaeshi.rules import foresight
from kaeshi.rules.foresight import foreseen, learned

RNG = np.random.default_rng(5)
PAST = RNG.normal(size=(400, 6))
TOLD = (PAST @ np.array([1.0, -0.5, 0, 0, 0, 0]) + RNG.normal(size=400) > 0).astype(float)


def test_what_depends_on_the_message_is_foreseen_and_what_does_not_is_left_out() -> None:
    found = learned(
        PAST,
        {
            "containment": TOLD,
            "conversion": RNG.integers(0, 2, 400) * 1.0,
            "csat": np.full(400, math.nan),
        },
    )
    assert list(found.weights) == ["containment"]
    said = np.array([foreseen(found, row)[0] for row in PAST])
    assert np.corrcoef(said, TOLD)[0, 1] > 0.5
    assert (abs(said.mean()), said.std()) == (pytest.approx(0, abs=0.02), pytest.approx(1, abs=0.1))


def test_the_penalty_is_the_best_of_refitting_without_each_conversation(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    x, y = PAST[:120], TOLD[:120]

    def missed(penalty: float) -> float:
        total = 0.0
        for i in range(len(y)):
            others = np.arange(len(y)) != i
            middle, mean = x[others].mean(0), y[others].mean()
            centred = x[others] - middle
            weights = np.linalg.solve(
                centred.T @ centred + penalty * np.eye(6), centred.T @ (y[others] - mean)
            )
            total += (y[i] - mean - (x[i] - middle) @ weights) ** 2
        return total

    by_hand = min(foresight.PENALTIES, key=missed)
    weights = learned(x, {"containment": y}).weights
    monkeypatch.setattr(foresight, "PENALTIES", (by_hand,))
    assert learned(x, {"containment": y}).weights == weights


def test_too_short_a_past_foresees_nothing() -> None:
    assert learned(PAST[:99], {"containment": TOLD[:99]}).weights == {}
