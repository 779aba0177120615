"""Finds people and postal addresses with a token classifier.

Rampart (National Design Studio, CC BY 4.0) is made for chat and runs as int8 on ONNX Runtime. Its
proposals are joined with those of word lists and introductions (word_lists.py): each misses what
the other finds. Texts that can hold neither a name nor an address are not shown to the model.
"""

import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from kaeshi.models.fetch import need
from kaeshi.models.onnx import session, spread
from kaeshi.nouns import Watch, unwatched
from kaeshi.pii.finders.businesses import BUSINESSES
from kaeshi.pii.finders.lexicon import could_name, is_common_name, names_a_place
from kaeshi.pii.finders.proposals import Proposal, ProposingFinder
from kaeshi.pii.finders.word_lists import ListedNames
from kaeshi.pii.patterns import STREET_WORDS
from kaeshi.pii.scripts import LATIN

if TYPE_CHECKING:
    from onnxruntime import InferenceSession
    from tokenizers import Encoding, Tokenizer

Part = tuple[int, int, float, float]  # (start, end, as address, as street)
BATCH = 8
# tokens; it was trained on turns of up to 96
WINDOW = 94
OVERLAP = 24
REMEMBERED = 50_000
# the model's labels, B- and I- of each
NAME = slice(1, 5)
STREET = (*range(23, 29),)
PLACE = (*range(29, 35),)
LEAST_NAME = 0.4
LEAST_ADDRESS = 0.4
LEAST_LISTED = 0.2  # a word that is mostly a name needs little evidence
SCORE_ADDRESS = 0.75  # structured patterns take precedence
# a full stop only after an initial or a title
_BETWEEN_NAMES = re.compile(
    r"[ \t]{1,2}|[-'’]|(?:(?<=\b\w)|(?<=\b(?:dr|mr|ms|st))|(?<=\bmrs))\.[ ]?|", re.IGNORECASE
)
_TITLE = re.compile(r"(?:dr|mr|mrs|ms|miss|prof)\b\.?[ ]{1,2}(?=\w)", re.IGNORECASE)
# the letters that the model learned; for others see introductions.py
_READABLE = re.compile(r"[A-Za-z\u00c0-\u024f\u1e00-\u1eff]")
_READABLE_WORD = re.compile(r"[A-Za-z\u00c0-\u024f\u1e00-\u1eff]{2}")
_BETWEEN_PARTS = re.compile(r"[ \t\n,.#/-]{0,3}")
# a full stop that ends no abbreviation, and a house number
_NEXT_SENTENCE = re.compile(r"[^\W\d_]{5}\.\s\d\Z")
_DIGIT = re.compile(r"\d")
_ORDINAL = re.compile(r"\d{1,3}(?:st|nd|rd|th)\b", re.IGNORECASE)
_NUMBERS = re.compile(r"\d+")
_LETTERS = re.compile(r"[^\W\d_]+")
_NEXT_WORD = re.compile(r" ([^\W\d_]+)")
Scores = NDArray[np.float32]


class NameModel(ProposingFinder):
    """A NameFinder.

    The model loads at the first text; `threads` bounds the cores it uses (0: all).
    """

    version = "rampart-tuned-3+" + ListedNames.version
    reads: frozenset[str] | None = LATIN

    def __init__(self, models_dir: Path, threads: int = 0) -> None:
        super().__init__()
        self._models_dir = models_dir
        self._threads = threads
        self._session: InferenceSession | None = None
        self._tokenizer: Tokenizer | None = None
        self._remembered: dict[
            str, tuple[Proposal, ...]
        ] = {}  # the same greetings and answers recur

    def _proposals(self, texts: Iterable[str], watch: Watch) -> dict[str, tuple[Proposal, ...]]:
        seen: dict[str, tuple[Proposal, ...]] = {}
        unknown = []
        for text in texts:
            if text in self._remembered:
                seen[text] = self._remembered[text]
            elif could_name(text):
                unknown.append(text)
            else:
                seen[text] = ()
        made = self._compute(sorted(unknown), watch)
        if len(self._remembered) + len(made) > REMEMBERED:
            self._remembered = {}
        self._remembered.update(made)
        return seen | made

    def _compute(
        self, texts: list[str], watch: Watch = unwatched
    ) -> dict[str, tuple[Proposal, ...]]:
        if not texts:
            return {}
        session, tokenizer = self._load()
        encoded = tokenizer.encode_batch(texts, add_special_tokens=False)
        batches, windows = _batches_of(encoded)
        scores = self._scores_of(
            encoded, session, windows, watch, batches
        )  # the higher where windows overlap
        return {
            text: tuple(_read(text, encoding, score))
            for text, encoding, score in zip(texts, encoded, scores, strict=True)
        }

    def _scores_of(
        self,
        encoded: "list[Encoding]",
        session: Any,
        windows: list[list[list[int]]],
        watch: Watch,
        batches: list[list[tuple[int, int]]],
    ) -> list[NDArray[np.float32]]:
        scores = [np.zeros((len(e.ids), 35), np.float32) for e in encoded]
        runs: list[list[Scores]] = spread(
            lambda parts: _run(session, parts), windows, self._threads, watch
        )
        for batch, found in zip(batches, runs, strict=True):
            for (i, start), shares in zip(batch, found, strict=True):
                there = scores[i][start : start + WINDOW]
                np.maximum(there, shares, out=there)
        return scores

    def _load(self) -> "tuple[InferenceSession, Tokenizer]":
        if self._session is None or self._tokenizer is None:
            from tokenizers import Tokenizer

            self._session = session(self._models_dir, "rampart-int8.onnx")
            self._tokenizer = Tokenizer.from_file(
                str(need(self._models_dir, "rampart-tokenizer.json"))
            )
            self._tokenizer.no_truncation()
            self._tokenizer.no_padding()
        return self._session, self._tokenizer


def _batches_of(
    encoded: "list[Encoding]",
) -> tuple[list[list[tuple[int, int]]], list[list[list[int]]]]:
    pieces = [
        (i, start)
        for i, e in enumerate(encoded)
        for start in range(0, max(len(e.ids) - OVERLAP, 1), WINDOW - OVERLAP)
    ]
    pieces.sort(key=lambda piece: min(len(encoded[piece[0]].ids) - piece[1], WINDOW))
    batches = [pieces[first : first + BATCH] for first in range(0, len(pieces), BATCH)]
    windows = [[encoded[i].ids[start : start + WINDOW] for i, start in batch] for batch in batches]
    return batches, windows


CLS = 2
SEP = 3


def _run(session: Any, parts: Sequence[Sequence[int]]) -> list[Scores]:
    """One batch of token windows: the labels' probabilities, shape (tokens, labels), of each."""
    ids, mask = _padded(parts)
    logits = session.run(
        None, {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}
    )[0]
    return _probabilities(logits, parts)


def _padded(parts: Sequence[Sequence[int]]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    width = max(map(len, parts)) + 2
    ids = np.zeros((len(parts), width), np.int64)
    mask = np.zeros((len(parts), width), np.int64)
    for row, part in enumerate(parts):
        ids[row, : len(part) + 2] = [CLS, *part, SEP]
        mask[row, : len(part) + 2] = 1
    return ids, mask


def _probabilities(logits: Any, parts: Sequence[Sequence[int]]) -> list[Scores]:
    powers = np.exp(logits - logits.max(axis=2, keepdims=True))
    shares = powers / powers.sum(axis=2, keepdims=True)
    return [shares[row, 1 : len(part) + 1] for row, part in enumerate(parts)]


def _read(text: str, encoding: "Encoding", scores: Scores) -> list[Proposal]:
    """From tokens to words to spans; neighbours of one kind are one person or address."""
    if not len(scores):
        return []
    words = _words(encoding)
    names = scores[:, NAME].sum(axis=1)
    streets = scores[:, STREET].sum(axis=1)
    places = scores[:, PLACE].sum(axis=1)
    people, parts = _likely_words(words, names, text, streets, places)
    found = [Proposal(a, b, "PERSON", score) for a, b, score in _joined(text, people)]
    return found + _addresses(text, parts)


def _likely_words(
    words: list[tuple[int, int, int, int]], names: Any, text: str, streets: Any, places: Any
) -> tuple[list[tuple[int, int, float]], list[tuple[int, int, float, float]]]:
    people = [
        (a, b, float(names[i:j].max()))
        for a, b, i, j in words
        if names[i:j].max() >= (LEAST_LISTED if is_common_name(text[a:b]) else LEAST_NAME)
        and _READABLE.search(text, a, b)
    ]
    parts = [
        (a, b, float((streets + places)[i:j].max()), float(streets[i:j].max()))
        for a, b, i, j in words
        if (streets + places)[i:j].max() >= LEAST_ADDRESS
    ]
    return people, parts


def _words(encoding: "Encoding") -> list[tuple[int, int, int, int]]:
    """(start, end, first token, last token + 1) of each word."""
    words: list[tuple[int, int, int, int]] = []
    last = None
    for i, (word, (start, end)) in enumerate(zip(encoding.word_ids, encoding.offsets, strict=True)):
        if word == last and words:
            words[-1] = (words[-1][0], end, words[-1][2], i + 1)
        else:
            words.append((start, end, i, i + 1))
        last = word
    return words


def _joined(text: str, people: Sequence[tuple[int, int, float]]) -> list[tuple[int, int, float]]:
    spans: list[tuple[int, int, float]] = []
    for start, end, score in people:
        if spans and _BETWEEN_NAMES.fullmatch(text, spans[-1][1], start):
            spans[-1] = (spans[-1][0], end, max(score, spans[-1][2]))
        elif any(c.isalpha() for c in text[start:end]):
            spans.append((start, end, score))
    named = _without_titles(spans, text)
    return [span for span in named if span[1] - span[0] > 1]


def _without_titles(spans: list[tuple[int, int, float]], text: str) -> list[tuple[int, int, float]]:
    named = []
    for start, end, score in spans:
        title = _TITLE.match(text, start, end)
        named.append((title.end() if title else start, len(text[:end].rstrip(" -'’.")), score))
    return named


def _addresses(text: str, parts: Sequence[Part]) -> list[Proposal]:
    """Runs of address words with a street among them; a city or a ZIP code alone is not one."""
    runs = _neighbouring(parts, text)
    spans = _address_spans(runs, text)
    return [
        Proposal(start, end, "ADDRESS", SCORE_ADDRESS)
        for start, end in spans
        if _is_address(text, start, end)
    ]


def _neighbouring(parts: Sequence[Part], text: str) -> list[list[Part]]:
    """Parts separated by punctuation only, as runs."""
    runs: list[list[Part]] = []
    for part in parts:
        if (
            runs
            and _BETWEEN_PARTS.fullmatch(text, runs[-1][-1][1], part[0])
            and not _NEXT_SENTENCE.search(text, max(0, part[0] - 8), part[0] + 1)
        ):
            runs[-1].append(part)
        else:
            runs.append([part])
    return runs


def _address_spans(runs: list[list[Part]], text: str) -> list[tuple[int, int]]:
    return [
        (run[0][0], len(text[: run[-1][1]].rstrip(" .,#/-\n")))
        for run in runs
        if max(part[3] for part in run) >= 0.5
        and _READABLE_WORD.search(text, run[0][0], run[-1][1])
        and _DIGIT.search(text, run[0][0], run[-1][1])
        and run[-1][1] - run[0][0] > 4
    ]


def _is_address(text: str, start: int, end: int) -> bool:
    """Whether a run without a word for a street or city is an address.

    It is not if it names a business, or consists of everyday words and a number.
    """
    written = [word.lower() for word in _LETTERS.findall(text[start:end])]
    words = {*written}
    if (
        _ORDINAL.match(text, start, end) and len(_NUMBERS.findall(text, start, end)) == 1
    ):  # 92nd Street alone is not an address
        return False
    if not words.isdisjoint(STREET_WORDS) or names_a_place(written):
        return True
    behind = _NEXT_WORD.match(text, end)
    named = words | ({behind[1].lower()} if behind else set())
    return named.isdisjoint(BUSINESSES) and could_name(text[start:end])
