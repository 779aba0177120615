"""Searches around the signs and words that announce a value."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from kaeshi.nouns import Watch
from kaeshi.pii.patterns import WORDS
from kaeshi.pii.policy import Hit
from kaeshi.pii.recogniser import Recogniser

RARE = "@[]()/:-xzqj"  # in chat
# cues by their form without spaces, which is searched once: " pet" and "pet "
_ANNOUNCING = {
    word.strip(): tuple({w for r in WORDS for w in r.words if w.strip() == word.strip()})
    for r in WORDS
    for word in r.words
}


_IN_ASCII = tuple((core, words) for core, words in _ANNOUNCING.items() if core.isascii())
# the recognisers that each cue triggers, by their numbers
_TRIGGERED = {
    word: [number for number, r in enumerate(WORDS) if word in r.words]
    for words in _ANNOUNCING.values()
    for word in words
}


def announced(lowered: str, watch: Watch, text: str, hits: list[Hit]) -> None:
    """What stands near the cues of the recognisers that a word triggers.

    `lowered`: the text in small letters.
    """
    places = _places(lowered)
    for number in sorted({number for word in places for number in _TRIGGERED[word]}):
        recogniser = WORDS[number]
        for start, end in _windows(places, lowered, recogniser):
            watch()
            add_matches(recogniser, text, start, end, hits)


def _windows(
    places: Mapping[str, Sequence[int]], lowered: str, recogniser: Recogniser
) -> Iterator[tuple[int, int]]:
    """Windows around a recogniser's cues, of its reach; touching windows are merged.

    `places`: where each cue stands.
    """
    before, after = recogniser.reach
    found = sorted(
        place
        for word in recogniser.words
        for place in places.get(word, ())
        if recogniser.before is None or recogniser.before.search(lowered, max(0, place - 8), place)
    )
    start = end = -1
    for place in found:
        if start >= 0 and place - before <= end:
            end = place + after
            continue
        if start >= 0:
            yield start, end
        start = max(0, place - before)
        end = place + after
    if start >= 0:
        yield start, end


def _places(lowered: str) -> dict[str, list[int]]:
    """Where the cues stand that are there at all."""
    places: dict[str, list[int]] = {}
    for core, words in _IN_ASCII if lowered.isascii() else _ANNOUNCING.items():
        found = _finds(lowered, core)
        for word in words if found else ():
            before = word.index(core)
            there = (
                [at - before for at in found if lowered.startswith(word, at - before)]
                if word != core
                else found
            )
            if there:
                places[word] = there
    return places


def _finds(lowered: str, word: str) -> list[int]:
    """Where a word stands.

    Searched by its rarest character where it has a rare one: a single character is found many times
    faster than a word.
    """
    sought, before = _SOUGHT[word]
    found = []
    at = lowered.find(sought)
    while at >= 0:
        if before is None:
            found.append(at)
        elif lowered.startswith(word, at - before):
            found.append(at - before)
        at = lowered.find(sought, at + 1)
    return found


def _sought(word: str) -> tuple[str, int | None]:
    """What a word is searched by, and where in the word that stands; None: by the whole word."""
    rare = next((i for i, character in enumerate(word) if character in RARE), None)
    return (word, None) if rare is None else (word[rare], rare)


_SOUGHT = {core: _sought(core) for core in _ANNOUNCING}


def match_at(recognisers: Iterable[Recogniser], text: str, at: int) -> Hit | None:
    """What the first recogniser finds that matches from a place on and passes its check."""
    for recogniser in recognisers:
        match = recogniser.pattern.compiled.match(text, at)
        if match and (recogniser.check is None or recogniser.check(text, *match.span())):
            return *match.span(), recogniser.type, recogniser.score, recogniser.name
    return None


def add_matches(recogniser: Recogniser, text: str, start: int, end: int, hits: list[Hit]) -> None:
    """Every match that passes the check.

    After a failed check the search goes on one character later, since a real number may overlap the
    failed match.
    """
    search = recogniser.pattern.compiled.search
    at = start
    while match := search(text, at, end):
        first, stop = match.span(recogniser.group)
        cut: int | None = stop
        if recogniser.shorten is not None:
            cut = recogniser.shorten(text, first, stop)
        if cut is not None and (recogniser.check is None or recogniser.check(text, first, cut)):
            hits.append((first, cut, recogniser.type, recogniser.score, recogniser.name))
            at = max(cut, match.start() + 1)
        else:
            at = match.start() + 1
