"""Near-duplicate texts.

Jaccard similarity of word 3-shingles; candidates by MinHash, verified exactly. MinHash after Broder
(1997), locality-sensitive banding after Leskovec, Rajaraman, Ullman, "Mining of Massive Datasets",
3.4. With 24 bands of 5 rows a pair at similarity .85 is missed with probability (1 - .85^5)^24 =
8e-7.
"""

import hashlib
import re
import zlib
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

THRESHOLD = 0.85
REMEMBERED = 200
REMEMBERED_WORDS = 200_000
BANDS = 24
ROWS = 5
SHINGLE = 3
_WORDS = re.compile(r"\w+")
_SEED = 0x9E3779B97F4A7C15
_MIDDLE = np.uint64(0xC2B2AE3D27D4EB4F)
_LAST = np.uint64(0x165667B19E3779F9)
Signatures = NDArray[np.uint64]


def shingles(text: str) -> frozenset[str]:
    """The text's runs of three words, lower-cased; a shorter text is one shingle.

    >>> sorted(shingles("We grill at your table"))
    ['at your table', 'grill at your', 'we grill at']
    """
    words = _words(text)
    if len(words) <= SHINGLE:
        return frozenset({" ".join(words)})
    return frozenset(map(" ".join, zip(words, words[1:], words[2:], strict=False)))


def _words(text: str) -> list[str]:
    return _WORDS.findall(text.lower())


def similarity(a: frozenset[str], b: frozenset[str]) -> float:
    """Jaccard: shared shingles over all shingles, 0 to 1."""
    return len(a & b) / len(a | b)


def originals(texts: Sequence[str], threshold: float = THRESHOLD) -> list[int]:
    """For each text the index of the first earlier text that it nearly repeats, else its own.

    Originals do not resemble each other.
    """
    return _resolve(texts, [], threshold)


def resembles(
    texts: Sequence[str], others: Sequence[str], threshold: float = THRESHOLD
) -> list[bool]:
    """For each text whether it nearly repeats one of `others`."""
    resolved = _resolve([*others, *texts], list(range(len(others))), threshold)
    return [original < len(others) for original in resolved[len(others) :]]


def _resolve(texts: Sequence[str], given: list[int], threshold: float) -> list[int]:
    bands, plains = _bands(texts)
    groups = _groups(bands)
    kept_in: dict[int, list[int]] = {}
    exact: dict[bytes, int] = {}
    cache: dict[int, frozenset[str]] = {}
    result = list(range(len(texts)))
    fixed = set(given)
    for i, plain in enumerate(plains):
        mine = groups[i]
        if i not in fixed:
            original = exact.get(plain)
            if original is None and mine:
                original = _verified(
                    i,
                    sorted({k for group in mine for k in kept_in.get(group, ())}),
                    texts,
                    cache,
                    threshold,
                )
            if original is not None:
                result[i] = original
                continue
        exact.setdefault(plain, i)
        for group in mine:
            kept_in.setdefault(group, []).append(i)
    return result


def _verified(
    i: int,
    candidates: list[int],
    texts: Sequence[str],
    cache: dict[int, frozenset[str]],
    threshold: float,
) -> int | None:
    if not candidates:
        return None
    mine = shingles(texts[i])
    for candidate in candidates:
        if candidate not in cache:
            if len(cache) > REMEMBERED:  # bounds the memory, not the answer
                cache.clear()
            cache[candidate] = shingles(texts[candidate])
        theirs = cache[candidate]
        small, large = sorted((len(mine), len(theirs)))
        if small >= threshold * large and similarity(mine, theirs) >= threshold:
            return candidate
    return None


def _groups(bands: NDArray[np.uint64]) -> list[tuple[int, ...]]:
    """For each text the bands it shares with another text, as group numbers.

    Most texts share none.
    """
    shared: list[list[int]] = [[] for _ in range(len(bands))]
    number = 0
    for band in range(bands.shape[1]):
        column = bands[:, band]
        order, starts, ends = _equal_runs(column)
        for start, end in zip(
            starts[ends - starts > 1].tolist(), ends[ends - starts > 1].tolist(), strict=True
        ):
            for i in order[start:end].tolist():
                shared[i].append(number)
            number += 1
    return [tuple(groups) for groups in shared]


def _equal_runs(column: NDArray[np.uint64]) -> tuple[NDArray[np.int64], NDArray[np.int64], Any]:
    order = np.argsort(column, kind="stable")
    sorted_keys = column[order]
    starts = (
        np.flatnonzero(np.r_[True, sorted_keys[1:] != sorted_keys[:-1]])
        if len(order)
        else np.empty(0, np.int64)
    )
    ends = np.r_[starts[1:], len(order)]
    return order, starts, ends


def _bands(texts: Sequence[str]) -> tuple[NDArray[np.uint64], list[bytes]]:
    """One 64-bit key per text and band, shape (len(texts), BANDS), and a digest per text."""
    multipliers, offsets = _permutations()
    weights = np.array([pow(31, r, 2**64) for r in range(ROWS)], np.uint64) * np.uint64(
        0xC2B2AE3D27D4EB4F
    )
    keys = np.empty((len(texts), BANDS), np.uint64)
    plains = []
    hashes = _Hashes()
    for i, text in enumerate(texts):
        words = _words(text)
        plains.append(hashlib.sha256(" ".join(words).encode("utf-8", "replace")).digest())
        minima = _minima(hashes, words, multipliers, offsets)
        keys[i] = (minima.reshape(BANDS, ROWS) * weights).sum(axis=1)
    return keys, plains


def _minima(
    hashes: "_Hashes",
    words: list[str],
    multipliers: NDArray[np.uint64],
    offsets: NDArray[np.uint64],
) -> NDArray[np.uint64]:
    one = np.fromiter(map(hashes.__getitem__, words), np.uint64, len(words))
    # of a run of words: a polynomial, whose high half is as good as random
    runs = (
        one[:-2] * np.uint64(_SEED) + one[1:-1] * _MIDDLE + one[2:] * _LAST
        if len(words) > SHINGLE
        else one.sum(keepdims=True)
    )
    return np.asarray(
        (((runs >> np.uint64(32))[:, None] * multipliers + offsets) >> np.uint64(32)).min(axis=0)
    )


class _Hashes(dict[str, int]):
    """The hash of each word, computed once."""

    def __missing__(self, word: str) -> int:
        if len(self) > REMEMBERED_WORDS:  # bounds the memory, not the answer
            self.clear()
        self[word] = zlib.crc32(word.encode("utf-8", "replace")) * 0x9E3779B1 | 1
        return self[word]


def _permutations() -> tuple[Signatures, Signatures]:
    """Multiply-shift hashing (Dietzfelbinger et al. 1997) with fixed odd multipliers.

    Fixed, so that every run gives the same result.
    """
    state = _SEED
    drawn = []
    for _ in range(2 * BANDS * ROWS):
        state = (state + _SEED) % 2**64  # splitmix64
        z = ((state ^ (state >> 30)) * 0xBF58476D1CE4E5B9) % 2**64
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) % 2**64
        drawn.append(z ^ (z >> 31))
    numbers = np.array(drawn, np.uint64)
    return numbers[: BANDS * ROWS] | np.uint64(1), numbers[BANDS * ROWS :]
