"""Scripts whose names a finder cannot read.

What it cannot read it has not searched: such a conversation is not learned from.
"""

import re
import unicodedata
from collections.abc import Iterable

LEAST = 2  # letters in a row; one may be a sign
# the scripts that the model and the lists read
LATIN = frozenset({"LATIN"})
_OTHER = re.compile(
    r"[^\W\d_\u0000-\u024f\u1e00-\u1eff\u2c60-\u2c7f\ua720-\ua7ff\ufb00-\ufb06\uff21-\uff5a]{2,}"
)


def unread(texts: Iterable[str], reads: frozenset[str] | None) -> str | None:
    """The first script in the texts that is not read, in capitals; None if all are.

    `reads`: names of scripts as Unicode writes them; None: every script.

    >>> unread(["我叫王小明"], LATIN), unread(["Zażółć gęślą jaźń"], LATIN)
    ('CJK', None)
    """
    if reads is None:
        return None
    for text in texts:
        for match in _OTHER.finditer(text) if not text.isascii() else ():
            scripts = [unicodedata.name(letter, "UNKNOWN").split()[0] for letter in match[0]]
            script = next((name for name in scripts if name not in reads), None)
            if script is not None:
                return script
    return None
