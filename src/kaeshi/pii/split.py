"""Values sent in pieces: half a card number in one message, the rest in the next.

Turns are joined by NUL. A short turn without digits may stand between the pieces ("go on", "ok, and
then"). Each piece is a finding of its own.
"""

import re
from collections.abc import Iterator, Sequence
from re import Match

from kaeshi.pii import cue_words
from kaeshi.pii.policy import Hit
from kaeshi.pii.validators import digits, is_card

_REST = r"(?:[ -]?[0-9]){1,18}"
# what leads to a further piece: "and the rest is", "last four are"
_LED = r"(?:(?:and|then|the|rest|remaining|last|next|other|second|half|part|four|eight|digits|numbers?|is|are|it'?s|of|it)[ :,]{1,2}){0,6}"
_PIECE = f"[0-9]{_REST}"
_NUMBER = re.compile(
    rf"[0-9](?<![\w$.,/-][0-9]){_REST}[ .,-]{{0,3}}(?:(?:\0[^\0\d?]{{1,20}})?\0[^\w\0$]{{0,3}}{_LED}{_PIECE}(?![\w/:]|[.,][0-9])[ .,-]{{0,3}}){{1,5}}"
)
_ONE = re.compile(_PIECE)
_SSN = re.compile(r"\bssn\b|social security|\bsocial\b", re.IGNORECASE)
_PHONE = re.compile(cue_words.PHONE, re.IGNORECASE)
_EMAIL = re.compile(
    r"([A-Za-z0-9][\w.%+-]{0,63}(?:@[A-Za-z0-9.-]{0,60})?)\s?\0\s?(@?[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){0,4}\.[A-Za-z]{2,24})(?![\w@])"
)
_SEAM = re.compile(
    rf"[ .,-]{{0,3}}\0(?:[^\0\d?]{{1,20}}\0)?[^\w\0$]{{0,3}}{_LED}[0-9]", re.IGNORECASE
)
# characters of a piece with the signs behind it, and of all further ones
LONGEST = 42
MOST = 400
# characters that may stand before and after the @
LOCAL = 66
DOMAIN = 420
DIGITS_OF_SSN = 9
DIGITS_OF_PHONE = 10
BEFORE = 120
SCORE = 0.9


def split_values(text: str, runs: Sequence[tuple[int, int]]) -> Iterator[Hit]:
    r"""Cards, social security numbers and e-mail addresses split over consecutive turns.

    `runs`: runs of digits.

    >>> from kaeshi.pii.spans import digit_runs
    >>> text = "card 4111 1111\0ok, go on\0" + "1111 1111"
    >>> [(kind, start) for start, _, kind, *_ in split_values(text, digit_runs(text))]
    [('CREDIT_CARD', 5), ('CREDIT_CARD', 25)]
    """
    if "\0" not in text:
        return
    yield from _numbers(text, runs)
    if "@" in text:
        yield from _emails(text)


def _emails(text: str) -> Iterator[Hit]:
    """E-mail addresses around each @ near a border between turns."""
    last = 0
    at = text.find("@")
    while at >= 0:
        match = (
            _EMAIL.search(text, max(last, at - LOCAL), at + DOMAIN)
            if "\0" in text[max(0, at - 2) : at + LOCAL]
            else None
        )
        if match and ("@" in match[1]) != ("@" in match[2]):
            yield from ((*match.span(group), "EMAIL", SCORE, "in pieces") for group in (1, 2))
            last = match.end()
        at = text.find("@", max(at + 1, last))


def _numbers(text: str, runs: Sequence[tuple[int, int]]) -> Iterator[Hit]:
    """Numbers around each border between turns with digits on both sides."""
    done = 0
    for _, end in runs:
        if "\0" not in text[end : end + 4] or end < done:
            continue
        seam = _SEAM.match(text, end)
        match = _NUMBER.search(text, max(done, end - LONGEST), seam.end() + MOST) if seam else None
        if match is None:
            continue
        done = match.end()
        pieces = _pieces_of(match)
        for first in range(len(pieces) - 1):
            for last in range(len(pieces), first + 1, -1):
                kind = _kind_of_pieces(pieces, first, last, text)
                if kind is not None:
                    yield from ((a, b, kind, SCORE, "in pieces") for a, b in pieces[first:last])


def _pieces_of(match: Match[str]) -> list[tuple[int, int]]:
    return [(m.start() + match.start(), m.end() + match.start()) for m in _ONE.finditer(match[0])]


def _kind_of_pieces(pieces: list[tuple[int, int]], first: int, last: int, text: str) -> str | None:
    number = "".join(digits(text[a:b]) for a, b in pieces[first:last])
    return _kind(number, text[max(0, pieces[first][0] - BEFORE) : pieces[first][0]])


def _kind(number: str, before: str) -> str | None:
    if 13 <= len(number) <= 19 and is_card(number):
        return "CREDIT_CARD"
    if len(number) == DIGITS_OF_SSN and _SSN.search(before):
        return "SSN"
    return "PHONE" if _is_phone(number) and _PHONE.search(before) else None


def _is_phone(number: str) -> bool:
    """Whether it has the digits of a phone in North America, or one with its trunk zero elsewhere."""
    return len(number) == DIGITS_OF_PHONE or (len(number) == 11 and number[0] in "01")
