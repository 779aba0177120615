"""Texts by their letters, which show what embeddings overlook: names, codes, misspellings.

Words and runs of three and four letters, hashed into buckets and weighted by tf-idf (Salton and
Buckley 1988). For a classifier they are projected on the directions in which the known texts differ
most (latent semantic analysis, Deerwester 1990).
"""

import re
import unicodedata
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
BUCKETS = 6_144
_RUNS = 4_096  # the buckets of runs of letters; the others are words'
_LENGTHS = (3, 4)
_LETTERS = re.compile(r"[^\W_]+")
AXES = 160
SAMPLE = 2_000  # texts from which the directions are taken
_ROUNDS = 2


class Rows(NamedTuple):
    """Weighed texts in one list: buckets, their weights, and the number of each one's text."""

    places: NDArray[np.int64]
    values: Floats
    of: NDArray[np.int64]
    texts: int


@dataclass(frozen=True, kw_only=True)
class Lexicon:
    """How rare each bucket is among known texts, and their main directions.

    `rarity`: shape (BUCKETS,); `axes`: shape (BUCKETS, at most AXES).
    """

    rarity: Floats
    axes: Floats

    def projected(self, texts: Sequence[str]) -> Floats:
        """Each text along the axes, shape (len(texts), axes); at most of length one."""
        made = np.zeros((len(texts), self.axes.shape[1]), np.float32)
        for row, text in zip(made, texts, strict=True):
            places, values = self.weighed(text)
            row[:] = values @ self.axes[places]
        return made

    def rows(self, texts: Sequence[str]) -> Rows:
        """Weighed texts to compare queries with."""
        weighed = [self.weighed(text) for text in texts]
        sizes = [len(places) for places, _ in weighed]
        return Rows(
            np.concatenate([np.zeros(0, np.int64), *(places for places, _ in weighed)]),
            np.concatenate([np.zeros(0, np.float32), *(values for _, values in weighed)]),
            np.repeat(np.arange(len(texts)), sizes),
            len(texts),
        )

    def cosines(self, query: str, rows: Rows) -> Floats:
        """The cosine of a query to each row by words and letters, 0 to 1."""
        dense = np.zeros(BUCKETS, np.float32)
        places, values = self.weighed(query)
        dense[places] = values
        shared = dense[rows.places] * rows.values
        return np.bincount(rows.of, shared, minlength=rows.texts).astype(np.float32)

    def weighed(self, text: str) -> tuple[NDArray[np.int64], Floats]:
        """The text's buckets and their weights, of length one together."""
        places, counts = grams(text)
        values = (1 + np.log(counts)) * self.rarity[places]
        return places, np.asarray(values / max(float(np.linalg.norm(values)), 1e-9), np.float32)


def lexicon(texts: Sequence[str], *, projects: bool = True) -> Lexicon:
    """What the texts share and where they differ. Long lists are sampled evenly.

    `projects`: whether directions are found, too; comparing texts needs none.
    """
    step = max(1, len(texts) // SAMPLE)
    sample = texts[::step][:SAMPLE]
    having = np.zeros(BUCKETS)
    for text in sample:
        having[grams(text)[0]] += 1
    rarity = np.log((1 + len(sample)) / (1 + having)).astype(np.float32)
    none = np.zeros((BUCKETS, 0), np.float32)
    return Lexicon(rarity=rarity, axes=_axes(_dense(sample, rarity)) if projects else none)


def _dense(texts: Sequence[str], rarity: Floats) -> Floats:
    """Weighed texts, shape (len(texts), BUCKETS)."""
    plain = Lexicon(rarity=rarity, axes=np.zeros((BUCKETS, 0), np.float32))
    rows = np.zeros((len(texts), BUCKETS), np.float32)
    for row, text in zip(rows, texts, strict=True):
        places, values = plain.weighed(text)
        row[places] = values
    return rows


def _axes(rows: Floats) -> Floats:
    """The main directions, by a randomised range finder (Halko, Martinsson and Tropp 2011).

    Any orthonormal basis of them serves: ridge regression and cosines do not see rotations.
    """
    count = min(AXES, *rows.shape)
    if not count:
        return np.zeros((rows.shape[1], 0), np.float32)
    drawn = np.random.default_rng(0).standard_normal((rows.shape[1], count))
    found = rows @ drawn.astype(np.float32)
    for _ in range(_ROUNDS):
        found, _ = np.linalg.qr(rows @ (rows.T @ found))
    return np.ascontiguousarray(np.linalg.qr(rows.T @ found)[0])


def grams(text: str) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """The buckets of a text's words and runs of letters, and how often each occurs.

    >>> len(grams("Refund!")[0]) == len(grams("refund")[0])
    True
    """
    words = _LETTERS.findall(unicodedata.normalize("NFKC", text).casefold())
    hashed = [
        *_runs(f" {' '.join(words)} "),
        *(_RUNS + _hash(w) % (BUCKETS - _RUNS) for w in words),
    ]
    places, counts = np.unique(np.array(hashed, np.int64), return_counts=True)
    return places, counts.astype(np.float64)


def _runs(spaced: str) -> Iterator[int]:
    for length in _LENGTHS:
        for i in range(len(spaced) - length + 1):
            yield _hash(spaced[i : i + length]) % _RUNS


def _hash(text: str) -> int:
    return zlib.crc32(text.encode("utf-8", "replace"))
