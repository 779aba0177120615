"""Claims about rules/paired.py: verdicts on paired results that survive looking again and again."""

import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kaeshi.errors import InvalidInput
from kaeshi.rules import paired

scores = st.dictionaries(
    st.text(min_size=1, max_size=5),
    st.lists(st.floats(0, 1, width=16), min_size=1, max_size=3),
    min_size=1,
    max_size=12,
)


def drawn(
    seed: int, cases: int, gain: float, trials: int = 1
) -> tuple[paired.Scores, paired.Scores]:
    """Pass or fail on cases of every difficulty; the candidate passes more often by `gain`."""
    r = random.Random(seed)
    easy = {f"case {i}": r.uniform(0.1, 0.9 - gain) for i in range(cases)}

    def passed(more: float) -> paired.Scores:
        return {
            case: [float(r.random() < share + more) for _ in range(trials)]
            for case, share in easy.items()
        }

    return passed(0), passed(gain)


@given(scores)
def test_the_same_results_are_never_different(results: paired.Scores) -> None:
    found = paired.judge(results, results)
    assert (found.outcome, found.difference) == ("not shown", 0)


@given(scores, scores)
def test_who_is_better_one_way_is_worse_the_other(a: paired.Scores, b: paired.Scores) -> None:
    if not a.keys() & b.keys():
        return
    there, back = paired.judge(a, b), paired.judge(b, a)
    assert {"better": "worse", "worse": "better"}.get(there.outcome, "not shown") == back.outcome
    assert there.difference == pytest.approx(-back.difference, abs=2e-4)
    assert there.low - 1e-9 <= there.difference <= there.high + 1e-9


@pytest.mark.parametrize("often", [0.2, 1.0])
def test_looking_after_each_new_case_misleads_in_one_of_twenty_at_most(often: float) -> None:
    """Without a difference: at every look the files are judged anew, as `kaeshi judge` does."""
    r = np.random.default_rng(5)
    misled = 0
    for _ in range(100):
        production: dict[str, list[float]] = {}
        candidate: dict[str, list[float]] = {}
        outcomes = set()
        for case in range(100):
            differs = r.random() < often
            production[f"{case}"] = [float(r.random() < 0.5)]
            candidate[f"{case}"] = [float(r.random() < 0.5)] if differs else production[f"{case}"]
            if case % 4 == 3:
                outcomes.add(paired.judge(production, candidate).outcome)
        misled += outcomes != {"not shown"}
    assert misled <= 8  # 5 are expected at most, and 8 with a chance of one in twenty


def test_the_limits_hold_the_mean_however_many_cases_there_are() -> None:
    r = np.random.default_rng(6)
    for _ in range(10):
        low, high = paired.interval(r.normal(0.00125, 0.02, 4000).clip(-1, 1))
        assert low <= 0.00125 <= high
    low, high = paired.interval(np.full(5000, 0.0001))
    assert low < 0.0001 < high


def test_a_real_gain_is_shown_with_enough_cases_and_not_before() -> None:
    small = [paired.judge(*drawn(seed, 24, 0.15)).outcome for seed in range(20)]
    large = [paired.judge(*drawn(seed, 800, 0.15)).outcome for seed in range(20)]
    assert small.count("better") <= 3
    assert large.count("better") >= 18


def test_it_says_how_many_more_cases_would_show_it() -> None:
    found = paired.judge(*drawn(4, 60, 0.15))
    assert found.outcome == "not shown"
    assert found.more_cases is not None
    assert paired.judge(*drawn(4, 60 + 3 * found.more_cases, 0.15)).outcome == "better"


def test_noise_between_trials_is_told_from_noise_between_cases() -> None:
    coins = paired.judge(*drawn(1, 200, 0.0, trials=3)).noise_of_trials
    settled = ({f"{i}": [i % 2, i % 2] for i in range(50)}, {f"{i}": [0.5, 0.5] for i in range(50)})
    fixed = paired.judge(*settled).noise_of_trials
    assert coins is not None
    assert coins > 0.8
    assert fixed == 0
    assert paired.judge(*drawn(1, 20, 0.1)).noise_of_trials is None


def test_what_cannot_be_compared_is_refused_with_the_case() -> None:
    with pytest.raises(InvalidInput, match="no case in common"):
        paired.judge({"a": [1]}, {"b": [1]})
    with pytest.raises(InvalidInput, match=r"'a' has the score 7"):
        paired.judge({"a": [7]}, {"a": [1]})
