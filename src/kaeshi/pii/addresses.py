"""Where an address ends: with its postal code, and before a city that stands without one.

A city belongs to no one person and says where to deliver; a street beside it does not change that. A postal code
below a street, in an address of several lines, belongs to it.
"""

import re
from collections.abc import Iterator, Sequence

from kaeshi.pii.patterns import STREET_WORDS
from kaeshi.pii.policy import Hit

MOST_WORDS = 3  # of a city's name
LEAST_STREET = 3  # letters of a street's name
_NO_STREET = frozenset(
    "apt apartment flat unit suite ste room floor house building block number plot door box".split()
)
_LAST_PART = re.compile(r",[ \t]{0,3}([^,\d\n]{2,40})\Z")
_HOUSE = re.compile(r"\d.{0,80}?[^\W\d_]{2}|[^\W\d_]{2}.{0,80}?\d", re.DOTALL)
_NEXT_NUMBER = re.compile(r"\s*\n[\s>?*|]*\d{1,3}\Z")
_WORDS = re.compile(r"[^\W\d_]+")
_CODE_BELOW = re.compile(
    r"(?:,?[ \t]{0,3}\n{1,2}(?:[>?*|]{1,3})?[ \t]{0,3}[^\W\d_][^\d\n]{1,40}){0,3}?"
    r"(?:\n{1,2}(?:[>?*|]{1,3})?[ \t]{0,3}|[ \t])(?:[A-Z]{1,2}-)?(\d{4,6}(?:-\d{3,4})?)(?=[ \t]{0,3}(?:\n|\0|\Z))"
)


def bounded(text: str, hits: Sequence[Hit]) -> Iterator[Hit]:
    """The findings, addresses among them without a city at their end and with a code below them.

    >>> [(a, b) for a, b, *_ in bounded("12 Mill Road, Leeds", [(0, 19, "ADDRESS", 0.9, "street")])]
    [(0, 12)]
    """
    following = [*(hit[0] for hit in hits[1:]), len(text)][: len(hits)]
    for hit, stop in zip(hits, following, strict=True):
        if hit[2] != "ADDRESS":
            yield hit
        else:
            yield from _bounded(text, hit, stop)


def _bounded(text: str, hit: Hit, stop: int) -> Iterator[Hit]:
    """One address. `stop`: where the next finding begins."""
    start, found, kind, score, by = hit
    # what begins in the next line, as a phone
    begun = _NEXT_NUMBER.search(text, start, found)
    end = _before_city(text, start, begun.start() if begun else found)
    yield start, end, kind, score, by
    code = _CODE_BELOW.match(text, end)
    if code and "\n" in code[0] and code.end() <= stop:
        yield *code.span(1), kind, score, "postal code below"


def _before_city(text: str, start: int, end: int) -> int:
    while part := _LAST_PART.search(text, start, end):
        words = [word.lower() for word in _WORDS.findall(part[1])]
        before = {word.lower() for word in _WORDS.findall(text[start : part.start()])}
        if (
            len(words) > MOST_WORDS
            or not STREET_WORDS.isdisjoint(words)
            or max(map(len, before - _NO_STREET), default=0) < LEAST_STREET
            or not _HOUSE.search(text, start, part.start())
        ):
            break
        end = part.start()
    return end
