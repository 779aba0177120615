"""Words in which letters and digits are glued: keys, plates, papers, postcodes."""

import re
import string
from collections.abc import Sequence
from itertools import islice

from kaeshi.nouns import Watch
from kaeshi.pii.encoded import LEAST as LEAST_ENCODED
from kaeshi.pii.national_patterns import POSTCODES
from kaeshi.pii.patterns import GLUED
from kaeshi.pii.policy import Hit
from kaeshi.pii.triggers import add_matches, match_at

_GLUED_BEFORE = frozenset(string.ascii_letters + "_:-")
_GLUED_AFTER = re.compile(r"[\w:.-]{3}")
_TOKEN_LEAST = 7
LONGEST_TOKEN = 8_000
_TOKEN_ENDS = re.compile(r"[ \0\n]")
MOST_OF_DISTRICT = 2  # digits of a postcode's first part


def glued(
    text: str, runs: Sequence[tuple[int, int]], hits: list[Hit], watch: Watch
) -> list[tuple[int, int]]:
    """Searches tokens in which digits are glued to letters (`key-9f3...`), each whole.

    Returns those that are long enough to be base 64.
    """
    long_words = []
    last = 0
    for at, _ in runs:
        if (
            not at
            or text[at - 1] not in _GLUED_BEFORE
            or at < last
            or _GLUED_AFTER.match(text, at + 1) is None
        ):
            continue
        watch()
        first = _token_start(text, at, last)
        stop = _TOKEN_ENDS.search(text, at)
        last = stop.start() if stop else len(text)
        if last - first >= _TOKEN_LEAST:
            for recogniser in GLUED:
                add_matches(recogniser, text, first, last + 1, hits)
        if last - first >= LEAST_ENCODED:
            long_words.append((first, last))
    return long_words


def postcodes(text: str, runs: Sequence[tuple[int, int]], hits: list[Hit]) -> None:
    """Postcodes such as SW1A 2AA and K1A 0B1, from the one or two letters before a digit on."""
    for start, end in runs:
        if end - start > MOST_OF_DISTRICT or text[start - 1 : start] not in _GLUED_BEFORE:
            continue
        found = (match_at(POSTCODES, text, at) for at in (start - 2, start - 1) if at >= 0)
        hits += islice(filter(None, found), 1)


def _token_start(text: str, at: int, last: int) -> int:
    before = text[max(last, at - LONGEST_TOKEN) : at]
    gap = max(before.rfind(" "), before.rfind("\0"), before.rfind("\n"))
    return at - len(before) + gap + 1
