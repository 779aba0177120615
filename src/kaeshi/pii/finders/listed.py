"""Listed given names, with the surnames that follow them."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from kaeshi.pii.finders.cues import (
    CUES,
    FILLER,
    PARTS,
    PLACE_AFTER,
    PLACE_BEFORE,
    STOP_AFTER,
)
from kaeshi.pii.finders.lexicon import (
    name_lists,
)


class _Written(NamedTuple):
    """A word and its place. `word`: in lower case."""

    start: int
    end: int
    text: str
    word: str

    @property
    def is_large(self) -> bool:
        """Whether it begins with a capital letter."""
        return self.text[0].isupper()


def listed(text: str) -> Iterator[tuple[int, int]]:
    """Listed given names, with the surname that may follow.

    Capitalised, or after a cue for a person.
    """
    given, _, other = name_lists()
    words = [_Written(m.start(), m.end(), m[0], m[0].lower()) for m in PARTS.finditer(text)]
    end = -1
    for i, name in enumerate(words):
        # "Al" and "Ed" are mostly something else
        if name.word not in given or name.start < end or len(name.word) < 3:
            continue
        common = name.word in other
        follow = _follower(text, words, i)
        surnamed = follow is not None and _is_surname(follow, common=common)
        if not surnamed and not _is_name_alone(name, common=common, cued=_is_cued(words, i)):
            continue
        if _is_in_a_place(text, name):
            continue
        joined = follow is not None and (surnamed or _is_unlisted_surname(name, follow))
        end = follow.end if follow is not None and joined else name.end
        yield name.start, end


def _is_name_alone(name: _Written, *, common: bool, cued: bool) -> bool:
    """Whether a listed given name is a name without a surname.

    `common`: it is an everyday word too.
    """
    if name.is_large and not common:
        return True
    return cued and (name.is_large or not common)


def _follower(text: str, words: Sequence[_Written], i: int) -> _Written | None:
    """The next word, if only a space stands between."""
    if i + 1 < len(words) and words[i + 1].start == words[i].end + 1:
        return words[i + 1] if text[words[i].end] == " " else None
    return None


def _is_cued(words: Sequence[_Written], i: int) -> bool:
    """Whether the word before is a cue for a person, at most a comma and a space away."""
    return i > 0 and words[i - 1].word in CUES and words[i].start - words[i - 1].end <= 2


def _is_surname(follow: _Written, *, common: bool) -> bool:
    """Whether it is a listed surname.

    `common`: the given name before it is an everyday word too.
    """
    _, surnames, other = name_lists()
    if follow.word not in surnames or follow.word in STOP_AFTER:
        return False
    return follow.is_large or (not common and follow.word not in other)


def _is_unlisted_surname(name: _Written, follow: _Written) -> bool:
    """Whether it is spelt like a surname and is not an everyday word."""
    other = name_lists()[2]
    if not (name.is_large and follow.is_large) or follow.text.isupper() or len(follow.text) <= 2:
        return False
    return not (follow.word in other or follow.word in FILLER or follow.word in STOP_AFTER)


def _is_in_a_place(text: str, name: _Written) -> bool:
    before = PLACE_BEFORE.search(text, max(0, name.start - 7), name.start)
    return bool(before or PLACE_AFTER.match(text, name.end))
