"""From text to findings: every recogniser where its trigger occurs, then one winner where findings overlap."""

import re
from collections.abc import Iterable, Iterator, Sequence

from kaeshi.rules.pii.patterns import RECOGNISERS, Recogniser
from kaeshi.rules.pii.spans import Taken
from kaeshi.types import Finding

VERSION = "1"
PLACEHOLDER = re.compile(r"\[([A-Z]{2,15}(?:_[A-Z]{2,15}){0,2})_([1-9]\d{0,5})\]")
_DIGIT = re.compile(r"\d")
_NEEDS_NO_DIGIT = frozenset({"EMAIL", "URL", "PASSWORD", "SECURITY_ANSWER", "IP"})

Hit = tuple[int, int, str, float, str]


def detect(text: str, names: Sequence[Finding] = ()) -> list[Finding]:
    """Personal data in one text, in reading order and without overlaps. `names` is what a NameFinder found in it.

    >>> [(f.type, f.start, f.end) for f in detect("Call 555-1234 or mail ann@example.com")]
    [('PHONE', 5, 13), ('EMAIL', 22, 37)]
    """
    people = [(f.start, f.end, f.type, f.score, f.recogniser) for f in names]
    return [Finding(start=a, end=b, type=kind, score=score, recogniser=by) for a, b, kind, score, by in detect_joined(text, people)]


def detect_joined(text: str, people: Iterable[Hit] = ()) -> list[Hit]:
    """The same for a whole conversation joined by NUL, as plain tuples: the fast path."""
    hits = [*_structured(text), *people]
    if not hits:
        return []
    return _without_overlaps(hits, Taken(match.span() for match in PLACEHOLDER.finditer(text)) if "[" in text else Taken())


def _structured(text: str) -> Iterator[Hit]:
    has_digit, lowered = _DIGIT.search(text) is not None, text.lower()
    for recogniser in RECOGNISERS:
        if not has_digit and recogniser.type not in _NEEDS_NO_DIGIT:
            continue
        if not recogniser.triggers or any(trigger in lowered for trigger in recogniser.triggers):
            yield from _matches(recogniser, text)


def _matches(recogniser: Recogniser, text: str) -> Iterator[Hit]:
    """Every place that passes the check. What fails is tried again one character on: a real number may stand behind a false start."""
    at = 0
    while match := recogniser.pattern.search(text, at):
        start, end = match.span(recogniser.group)
        stop = end if recogniser.shorten is None else recogniser.shorten(text, start, end)
        if stop is not None and (recogniser.check is None or recogniser.check(text, start, stop)):
            yield start, stop, recogniser.type, recogniser.score, recogniser.name
            at = max(stop, match.start() + 1)
        else:
            at = match.start() + 1


def _without_overlaps(hits: list[Hit], taken: Taken) -> list[Hit]:
    """The surest wins, then the longest; what is already a placeholder stays."""
    hits.sort(key=lambda hit: (-hit[3], hit[0] - hit[1], hit[0], hit[2]))
    chosen: list[Hit] = []
    for start, end, kind, score, by in hits:
        if taken.take(start, end):
            chosen.append((start, end, kind, score, by))
        elif kind == "PERSON":
            # a name that runs into an address keeps the part that is its own, else the next scrub would find it
            own = [(a, b) for a, b in taken.rest(start, end) if b - a > 2 and taken.take(a, b)]  # initials are nobody
            chosen += [(a, b, kind, score, by) for a, b in own]
    return sorted(chosen)
