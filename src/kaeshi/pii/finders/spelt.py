"""Names said letter by letter: `K O W A L`, `k-o-w-a-l`, `k as in kilo, o as in oscar`."""

import re
from collections.abc import Iterator
from collections.abc import Set as AbstractSet

from kaeshi.pii.finders.lexicon import name_lists

LEAST = 3  # letters
LEAST_WITHOUT_CUE = 4
_LETTERS = re.compile(r"(?<![^\W_])(?<!['’])[^\W\d_](?:(?:, |\. |[ .-])[^\W\d_](?![^\W_])){2,24}")
_AS_IN = re.compile(
    r"(?<![^\W_])[^\W\d_] (?:as in|for|like) [^\W\d_]{2,12}"
    r"(?:[, ]{1,2}(?:and |then )?[^\W\d_] (?:as in|for|like) [^\W\d_]{2,12}){1,24}"
)
_CUE = re.compile(
    r"\bspel|\bletters?\b|\bname|\bthat['’]?s\b|apellido|nombre|buchstab|épel|\bnom\b",
    re.IGNORECASE,
)
_ONE = re.compile(r"(?<![^\W_])[^\W\d_](?![^\W_])")
BEFORE = 40  # characters in which a cue may stand


def spelt(text: str, said: AbstractSet[str]) -> Iterator[tuple[int, int]]:
    """Spelt names in a text. `said`: its words in small letters.

    >>> list(spelt("it's Kowal, K O W A L", {"kowal"})), list(spelt("gate a b c", set()))
    ([(12, 21)], [])
    """
    for match in _LETTERS.finditer(text):
        word = "".join(filter(str.isalpha, match[0])).lower()
        cue = _CUE.search(text, max(0, match.start() - BEFORE), match.start()) is not None
        if (cue and len(word) >= LEAST) or (
            len(word) >= LEAST_WITHOUT_CUE
            and (word in said or any(word in names for names in name_lists()[:2]))
        ):
            yield match.span()
    if " as in " in text or " for " in text or " like " in text:
        for match in _AS_IN.finditer(text):
            if all(word[0].lower() == match[0][at].lower() for at, word in _explained(match)):
                yield match.span()


def _explained(match: re.Match[str]) -> Iterator[tuple[int, str]]:
    """Where each letter stands, and the word that explains it."""
    for letter in _ONE.finditer(match[0]):
        words = match[0][letter.end() :].split()
        yield letter.start(), words[2] if words[0] == "as" else words[1]
