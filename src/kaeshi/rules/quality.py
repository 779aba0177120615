"""How likely an answer was right: one calibrated number made of everything that is known of it.

Logistic regression on what its customers said and on what its texts show. The seed's score stays
beside it (rules/feedback.py). One rater's stars separate right answers from wrong ones poorly: of
the wrong ones 57 % get four or more.
"""

import math
import re
from collections.abc import Sequence
from functools import cache
from importlib import resources

import numpy as np
from numpy.typing import NDArray

from kaeshi.nouns import Opinion
from kaeshi.nouns.value import Value
from kaeshi.rules import logistic
from kaeshi.rules.statistics import wilson

Floats = NDArray[np.float64]
# how often a first rater gives 1 to 5 stars to a right answer, and to a wrong one (mean of two
# other raters at least 4, or below; 13,500 answers of 11 systems in DSTC9 track 1, Kim et al. 2021)
STARS_IF_RIGHT = (0.0084, 0.0160, 0.0515, 0.0736, 0.8504)
STARS_IF_WRONG = (0.1897, 0.0968, 0.1006, 0.0918, 0.5211)
UP = 4  # a thumb counts as so many stars
DOWN = 2
# praise alone moves the odds by this factor at most, however many give it: whoever can make
# accounts can make praise. Displeasure is bounded, too
MOST_PRAISE = 4.0
MOST_BLAME = 16.0
RATINGS_STRENGTH = 100.0  # of those shares: so many ratings
ROUNDS = 10
FEATURES = (
    "said",
    "to_point",
    "question",
    "answer",
    "covered",
    "asked",
    "agreement",
    "same_source",
)
STRENGTH = 5.0  # of the ridge: so many standardised rows
_WORDS = re.compile(r"[^\W_]+")
_OF_EVERY_ANSWER = (
    "the a an is are to of and or in on at for you your we i it do does can would like be there "
    "any with have has this that they their please yes no anything else help will"
)
_PLAIN = frozenset(_OF_EVERY_ANSWER.split())


class Known(Value):
    """What is known of one answer. None: not known, which counts as average.

    `said`: log odds by its customers (`said_of`); `to_point`: cosine of question and answer;
    `question`, `answer`: cosines of the customer's question and of the answer to those of the
    knowledge entry that it was made from; `covered`: share of the answer's words that entry and
    question hold; `asked`: share of the question's words that the entry holds; `agreement`: mean
    cosine to other answers to the same question; `same_source`: share of those made from the same
    entry.
    """

    said: float = 0.0
    to_point: float | None = None
    question: float | None = None
    answer: float | None = None
    covered: float | None = None
    asked: float | None = None
    agreement: float | None = None
    same_source: float | None = None


class Model(Value):
    """A fitted probability: standardisation, weights and bias, by the order of FEATURES."""

    means: tuple[float, ...]
    scales: tuple[float, ...]
    weights: tuple[float, ...]
    bias: float

    def probability(self, known: Known) -> float:
        """That the answer was right, 0 to 1."""
        z = self.bias + sum(
            weight * value
            for weight, value in zip(self.weights, _standard(known, self), strict=True)
        )
        return 1 / (1 + math.exp(-max(-30.0, min(30.0, z))))

    def rounded(self) -> "Model":
        """With four decimals."""

        def few(values: tuple[float, ...]) -> tuple[float, ...]:
            return tuple(round(value, 4) for value in values)

        return self.model_copy(
            update={
                "means": few(self.means),
                "scales": few(self.scales),
                "weights": few(self.weights),
                "bias": round(self.bias, 4),
            }
        )


def odds(stars: int) -> float:
    """How much likelier one customer's stars are if the answer was right than if it was wrong."""
    return STARS_IF_RIGHT[stars - 1] / STARS_IF_WRONG[stars - 1]


def odds_here(stars: Sequence[int], right: Floats) -> tuple[float, ...]:
    """`odds` of 1 to 5 stars as the customers here give them, liars among them.

    `right`: the probability that each rated answer was right, before its stars. How often each
    number of stars is given to right and to wrong answers is estimated by expectation maximisation
    (Dawid and Skene 1979, all raters as one), from STARS_IF_RIGHT and STARS_IF_WRONG as a prior.
    """
    places = np.array(stars, np.int64) - 1
    prior = np.array([STARS_IF_RIGHT, STARS_IF_WRONG])
    prior /= prior.sum(axis=1, keepdims=True)
    share = float(right.mean()) if len(right) else 0.5
    drawn = prior * np.array([[share], [1 - share]]) * RATINGS_STRENGTH
    tables = prior
    for _ in range(ROUNDS):
        tables = drawn + _counted(places, right, tables)
        tables /= tables.sum(axis=1, keepdims=True)
    return _bounded(tables[0] / tables[1])


def _bounded(odds_of: Floats) -> tuple[float, ...]:
    """Where most lie, few stars would become praise: then they say nothing instead."""
    least = np.array([1 / MOST_BLAME] * 3 + [1.0, 1.0])
    most = np.array([1.0, 1.0] + [MOST_PRAISE] * 3)
    return tuple(np.clip(odds_of, least, most).tolist())


def _counted(places: NDArray[np.int64], right: Floats, tables: Floats) -> Floats:
    """How often each number of stars went to right and to wrong answers, shape (2, 5)."""
    lifted = right * (tables[0] / tables[1])[places]
    after = lifted / (lifted + 1 - right)
    return np.array([np.bincount(places, shares, minlength=5) for shares in (after, 1 - after)])


def stars_of(opinion: Opinion) -> int | None:
    """The stars that an opinion amounts to; None if it says nothing of the answer as a whole."""
    if opinion.rating is not None:
        return opinion.rating
    if opinion.vote is not None:
        return UP if opinion.vote == "up" else DOWN
    if opinion.accurate is not None:
        return UP if opinion.accurate else DOWN
    return None


def said_of(stars: Sequence[int], weights: Sequence[float] | None = None) -> float:
    """Log odds that an answer was right, by its raters' stars and the weights of their votes.

    Bounded to both sides: see MOST_PRAISE.

    >>> said_of([5] * 1000) == math.log(MOST_PRAISE)
    True
    """
    counted = weights if weights is not None else [1.0] * len(stars)
    whole = sum(w * math.log(odds(each)) for each, w in zip(stars, counted, strict=True))
    return max(-math.log(MOST_BLAME), min(math.log(MOST_PRAISE), whole))


def covered(answer: str, question: str, source: str) -> float:
    """The share of an answer's telling words that its source or the question holds."""
    words = _telling(answer)
    return len(words & (_telling(source) | _telling(question))) / max(len(words), 1)


def beside(
    pair: tuple[str, str], entry: tuple[str, str], asks: float, says: float
) -> dict[str, float]:
    """What an entry tells of a question with its answer, by the names of `Known`.

    `asks`, `says`: cosines of both questions, and of both answers.
    """
    question, answer = pair
    source = " ".join(entry)
    return {
        "question": asks,
        "answer": says,
        "covered": covered(answer, question, source),
        "asked": asked(question, source),
    }


@cache
def shipped() -> Model:
    """Fitted on 13,500 answers of 11 systems (benchmarks/learning_rated.py)."""
    text = resources.files("kaeshi").joinpath("data", "quality.json").read_text("utf-8")
    return Model.model_validate_json(text)


def fit(known: Sequence[Known], right: Sequence[bool]) -> Model:
    """Fit on answers of which it is known whether they were right, with a small ridge."""
    base = _scales(known)
    x = np.array([[*_standard(one, base), 1.0] for one in known])
    pull = np.array([STRENGTH] * len(FEATURES) + [0.0])
    before = np.zeros(len(pull))
    found = logistic.fit(x, np.array(right, np.float64), np.ones(len(x)), before, pull)
    *weights, bias = found.tolist()
    return base.model_copy(update={"weights": tuple(weights), "bias": bias})


def refit(known: Sequence[Known], right: Sequence[bool]) -> Model:
    """The shipped model, moved as far as answers that people here have reviewed say.

    Maximum a posteriori: the shipped weights are the prior's mean, and weigh as STRENGTH reviews.
    """
    before = shipped()
    x = np.array([[*_standard(one, before), 1.0] for one in known])
    mean = np.array([*before.weights, before.bias])
    pull = np.full(len(mean), STRENGTH)
    found = logistic.fit(x, np.array(right, np.float64), np.ones(len(x)), mean, pull)
    *weights, bias = found.tolist()
    return before.model_copy(update={"weights": tuple(weights), "bias": bias})


class Bin(Value):
    """Answers of about the same probability: their number, its mean, and the share that is right.

    `low`, `high`: the share's 95 % interval (Wilson 1927).
    """

    count: int
    probability: float
    right: float
    low: float
    high: float


def reliability(probabilities: Floats, right: Floats, bins: int = 5) -> list[Bin]:
    """Whether probabilities mean what they say, in bins of equal numbers of answers."""
    order = np.argsort(probabilities, kind="stable")
    found = []
    for part in np.array_split(order, min(bins, len(order))):
        share = float(right[part].mean())
        low, high = wilson(share * len(part), len(part))
        found.append(
            Bin(
                count=len(part),
                probability=float(probabilities[part].mean()),
                right=share,
                low=low,
                high=high,
            )
        )
    return found


def calibration_error(probabilities: Floats, right: Floats, bins: int = 10) -> float:
    """Expected calibration error over equal bins (Naeini et al. 2015)."""
    place = np.minimum((probabilities * bins).astype(int), bins - 1)
    return float(
        sum(
            abs(probabilities[place == b].mean() - right[place == b].mean()) * (place == b).mean()
            for b in np.unique(place)
        )
    )


def asked(question: str, source: str) -> float:
    """The share of a question's telling words that a source holds."""
    words = _telling(question)
    return len(words & _telling(source)) / max(len(words), 1)


def _scales(known: Sequence[Known]) -> Model:
    columns = [[getattr(one, name) for one in known] for name in FEATURES]
    given = [[value for value in column if value is not None] or [0.0] for column in columns]
    return Model(
        means=tuple(float(np.mean(column)) for column in given),
        scales=tuple(float(np.std(column)) or 1.0 for column in given),
        weights=(0.0,) * len(FEATURES),
        bias=0.0,
    )


def _standard(known: Known, model: Model) -> list[float]:
    values = [getattr(known, name) for name in FEATURES]
    return [
        0.0 if value is None else (value - mean) / scale
        for value, mean, scale in zip(values, model.means, model.scales, strict=True)
    ]


def _telling(text: str) -> set[str]:
    return set(_WORDS.findall(text.casefold())) - _PLAIN
