"""From text to findings: recognisers where something sets them off, then one winner where findings overlap."""

import re
from collections.abc import Iterable, Iterator, Sequence

from kaeshi.rules.pii.normal import Normal, normal
from kaeshi.rules.pii.patterns import GLUED, NUMBERS, STREETS, WORDS, Recogniser
from kaeshi.rules.pii.policy import DEFAULT, Policy
from kaeshi.rules.pii.spans import Taken
from kaeshi.types import Finding

VERSION = "2"
PLACEHOLDER = re.compile(r"\[([A-Z]{2,15}(?:_[A-Z]{2,15}){0,2})_([1-9]\d{0,5})\]")
_NUMBER = re.compile(r"[0-9](?:[ .()/_-]{0,3}[0-9]){3,}")
_HOUSE = re.compile(r"[0-9](?<![\w$#.,/:-][0-9])[0-9]{0,5}(?:-[0-9]{1,5})?[A-Za-z]?(?: 1/2)?,? (?!(?:people|adults?|guests?|kids?|am|pm|of|for|in|on|at|and|or|is|to|the|hours?|minutes?|days?|stars?)\b)[A-Za-z0-9]")
_LETTER_DIGIT = re.compile(r"[0-9](?<=[A-Za-z_:-][0-9])")
_DIGITS = re.compile(r"[0-9]")
_TOKEN_LEAST = 7

Hit = tuple[int, int, str, float, str]


def detect(text: str, names: Sequence[Finding] = (), policy: Policy = DEFAULT) -> list[Finding]:
    """Personal data in one text, in reading order and without overlaps. `names` is what a NameFinder found in it.

    >>> [(f.type, f.start, f.end) for f in detect("Call 555-1234 or mail ann@example.com")]
    [('PHONE', 5, 13), ('EMAIL', 22, 37)]
    """
    people = [(f.start, f.end, f.type, f.score, f.recogniser) for f in names]
    return [Finding(start=a, end=b, type=kind, score=score, recogniser=by) for a, b, kind, score, by in detect_joined(text, people, policy)]


def detect_each(texts: Sequence[str], policy: Policy = DEFAULT) -> list[list[Hit]]:
    """Structured personal data in texts that have nothing to do with each other: the fast path, one pass over all of them."""
    return parted(texts, detect_joined("\0\0".join(texts), (), policy), 2)


def detect_texts(texts: Sequence[str], names: Sequence[Sequence[Finding]] = (), policy: Policy = DEFAULT) -> list[list[Hit]]:
    """Personal data in the texts of one conversation, text by text."""
    return parted(texts, detect_joined("\0".join(texts), shifted(texts, names), policy), 1)


def shifted(texts: Sequence[str], names: Sequence[Sequence[Finding]]) -> list[Hit]:
    """Findings of each text as places in the joined one."""
    moved: list[Hit] = []
    offset = 0
    for text, found in zip(texts, names, strict=False):
        moved += [(f.start + offset, f.end + offset, f.type, f.score, f.recogniser) for f in found]
        offset += len(text) + 1
    return moved


def parted(texts: Sequence[str], hits: Iterable[Hit], seam: int) -> list[list[Hit]]:
    """Places in the joined text as findings of each text; `seam` characters are between two."""
    found, starts, at = [list[Hit]() for _ in texts], [], 0
    for text in texts:
        starts.append(at)
        at += len(text) + seam
    i = 0
    for a, b, kind, score, by in hits:
        while i + 1 < len(starts) and starts[i + 1] <= a:
            i += 1
        found[i].append((a - starts[i], b - starts[i], kind, score, by))
    return found


def detect_joined(text: str, people: Iterable[Hit] = (), policy: Policy = DEFAULT) -> list[Hit]:
    """The same for a conversation whose turns are joined by NUL, as plain tuples in reading order."""
    view = normal(text)
    hits = [hit for hit in _structured(view.text) if hit[3] >= policy.threshold(hit[2])]
    if view.places is not None:
        hits = [(*view.back(a, b), kind, score, by) for a, b, kind, score, by in hits]
    hits += [hit for hit in people if hit[3] >= policy.threshold(hit[2])]
    hits += policy.denied(text)
    if not hits:
        return []
    taken = Taken(match.span() for match in PLACEHOLDER.finditer(text)) if "[" in text else Taken()
    return policy.allowed(text, _without_overlaps(hits, taken))


def _structured(text: str) -> Iterator[Hit]:
    lowered = text.lower()
    if len(lowered) != len(text):  # a few capital letters are longer when small
        lowered = "".join(c.lower() if len(c.lower()) == 1 else c for c in text)
    if _DIGITS.search(text) is not None:
        yield from _numbers(text)
        yield from _glued(text)
        yield from _streets(text)
    for recogniser in WORDS:
        for start, end in _windows(lowered, recogniser):
            yield from _matches(recogniser, text, start, end)


def _numbers(text: str) -> Iterator[Hit]:
    for island in _NUMBER.finditer(text):
        start, end = island.span()
        number = island[0]
        count = len(number) if number.isdigit() else len(_DIGITS.findall(number))
        for recogniser in NUMBERS:
            if recogniser.at_least <= count and recogniser.needs in number and (count <= recogniser.at_most or count > end - start - 40):
                before, after = recogniser.reach
                yield from _matches(recogniser, text, max(0, start - before), end + after)


def _glued(text: str) -> Iterator[Hit]:
    last = 0
    for place in _LETTER_DIGIT.finditer(text):
        at = place.start()
        if at < last:
            continue
        start = max(text.rfind(" ", last, at), text.rfind("\0", last, at), text.rfind("\n", last, at)) + 1 or last
        last = min((stop for stop in (text.find(" ", at), text.find("\0", at), text.find("\n", at)) if stop >= 0), default=len(text))
        if last - start >= _TOKEN_LEAST:
            for recogniser in GLUED:
                yield from _matches(recogniser, text, start, last + 1)


def _streets(text: str) -> Iterator[Hit]:
    last = -1
    for place in _HOUSE.finditer(text):
        if place.start() < last:
            continue
        for recogniser in STREETS:
            match = recogniser.pattern.match(text, place.start())
            if match and (recogniser.check is None or recogniser.check(text, *match.span())):
                yield *match.span(), recogniser.type, recogniser.score, recogniser.name
                last = match.end()
                break


def _windows(lowered: str, recogniser: Recogniser) -> Iterator[tuple[int, int]]:
    """Where its words stand, with its reach around them; windows that touch are one."""
    before, after = recogniser.reach
    places = sorted(place for word in recogniser.words for place in _finds(lowered, word))
    start = end = -1
    for place in places:
        if start >= 0 and place - before <= end:
            end = place + after
            continue
        if start >= 0:
            yield start, end
        start, end = max(0, place - before), place + after
    if start >= 0:
        yield start, end


def _finds(lowered: str, word: str) -> Iterator[int]:
    at = lowered.find(word)
    while at >= 0:
        yield at
        at = lowered.find(word, at + 1)


def _matches(recogniser: Recogniser, text: str, start: int, end: int) -> Iterator[Hit]:
    """Every place that passes the check. What fails is tried again one character on: a real number may stand behind a false start."""
    at = start
    while match := recogniser.pattern.search(text, at, end):
        first, stop = match.span(recogniser.group)
        cut: int | None = stop
        if recogniser.shorten is not None:
            cut = recogniser.shorten(text, first, stop)
        if cut is not None and (recogniser.check is None or recogniser.check(text, first, cut)):
            yield first, cut, recogniser.type, recogniser.score, recogniser.name
            at = max(cut, match.start() + 1)
        else:
            at = match.start() + 1


def _without_overlaps(hits: list[Hit], taken: Taken) -> list[Hit]:
    """The surest wins, then the longest; what is already a placeholder stays."""
    hits.sort(key=lambda hit: (-hit[3], hit[0] - hit[1], hit[0], hit[2]))
    chosen: list[Hit] = []
    for start, end, kind, score, by in hits:
        if taken.take(start, end):
            chosen.append((start, end, kind, score, by))
        elif kind in {"PERSON", "ADDRESS"}:
            # a name that runs into an address keeps the part that is its own, else the next scrub would find it
            own = [(a, b) for a, b in taken.rest(start, end) if b - a > 2 and taken.take(a, b)]  # initials are nobody
            chosen += [(a, b, kind, score, by) for a, b in own]
    return sorted(chosen)
