r"""Normalised text for the recognisers, with a map back to the original places.

Fullwidth and other digits, styled letters, unusual dashes and spaces become plain; invisible
characters go; HTML entities, percent and \\u escapes are decoded; in a word of mixed scripts,
letters that look Latin become Latin; the name of a field (`dateOfBirth:`, `card_pin=`) is written
as words, so that it announces its value as a sentence would.
"""

import html
import re
import unicodedata
from dataclasses import dataclass
from re import Match
from urllib.parse import unquote

_DASHES = dict.fromkeys("‐‑‒–—―−﹘﹣－", "-")  # the characters that this module handles
_SPACES = dict.fromkeys(
    "\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u3000",
    " ",
)
_INVISIBLE = "\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufe00-\ufe0f\ufeff"
_HIDDEN = re.compile(
    f"[{_INVISIBLE}]|&(?:#\\d{{1,7}}|#[xX][0-9a-fA-F]{{1,6}}|[a-zA-Z]{{2,8}});"
    r"|(?:%[2-7][0-9A-Fa-f])(?<=[\w=&?/.:+-]...)(?=[\w%.+-])|(?:%[C-Fc-f][0-9A-Fa-f](?:%[89ABab][0-9A-Fa-f]){1,3})"
    r"|\\u[0-9a-fA-F]{4}"
    r"|(?<![A-Za-z0-9_])(?<!class )(?:[A-Za-z][a-z0-9]{0,30}(?:[_-]?[A-Z][a-z0-9]{0,30}|_[a-z0-9]{1,30}){1,6}"
    r"|[A-Z][A-Z0-9]{1,30}(?:_[A-Z0-9]{1,30}){1,6})(?=\"?[ \t]?[:=])"
)
_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
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
    if not odd and not _may_hide(text):
        return Normal(text)
    text = _plain_letters(odd, text)
    if not _HIDDEN.search(text):
        return Normal(text)
    return _unfolded(text)


def hides(text: str) -> bool:
    """Whether normalising may move the text's characters."""
    return not text.isascii() or _may_hide(text)


def _may_hide(text: str) -> bool:
    """Whether it has a sign with which an entity, an escape or the end of a field's name begins.

    A sign is found many times faster than what it begins.
    """
    return (
        _holds(text, "&", _HIDDEN)
        or _holds(text, "%", _HIDDEN)
        or _holds(text, "\\", _HIDDEN)
        or _holds(text, "_", _HUMPED)
        or _names_a_field(text, ":")
        or _names_a_field(text, "=")
    )


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


def _meant(written: str) -> str:
    """What a hidden form stands for; itself if for nothing."""
    if written[0] == "&":
        meant = html.unescape(written).translate(_PLAIN)
    elif written[0] == "%":
        try:
            meant = unquote(written, errors="strict")
        except UnicodeDecodeError:
            return written
    elif written[0] == "\\":
        meant = chr(int(written[2:], base=16))  # noqa: FURB166  # \\u is no prefix that int() knows
    elif written[0].isascii() and written[0].isalpha():
        return _HUMP.sub(" ", written).replace("_", " ").replace("-", " ").lower()
    else:
        return ""
    # neither a sign that would split a turn, nor half of a letter
    return written if "\0" in meant or "\ud800" <= meant <= "\udfff" else meant


def _resolve(
    match: Match[str], pieces: list[str], last: int, places: list[int], ends: list[int]
) -> tuple[list[int], list[int]]:
    meant = _meant(match[0])
    pieces.append(meant)
    if meant == match[0]:
        places += range(match.start(), last)
        ends += range(match.start() + 1, last + 1)
    else:
        places += [match.start()] * len(meant)
        ends += [last] * len(meant)
    return places, ends


_HUMPED = re.compile(r"_[A-Za-z0-9_]{1,60}\"?[ \t]?[:=]")


def _holds(text: str, sign: str, what: re.Pattern[str]) -> bool:
    """Whether one of the signs begins what is sought."""
    at = text.find(sign)
    while at >= 0:
        if what.match(text, at):
            return True
        at = text.find(sign, at + 1)
    return False


def _names_a_field(text: str, sign: str) -> bool:
    """Whether a word with a capital inside stands before the sign."""
    at = text.find(sign)
    while at >= 0:
        if _CAMEL.search(text, max(0, at - 40), at):
            return True
        at = text.find(sign, at + 1)
    return False


_CAMEL = re.compile(r"[a-z0-9][A-Z][A-Za-z0-9]{0,30}\"?[ \t]?\Z")


def _unmasked(word: re.Match[str]) -> str:
    return _MIXED.sub(_as_latin, word[0])


def _as_latin(match: re.Match[str]) -> str:
    """A run of letters and digits; one with a letter that is plainly of another script stays."""
    run = match[0]
    others = [c for c in run if _OTHER_SCRIPT.match(c)]
    if not others or not all(c in _LOOKALIKES for c in others) or len(others) == len(run):
        return run
    return "".join(_LOOKALIKES.get(c, c) for c in run)


_MIXED = re.compile(r"[\w@.+-]+")
