"""Personal data written in base 64, as logs and tool calls carry it."""

import base64
import binascii
import re
from collections.abc import Callable, Iterator, Sequence

from kaeshi.pii.policy import Hit

LEAST = 16
MOST = 8_000
SCORE = 0.9
_TOKEN = re.compile(r"(?<![\w+/=-])[A-Za-z0-9+/_-]{16,8000}={0,2}(?![\w+/=-])")
_PLAIN = re.compile(r"[^\x00-\x08\x0e-\x1f\x7f\ufffd]+")


def encoded(
    text: str, start: int, end: int, search: Callable[[str], Sequence[Hit]]
) -> Iterator[Hit]:
    """Tokens in a part of a text that hold personal data when decoded; each goes whole.

    `search`: what is in a text.

    >>> list(encoded("x YW5uQGV4YW1wbGUuY29t", 2, 22, lambda text: [(0, 5, "EMAIL", 1, "")] if "@" in text else []))
    [(2, 22, 'EMAIL', 0.9, 'in base 64')]
    """
    for match in _TOKEN.finditer(text, start, end):
        meant = _decoded(match[0])
        hits = search(meant) if meant is not None else ()
        if hits:
            yield *match.span(), hits[0][2], SCORE, "in base 64"


def _decoded(token: str) -> str | None:
    """The text that a token stands for, or None if it is none in UTF-8."""
    # words are letters of one case: base 64 mixes them, and has digits or signs
    if (
        token.isalpha() and (token.islower() or token.isupper() or token.istitle())
    ) or token.isdigit():
        return None
    bare = token.rstrip("=")
    if len(bare) % 4 == 1:
        return None
    try:
        raw = base64.b64decode(bare.replace("-", "+").replace("_", "/") + "=" * (-len(bare) % 4))
        meant = raw.decode()
    except (binascii.Error, UnicodeDecodeError):
        return None
    return meant if _PLAIN.fullmatch(meant) else None
