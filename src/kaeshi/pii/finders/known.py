"""Names that are no customer's: brands, firms, fonts and ideas, and parts of a program's words."""

import re
from functools import cache
from importlib import resources
from typing import NamedTuple

from kaeshi.pii.finders.lexicon import name_lists

AROUND = 40  # characters beside a name in which the rest of a brand may stand
_GAP = re.compile(r"\A(?:['’]s)?[ -]{0,2}")
_WORD = re.compile(r"[^\W_]+")
_POSSESSIVE = ("'s", "’s")


class Known(NamedTuple):
    """A name of a family.

    `shared`: people bear it too, and `cues` follow it where the family's is meant.
    """

    written: str
    family: int
    shared: bool
    cues: tuple[str, ...]


@cache
def _families() -> tuple[dict[str, list[Known]], list[frozenset[str]]]:
    """Names by each of their words, and the certain names of each family."""
    text = resources.files("kaeshi.pii").joinpath("data", "known_to_all.txt").read_text("utf-8")
    by_word: dict[str, list[Known]] = {}
    certain = []
    for family, line in enumerate(
        line for line in text.splitlines() if line and not line.startswith("#")
    ):
        names = [_known(entry, family) for entry in line.split("; ")]
        certain.append(frozenset(name.written for name in names if not name.shared))
        for name in names:
            for word in set(_WORD.findall(name.written)):
                by_word.setdefault(word, []).append(name)
    return by_word, certain


def _known(entry: str, family: int) -> Known:
    written, _, cues = entry.strip().partition(" | ")
    given, surnames, other = name_lists()
    borne = written not in other and (written in given or written in surnames)
    return Known(
        written.removeprefix("~"),
        family,
        written.startswith("~") or borne,
        tuple(cue.strip() for cue in cues.split(",") if cue.strip()),
    )


def known_to_all(text: str, start: int, end: int) -> bool:
    """Whether a name in a text is a part of a brand's, a firm's or an idea's.

    >>> known_to_all("I bank with Wells Fargo", 12, 17), known_to_all("I'm Claude", 4, 10)
    (True, False)
    """
    by_word, certain = _families()
    words = _WORD.findall(text[start:end].lower())
    for name in {name for word in words for name in by_word.get(word, ())}:
        for first, last in _places(text, start, end, name.written):
            if name.shared and not _is_meant(text, last, name, certain[name.family]):
                continue
            if first <= start and last >= _bare_end(text, start, end):
                return True
            # what is before or behind the brand belongs to it: "Estee Lauder cream"
            if first < end and last > start and len(words) <= len(_WORD.findall(name.written)) + 1:
                return True
    return False


def _bare_end(text: str, start: int, end: int) -> int:
    return end - 2 if text[start:end].endswith(_POSSESSIVE) else end


def _places(text: str, start: int, end: int, written: str) -> list[tuple[int, int]]:
    first = max(0, start - AROUND)
    lowered = text[first : end + AROUND].lower().replace("’", "'")
    found = []
    at = lowered.find(written)
    while at >= 0:
        last = at + len(written)
        if (
            not (lowered[at - 1 : at] if at else "").isalnum()
            and not lowered[last : last + 1].isalnum()
        ):
            found.append((first + at, first + last))
        at = lowered.find(written, at + 1)
    return found


def _is_meant(text: str, end: int, name: Known, certain: frozenset[str]) -> bool:
    """Whether a name that people have too is the brand's here."""
    after = _GAP.sub("", text[end : end + 24].lower(), count=1)
    if any(re.match(rf"{re.escape(cue)}(?!\w)", after) for cue in name.cues):
        return True
    lowered = text.lower()
    return any(re.search(rf"(?<!\w){re.escape(other)}(?!\w)", lowered) for other in certain)


def is_identifier(text: str, start: int, end: int) -> bool:
    """Whether a name is a part of a program's word: `mark_paid`, `JuanBuilder`, `jack.run()`."""
    before = text[max(0, start - 2) : start]
    after = text[end : end + 2]
    # an underscore alone is emphasis: _Ann Lee_
    glued_before = before[-1:] == "_" and before[:1].isalnum() and len(before) > 1
    glued_after = after[:1] == "_" and after[1:].isalnum()
    dotted = (
        before[-1:] == "." and before[:1].isalnum() and after[:1] == "." and after[1:].isalnum()
    )
    return (
        glued_before
        or glued_after
        or dotted
        or before[-1:] in {"$", "#"}
        or (after[:1].isupper() and text[end - 1].islower())
        or after in {"()", "::"}
    )
