"""What the word lists know of a word: a name, a place, an everyday word, a misspelling."""

import re
from collections.abc import Sequence
from functools import cache
from importlib import resources
from itertools import pairwise

from kaeshi.pii.finders.cues import (
    COMMENT,
    DIGIT,
    FILLER,
    NO_NAME,
    PARTS,
)
from kaeshi.pii.patterns import STREET_WORDS

NOT_NAMES = frozenset(["alexa"])  # unless a speaker says that it is their name
SAID_AGAIN = 0.6  # the score of a name that is known from another turn
LEAST_MISSPELT = 5  # letters: every short name is one letter away from some word


_BEGINS = re.compile(r"(?:[.!?:\"“\n\0|>*#-]\s?|^\s*)\Z")
_LETTERS = "abcdefghijklmnopqrstuvwxyz"


def is_misspelt(word: str) -> bool:
    """Whether it is a common word with two letters swapped, one missing or one too many.

    >>> is_misspelt("thnaks"), is_misspelt("transfr"), is_misspelt("pleasee"), is_misspelt("kagiso")
    (True, True, True, False)
    """
    given, surnames, _ = name_lists()
    length = len(word)
    if length < LEAST_MISSPELT or word in given or word in surnames:
        return False
    common = word_set("common.txt")
    return _is_swapped(length, word, common)


def _is_swapped(length: int, word: str, common: frozenset[str]) -> bool:
    return (
        any(word[:i] + word[i + 1] + word[i] + word[i + 2 :] in common for i in range(length - 1))
        or any(
            word[:i] + letter + word[i:] in common
            for i in range(1, length + 1)
            for letter in _LETTERS
        )
        or any(word[:i] + word[i + 1 :] in common for i in range(length))
    )


def names_a_place(words: Sequence[str]) -> bool:
    """Whether a city or country is among the (lower-case) words, in one word or two."""
    places = place_set()
    return any(word in places for word in words) or any(
        f"{a} {b}" in places for a, b in pairwise(words)
    )


def is_common_name(word: str) -> bool:
    """Whether it is a listed given name and rarely anything else."""
    given, _surnames, other = name_lists()
    lowered = word.lower()
    return lowered in given and lowered not in other


def is_everyday(text: str, start: int, end: int, words: Sequence[str]) -> bool:
    """Common words, also misspelt ones, and words in places where no name stands."""
    if not words or all(word in NOT_NAMES or word in FILLER for word in words):
        return True
    written = text[start:end]
    first = PARTS.match(text, start)
    inside = first is not None and first[0][0].isupper() and is_listed_inside(text, start, first[0])
    if NO_NAME.match(text, start) or not (inside or could_name(written)):
        return True
    return written.islower() and all(is_misspelt(word) for word in words if could_name(word))


@cache
def name_lists() -> tuple[frozenset[str], frozenset[str], frozenset[str]]:
    """Given names, surnames, and those of both that are mostly other words."""
    return word_set("given_names.txt"), word_set("surnames.txt"), word_set("not_names.txt")


@cache
def word_set(name: str) -> frozenset[str]:
    """The lines of a word list."""
    text = resources.files("kaeshi.pii").joinpath("data", name).read_text(encoding="utf-8")
    return frozenset(
        COMMENT.sub("", text).split()
    )  # sixty thousand words at start-up: not line by line


@cache
def place_set() -> frozenset[str]:
    """Cities and countries in lower case."""
    text = resources.files("kaeshi.pii").joinpath("data", "places.txt").read_text(encoding="utf-8")
    return frozenset(line for line in text.splitlines() if not line.startswith("#"))


def could_name(text: str) -> bool:
    """Whether the text may hold a name or an address.

    It may not if all its words are everyday ones.

    >>> could_name("Sounds good, see you then!"), could_name("Transfer it to Kagiso")
    (False, True)
    """
    everyday = word_set("everyday.txt")
    small = word_set("small_letters.txt")
    has_digit = DIGIT.search(text) is not None
    for match in PARTS.finditer(text):
        word = match[0]
        lowered = word.lower()
        if has_digit and lowered in STREET_WORDS and len(word) > 2:
            return True
        if len(word) > 1 and lowered not in everyday and not (word.islower() and lowered in small):
            return True
        if word[0].isupper() and is_listed_inside(text, match.start(), word):
            return True
    return False


def is_listed_inside(text: str, start: int, word: str) -> bool:
    """Whether a listed name is written large in the middle of a sentence: "my sister is Sky".

    At its beginning every word is.
    """
    if not start or not word[1:].islower() or _BEGINS.search(text, max(0, start - 4), start):
        return False
    given, surnames, _ = name_lists()
    return word.lower() in given or word.lower() in surnames
