"""Which known answer fits a question, and whether any does.

A question is read by its meaning (an embedding) and by its letters (lexical.py). Reviewed questions
and titles teach a classifier of answers (head.py); unreviewed questions of customers teach it too,
as far as the answer they were given is likely to have been right.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from kaeshi.rules import head as heads
from kaeshi.rules import logistic
from kaeshi.rules.lexical import Lexicon, Rows, lexicon

Floats = NDArray[np.float32]
LETTERS = 0.8  # the weight of letters beside meaning
TITLE = 2.0  # how many questions an answer's title or own words count for
UNREVIEWED = 0.5  # how much of a question a certain but unreviewed one counts
LEAST_SURE = 0.3  # an unreviewed question below this probability teaches nothing
SHARPNESS = 1.5  # a ridge fit on few rows is less sure than it is right
ROUNDS = 3
NEAREST = 3
# how "is this known?" weighs the nearest questions of one answer, the best logit, and letters
# alone; and where the probability is a half. Prior values: each knowledge base fits its own
KNOWN = (10.0, 0.6, 4.0)
HALF = 6.0
PRIOR = 4.0  # how many rows the prior values count for
FOLDS = 4
MOST_CELLS = 4_000_000  # similarities at once
LEAST_ANSWERS = 12  # fewer answers than this tell nothing about questions of none
IN_ENTITY = 0.6  # the weight of letters where the entity is known


@dataclass(frozen=True, kw_only=True)
class Taught:
    """Questions with the answers they belong to.

    `texts` with `vectors`, shape (n, d), unit; `answers`: the number of each one's answer;
    `titles`: which of them are titles or answers' own words.
    """

    texts: Sequence[str]
    vectors: Floats
    answers: NDArray[np.int64]
    titles: NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True)
class Asked:
    """Questions of customers that are not reviewed.

    `given`: the number of the answer each got; `odds`: how much likelier what customers said of it
    is if it was right than if it was wrong (quality.odds); 1 without feedback.
    """

    texts: Sequence[str]
    vectors: Floats
    given: NDArray[np.int64]
    odds: Floats


@dataclass(frozen=True, kw_only=True)
class Answerer:
    """A fitted classifier with the questions that it knows."""

    letters: Lexicon
    head: heads.Head
    rows: Floats
    answers: NDArray[np.int64]
    written: Rows
    known: tuple[float, ...] = (*KNOWN, -HALF)

    def features(self, texts: Sequence[str], vectors: Floats) -> Floats:
        """Meaning and letters side by side."""
        return _features(self.letters, texts, vectors)

    def shares(self, texts: Sequence[str], vectors: Floats) -> Floats:
        """The probability of each answer, given that one of them is right."""
        return self.head.shares(self.features(texts, vectors), SHARPNESS)

    def is_known(self, texts: Sequence[str], vectors: Floats) -> Floats:
        """The probability that any answer here is the question's, shape (texts,).

        A fixed cosine is not safe: paraphrases go down to .29, unrelated pairs up to .56.
        """
        z = np.column_stack([self.cues(texts, vectors), np.ones(len(texts))]) @ self.known
        return np.asarray(logistic.sigmoid(z), np.float32)

    @cached_property
    def _units(self) -> Floats:
        """The known rows at length one, computed once: a search asks for them each time."""
        return _unit(self.rows)

    def cues(self, texts: Sequence[str], vectors: Floats) -> Floats:
        """What tells a known question: see KNOWN; shape (texts, 3)."""
        rows = self.features(texts, vectors)
        near = _unit(rows) @ self._units.T
        letters = [np.sort(self.letters.cosines(t, self.written))[-NEAREST:].mean() for t in texts]
        return np.column_stack(
            [
                _best_of_one_answer(near, self.answers),
                self.head.scores(rows).max(axis=1),
                np.array(letters, np.float32),
            ]
        ).astype(np.float32)


def fit(taught: Taught, asked: Asked | None = None) -> Answerer:
    """A classifier of reviewed questions, and of unreviewed ones as far as they are sure.

    Unreviewed questions get the answers that the classifier of reviewed ones finds likely, given
    what the customer said of the answer; then it is fitted again (self-training with soft labels,
    as in Lee 2013). Raises ValueError without a reviewed question.
    """
    if not len(taught.texts):
        msg = "nothing is taught; an answerer needs at least one question with its answer"
        raise ValueError(msg)
    letters = lexicon([*taught.texts, *(asked.texts if asked else ())])
    rows = _features(letters, taught.texts, taught.vectors)
    labels = np.eye(int(taught.answers.max()) + 1, dtype=np.float32)[taught.answers]
    weights = np.where(taught.titles, TITLE, 1.0).astype(np.float32)
    head = heads.fit(rows, labels, weights)
    if asked is not None and len(asked.texts):
        more = _features(letters, asked.texts, asked.vectors)
        for _ in range(ROUNDS):
            head = _again(head, (rows, labels, weights), more, asked)
    return Answerer(
        letters=letters,
        head=head,
        rows=rows,
        answers=taught.answers,
        written=letters.rows(taught.texts),
    )


def taught_by(
    questions: Sequence[str], answers: Sequence[str], vectors: Floats, answer_vectors: Floats
) -> tuple[Taught, NDArray[np.int64]]:
    """What questions with their answers teach, the answers as titles; and each question's answer.

    Vectors are unit, shape (n, d): of the questions and of their answers.
    """
    names = list(dict.fromkeys(answers))
    numbers = {answer: i for i, answer in enumerate(names)}
    owners = np.array([numbers[answer] for answer in answers], np.int64)
    first = np.unique(owners, return_index=True)[1]
    taught = Taught(
        texts=[*questions, *names],
        vectors=np.vstack([vectors, answer_vectors[first]]),
        answers=np.concatenate([owners, np.arange(len(names))]),
        titles=np.repeat([False, True], [len(owners), len(names)]),
    )
    return taught, owners


def _again(
    head: heads.Head, reviewed: tuple[Floats, Floats, Floats], more: Floats, asked: Asked
) -> heads.Head:
    """The classifier of reviewed rows, labels and weights, and of what it makes of the others."""
    rows, labels, weights = reviewed
    guessed = judged(head.shares(more, SHARPNESS), asked.given, asked.odds)
    sure = UNREVIEWED * np.clip((guessed.max(axis=1) - LEAST_SURE) / (1 - LEAST_SURE), 0.0, 1.0)
    return heads.fit(
        np.vstack([rows, more]),
        np.vstack([labels, guessed]),
        np.concatenate([weights, sure]).astype(np.float32),
    )


def calibrated(answerer: Answerer, taught: Taught) -> Answerer:
    """The answerer with its own view of what a known question looks like.

    A quarter of the answers in turn is taken out, and with it a quarter of the other questions: the
    first are then questions without an answer, the second ones with one. Few answers change
    nothing.
    """
    count = len(np.unique(taught.answers))
    if count < LEAST_ANSWERS:
        return answerer
    rng = np.random.default_rng(0)
    folds = rng.permutation(int(taught.answers.max()) + 1)[taught.answers] % FOLDS
    held = rng.permutation(len(taught.texts)) % FOLDS
    seen = [_left_out(taught, folds == fold, held == fold) for fold in range(FOLDS)]
    cues = [cues for cues, _ in seen if len(cues)]
    if not cues:
        return answerer
    known = np.concatenate([known for _, known in seen])
    return replace(answerer, known=_logistic(np.vstack(cues), known))


def _left_out(
    taught: Taught, unknown: NDArray[np.bool_], held: NDArray[np.bool_]
) -> tuple[Floats, NDArray[np.bool_]]:
    """The cues of questions that were left out, and which of them have an answer left."""
    held = held & ~unknown & ~taught.titles
    part = _part(taught, ~unknown & ~held)
    if not len(part.texts) or not held.any():
        return np.zeros((0, len(KNOWN)), np.float32), np.zeros(0, bool)
    out = held | (unknown & ~taught.titles)
    asked = _part(taught, out)
    return fit(part).cues(asked.texts, asked.vectors), held[out]


def _part(taught: Taught, chosen: NDArray[np.bool_]) -> Taught:
    return Taught(
        texts=[text for text, is_in in zip(taught.texts, chosen, strict=True) if is_in],
        vectors=taught.vectors[chosen],
        answers=taught.answers[chosen],
        titles=taught.titles[chosen],
    )


def _logistic(cues: Floats, known: NDArray[np.bool_]) -> tuple[float, ...]:
    """Scale and half of the prior's score (Platt 1999); both classes weigh the same.

    The weights beside each other stay: left-out answers are further away than what customers ask
    and is unknown, and would teach otherwise.
    """
    score = cues @ np.array(KNOWN)
    right = known.astype(np.float64)
    share = float(np.clip(right.mean(), 1e-9, 1 - 1e-9))
    found = logistic.fit(
        np.column_stack([score - HALF, np.ones(len(score))]).astype(np.float64),
        right,
        np.where(known, 0.5 / share, 0.5 / (1 - share)),
        np.array([1.0, 0.0]),
        np.full(2, PRIOR),
    )
    scale, shift = found.tolist()
    return (*(scale * weight for weight in KNOWN), shift - scale * HALF)


def judged(shares: Floats, given: NDArray[np.int64], odds: Floats) -> Floats:
    """Bayes: the answers' probabilities after what the customer said of the one that was given."""
    after = shares.copy()
    after[np.arange(len(given)), given] *= odds
    return np.asarray(after / after.sum(axis=1, keepdims=True), np.float32)


def nearest_in(query: str, vector: Floats, texts: Sequence[str], vectors: Floats) -> Floats:
    """Scores of one entity's texts for a query without the entity's name (`without`).

    `vector` and `vectors`: of the query and of the texts, unit.
    """
    letters = lexicon(texts, projects=False)
    lexical = letters.cosines(query, letters.rows(texts))
    return np.asarray(vectors @ vector + IN_ENTITY * lexical, np.float32)


_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)?")
# what sorts of places are called, which does not tell one from another
_OF_EVERY_NAME = "a and bar cafe guest guesthouse hotel house inn lodge of pub restaurant the"
_SORTS = frozenset(_OF_EVERY_NAME.split())


def without(query: str, entity: str) -> str:
    """A question without the name of what it is about, which draws it to the wrong texts.

    >>> without("Does the Ashley Hotel allow dogs?", "ASHLEY HOTEL")
    'Does it allow dogs?'
    """
    words = _WORD.findall(entity)
    core = [word for word in words if word.casefold() not in _SORTS]
    text = query
    for part in (words, core):
        if part:
            name = r"\W+".join(map(re.escape, part))
            text = re.sub(
                rf"\b(?:the\W+)?{name}\b(?:\W+(?:hotel|restaurant|guest ?house)\b)?(?:['’]s)?",
                "it",
                text,
                flags=re.IGNORECASE,
            )
    return text


def entities_in(said: Sequence[str], entities: Sequence[str]) -> list[str]:
    """The entities that a conversation names, the last named first.

    `said`: its texts, the oldest first. An entity is named by its words without its sort.

    >>> entities_in(["the ashley please", "ok"], ["ASHLEY HOTEL", "BELFRY"])
    ['ASHLEY HOTEL']
    """
    whole = _spaced(" ".join(said))
    places = {entity: whole.rfind(_core(entity)) for entity in entities}
    named = [entity for entity, place in places.items() if place >= 0]
    return sorted(named, key=lambda entity: (-places[entity], -len(entity), entity))


def _core(entity: str) -> str:
    words = _WORD.findall(entity.casefold())
    return _spaced(" ".join([w for w in words if w not in _SORTS] or words))


def _spaced(text: str) -> str:
    return f" {' '.join(_WORD.findall(text.casefold()))} "


def _features(letters: Lexicon, texts: Sequence[str], vectors: Floats) -> Floats:
    return np.hstack([vectors, LETTERS * letters.projected(texts)]).astype(np.float32)


def _best_of_one_answer(near: Floats, answers: NDArray[np.int64]) -> Floats:
    """For each row the highest mean of its nearest questions of one answer."""
    places, sizes = _by_answer(answers)
    # the last column stands for questions that an answer does not have
    wide = np.hstack([near, np.full((len(near), 1), -np.inf, np.float32)])
    found = np.empty(len(near), np.float32)
    step = max(1, MOST_CELLS // places.size)
    for start in range(0, len(near), step):
        cells = wide[start : start + step][:, places]
        best = -np.partition(-cells, NEAREST - 1, axis=2)[:, :, :NEAREST]
        means = np.where(np.isfinite(best), best, 0.0).sum(axis=2) / np.minimum(sizes, NEAREST)
        found[start : start + step] = means.max(axis=1)
    return found


def _by_answer(answers: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The places of each answer's questions, shape (answers, most questions of one), and sizes.

    Filled up with len(answers), to NEAREST at least.
    """
    order = np.argsort(answers, kind="stable")
    sizes = np.unique(answers, return_counts=True)[1]
    places = np.full((len(sizes), max(int(sizes.max()), NEAREST)), len(answers), np.int64)
    rows = np.repeat(np.arange(len(sizes)), sizes)
    columns = np.arange(len(answers)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    places[rows, columns] = order
    return places, sizes


def _unit(rows: Floats) -> Floats:
    return np.asarray(rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9))
