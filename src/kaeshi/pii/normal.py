"""Normalised text for the recognisers, with a map back to the original places.

Fullwidth and other digits, styled letters, unusual dashes and spaces become plain; invisible
characters go; HTML entities are decoded; in a word of mixed scripts, letters that look Latin become
Latin.
"""

import html
import re
import unicodedata
from dataclasses import dataclass
from re import Match

_DASHES = dict.fromkeys("‐‑‒–—―−﹘﹣－", "-")  # the characters that this module handles
_SPACES = dict.fromkeys(
    "\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u3000",
    " ",
)
_INVISIBLE = "\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufe00-\ufe0f\ufeff"
_HIDDEN = re.compile(f"[{_INVISIBLE}]|&(?:#\\d{{1,7}}|#[xX][0-9a-fA-F]{{1,6}}|[a-zA-Z]{{2,8}});")
_LOOKALIKES = dict(
    zip(
        "асеорхуіјѕһԁԛԝАВСЕНІЈКМОРЅТХУαορνικτΑΒΕΖΗΙΚΜΝΟΡΤΥΧ",
        "aceopxyijshdqwABCEHIJKMOPSTXYaopviktABEZHIKMNOPTYX",
        strict=False,
    )
)
_OTHER_SCRIPT = re.compile(r"[\u0370-\u052f]")
_WORD = re.compile(r"[^\s\0]{1,200}")
_ODD = re.compile("[^\x00-\x7f\u00a1-\u00ac\u00ae-\u017f\u2018-\u201d\u2026\u20ac]")
_LATIN = re.compile(r"[A-Za-z0-9@]")


@dataclass(frozen=True)
class Normal:
    """A normalised text.

    `places` and `ends`: where each character came from; None where nothing moved.
    """

    text: str
    places: list[int] | None = None
    ends: list[int] | None = None

    def back(self, start: int, end: int) -> tuple[int, int]:
        """The span in the original text."""
        if self.places is None or self.ends is None:
            return start, end
        return self.places[start], self.ends[end - 1]


class _Plain(dict[int, str]):
    """The plain form of each character that has one, computed once."""

    def __missing__(self, code: int) -> str:
        character = chr(code)
        plain = (
            _DASHES.get(character)
            or _SPACES.get(character)
            or unicodedata.normalize("NFKC", character)
        )
        digit = unicodedata.digit(character, None)
        if digit is not None and character.isdecimal():
            plain = str(digit)
        self[code] = plain if len(plain) == 1 else character
        return self[code]


_PLAIN = _Plain()


def normal(text: str) -> Normal:
    """The text in normal form.

    >>> normal("４111 and j&#111;hn").text
    '4111 and john'
    """
    odd = not text.isascii() and _ODD.search(text) is not None
    if not odd and "&" not in text:
        return Normal(text)
    text = _plain_letters(odd, text)
    if not (_holds_entity(text) if text.isascii() else _HIDDEN.search(text)):
        return Normal(text)
    return _unfolded(text)


def _plain_letters(odd: bool, text: str) -> str:
    if odd:
        text = text.translate(_PLAIN)
        if _OTHER_SCRIPT.search(text):
            text = _WORD.sub(_unmasked, text)
    return text


def _unfolded(text: str) -> Normal:
    """The text without invisible characters and entities, and where each character came from."""
    pieces: list[str] = []
    places: list[int] = []
    ends: list[int] = []
    last = 0
    for match in [*_HIDDEN.finditer(text), None]:
        stop = len(text) if match is None else match.start()
        pieces.append(text[last:stop])
        places += range(last, stop)
        ends += range(last + 1, stop + 1)
        if match is None:
            break
        last = match.end()
        places, ends = _resolve(match, pieces, last, places, ends)
    return Normal("".join(pieces), places, ends)


def _resolve(
    match: Match[str], pieces: list[str], last: int, places: list[int], ends: list[int]
) -> tuple[list[int], list[int]]:
    meant = html.unescape(match[0]) if match[0][0] == "&" else ""
    if meant == match[0] or "\0" in meant:  # not an entity, or one that would split a turn
        meant = match[0]
    pieces.append(meant)
    if meant == match[0]:
        places += range(match.start(), last)
        ends += range(match.start() + 1, last + 1)
    else:
        places += [match.start()] * len(meant)
        ends += [last] * len(meant)
    return places, ends


def _holds_entity(text: str) -> bool:
    """Whether it has an HTML entity. Only the places after & are searched."""
    at = text.find("&")
    while at >= 0:
        if _HIDDEN.match(text, at):
            return True
        at = text.find("&", at + 1)
    return False


def _unmasked(word: re.Match[str]) -> str:
    return "".join(_LOOKALIKES.get(c, c) for c in word[0]) if _LATIN.search(word[0]) else word[0]
