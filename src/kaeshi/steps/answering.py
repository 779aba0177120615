"""The classifier of answers beside a knowledge index: fitted at each refresh, read at each search.

It learns from what people approved, and from what customers asked since and were given one of these
answers: without a fine-tune, and without a new entry.
"""

import io
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from kaeshi.errors import InvalidInput
from kaeshi.files import sha256_of
from kaeshi.loop import Loop
from kaeshi.nouns import Entry, Json, Signals
from kaeshi.rules import head, quality, retrieval
from kaeshi.rules.knowledge import question_and_answer
from kaeshi.rules.lexical import Lexicon, Rows
from kaeshi.store.examples import Judged

Floats = NDArray[np.float32]
LEAST_ENTRIES = 2
MOST_ENTRIES = 20_000  # beyond, the nearest entry answers alone
MOST_ANSWERS = 1_000
MOST_ASKED = 4_000  # the latest questions of customers
MOST_OF_ONE = 40  # 1 % of them: nobody teaches alone, however much they ask
AT_ONCE = 500
COLLEAGUE = 50.0  # odds that a person's own answer was right
SAME_ANSWER = 0.85  # cosine from which on a given answer is taken for an approved one


@dataclass(frozen=True, kw_only=True)
class Asked:
    """Questions of customers, with the answers they were given and what they said of them."""

    questions: list[str]
    answers: list[str]
    signals: list[Signals]


async def asked_since(loop: Loop) -> Asked:
    """The latest kept examples' last questions and answers, scrubbed.

    Each question once, with the latest answer to it, and at most MOST_OF_ONE of one account.
    """
    found = await _kept(loop)
    found.sort(key=lambda one: (one.started_at, one.conversation), reverse=True)
    latest: dict[str, tuple[str, Signals]] = {}
    of_account: Counter[str] = Counter()
    for one in found:
        pair = question_and_answer(one.example.messages)
        if pair is None or pair[0] in latest or of_account[one.account] >= MOST_OF_ONE:
            continue
        of_account[one.account] += bool(one.account)
        latest[pair[0]] = (pair[1], one.signals)
        if len(latest) == MOST_ASKED:
            break
    return Asked(
        questions=list(latest),
        answers=[answer for answer, _ in latest.values()],
        signals=[signals for _, signals in latest.values()],
    )


async def _kept(loop: Loop) -> list[Judged]:
    """Kept examples whose customers are named, or that a person approved.

    What a customer says of an answer only helps to choose among approved ones, and is bounded;
    so others need not agree.
    """
    found: list[Judged] = []
    after = ""
    while True:
        async with loop.store.read() as tx:
            part = await tx.examples.judged(loop.assistant, after, AT_ONCE)
        if not part:
            return found
        after = part[-1].conversation
        found += [one for one in part if one.body is not None and not _is_unnamed(one)]


def _is_unnamed(one: Judged) -> bool:
    return one.is_unnamed and one.review == "proposed"


def fitted(
    entries: Sequence[Entry],
    vectors: Floats,
    answer_vectors: Floats,
    asked: Asked,
    asked_vectors: Floats,
    given_vectors: Floats,
) -> tuple[retrieval.Answerer, NDArray[np.int64]] | None:
    """An answerer, and the number of each entry's answer; None where a base is too small or large.

    Vectors are unit, shape (n, d): of the entries' questions and answers, of the questions asked
    and the answers given.
    """
    if not LEAST_ENTRIES <= len(entries) <= MOST_ENTRIES:
        return None
    said = [entry.answer for entry in entries]
    taught, owners = retrieval.taught_by(
        [e.question for e in entries], said, vectors, answer_vectors
    )
    own_vectors = taught.vectors[taught.titles]
    if len(own_vectors) > MOST_ANSWERS:
        return None
    more = _unreviewed(taught, asked, asked_vectors, given_vectors @ own_vectors.T)
    return retrieval.calibrated(retrieval.fit(taught, more), taught), owners


def _unreviewed(
    taught: retrieval.Taught, asked: Asked, vectors: Floats, near: Floats
) -> retrieval.Asked:
    """The questions that were answered with one of these answers, and what was said of it.

    `near`: cosines of the answers given to these answers, shape (questions, answers).
    """
    is_new = ~np.isin(asked.questions, taught.texts)
    used = np.flatnonzero(is_new & (near.max(axis=1) >= SAME_ANSWER))
    questions = [asked.questions[i] for i in used]
    given = near[used].argmax(axis=1)
    signals = [asked.signals[i] for i in used]
    odds = _odds(signals, taught, questions, vectors[used], given)
    return retrieval.Asked(texts=questions, vectors=vectors[used], given=given, odds=odds)


def _odds(
    signals: Sequence[Signals],
    taught: retrieval.Taught,
    questions: Sequence[str],
    vectors: Floats,
    given: NDArray[np.int64],
) -> Floats:
    """What customers' stars say of each answer; 1 where it is not rated.

    COLLEAGUE of what a colleague answered: stars say how a customer liked it, not if it was right.
    """
    if not questions:
        return np.zeros(0, np.float32)
    shares = retrieval.fit(taught).shares(questions, vectors)[np.arange(len(given)), given]
    is_known = np.array([each.by_colleague for each in signals])
    stars = np.array([_stars(each) or 0 for each in signals], np.int64)
    rated = (stars > 0) & ~is_known
    found = quality.odds_here(stars[rated].tolist(), shares[rated].astype(np.float64))
    said = np.array([1.0, *found], np.float32)[stars]
    return np.where(is_known, np.float32(COLLEAGUE), said)


def _stars(signals: Signals) -> int | None:
    if signals.rating is not None:
        return max(1, min(5, round(signals.rating)))
    if signals.thumbs_up == signals.thumbs_down:
        return None
    return quality.UP if signals.thumbs_up > signals.thumbs_down else quality.DOWN


def packed(answerer: retrieval.Answerer, owners: NDArray[np.int64]) -> bytes:
    """As an npz file's bytes."""
    buffer = io.BytesIO()
    np.savez(
        buffer,
        rarity=answerer.letters.rarity,
        axes=answerer.letters.axes.astype(np.float16),
        weights=answerer.head.weights,
        rows=answerer.rows.astype(np.float16),
        answers=answerer.answers,
        places=answerer.written.places.astype(np.int32),
        values=answerer.written.values.astype(np.float16),
        of=answerer.written.of.astype(np.int32),
        known=np.array(answerer.known),
        owners=owners,
    )
    return buffer.getvalue()


def read(path: Path, manifest: Json) -> tuple[retrieval.Answerer, NDArray[np.int64]] | None:
    """The answerer that a manifest names; None where it names none.

    Raises InvalidInput when the file is another one.
    """
    named = manifest.get("answerer")
    if not isinstance(named, dict):
        return None
    file = path.parent / str(named.get("file"))
    if not file.is_file():
        msg = f"answerer {str(file)!r} is missing; type: kaeshi knowledge refresh"
        raise InvalidInput(msg)
    return _read(file, str(named.get("sha256")), file.stat().st_mtime_ns)


@lru_cache(8)
def _read(file: Path, sha256: str, _changed: int) -> tuple[retrieval.Answerer, NDArray[np.int64]]:
    if sha256_of(file) != sha256:
        msg = (
            f"answerer {str(file)!r} is not the file its manifest names; type: kaeshi knowledge "
            "refresh"
        )
        raise InvalidInput(msg)
    with np.load(file, allow_pickle=False) as held:
        answers = held["answers"]
        answerer = retrieval.Answerer(
            letters=Lexicon(rarity=held["rarity"], axes=held["axes"].astype(np.float32)),
            head=head.Head(weights=held["weights"]),
            rows=held["rows"].astype(np.float32),
            answers=answers,
            written=Rows(
                held["places"].astype(np.int64),
                held["values"].astype(np.float32),
                held["of"].astype(np.int64),
                len(answers),
            ),
            known=tuple(held["known"].tolist()),
        )
        return answerer, held["owners"]


def ranked(
    answerer: retrieval.Answerer,
    owners: NDArray[np.int64],
    query: str,
    vector: Floats,
    *,
    is_known: float | None = None,
) -> tuple[NDArray[np.int64], Floats, Floats]:
    """The entries' places, the likeliest first, with their probabilities and cosines.

    The probability is that its answer is the query's, and any is; the cosine is its question's.
    `is_known`: the probability that any is, where it need not be computed.
    """
    shares = answerer.shares([query], vector[None])[0][owners]
    if is_known is None:
        is_known = float(answerer.is_known([query], vector[None])[0])
    cosines = answerer.rows[: len(owners), : len(vector)] @ vector
    order = np.lexsort((-cosines, -shares))
    return order, shares[order] * is_known, cosines[order]
