"""Scripts whose names a finder cannot read.

What it cannot read it has not searched: such a conversation is not learned from.
"""

import re
import unicodedata
from collections.abc import Iterable

# the scripts that the model and the lists read
LATIN = frozenset({"LATIN"})
_LETTER = r"[^\W\d_\u0000-\u024f\u1e00-\u1eff\u2c60-\u2c7f\ua720-\ua7ff\ufb00-\ufb06\uff21-\uff5a]"
# two letters, with a vowel's mark between: a single one may be a sign
_OTHER = re.compile(rf"{_LETTER}\S?{_LETTER}")


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
            script = unicodedata.name(match[0][0], "UNKNOWN").partition(" ")[0]
            if script not in reads:
                return script
    return None
