"""Personal data in a text: its place and type, and the text without it."""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from kaeshi.nouns.value import Value

# a replacement for personal data: a numbered placeholder [PERSON_1], or a keyed pseudonym
# [PERSON_x0123456789ab]
PLACEHOLDER = re.compile(r"\[([A-Z]{2,15}(?:_[A-Z]{2,15}){0,2})_([1-9]\d{0,5}|x[0-9a-f]{12})\]")


class Finding(Value):
    """One piece of personal data.

    Its place (characters, end exclusive), type, score and recogniser.
    """

    start: int
    end: int
    type: str
    score: float
    recogniser: str


Original = tuple[int, int, str, str]  # (start, end, type, original value), in the scrubbed text


class Scrubbed(Value):
    """Texts with personal data replaced.

    `found` is type -> values in order of first occurrence; `counts` type -> spans. `recognised`
    counts by "TYPE recogniser". `originals`: for each text (start, end, type, original value) in
    the scrubbed text, from which the text can be restored exactly; keep it as secret as the values.
    """

    texts: tuple[str, ...]
    found: Mapping[str, tuple[str, ...]]
    counts: Mapping[str, int]
    recognised: Mapping[str, int] = {}
    originals: tuple[tuple[Original, ...], ...] = ()


Watch = Callable[[], object]  # called between the parts of long work; it raises to stop it


def unwatched() -> None:
    """The watch for work without a time limit."""


class NameFinder(Protocol):
    """Finds people in a conversation: one list of findings per text.

    It may read all texts to decide about one; `watch` may stop it. `reads`: the scripts whose names
    it knows, as Unicode calls them ("LATIN"); None: every script.
    """

    version: str
    reads: frozenset[str] | None

    def find(self, texts: Sequence[str], known: Sequence[str] = ()) -> list[list[Finding]]: ...
    def find_each(
        self,
        conversations: Sequence[Sequence[str]],
        known: Sequence[str] = (),
        watch: Watch = unwatched,
    ) -> list[list[list[Finding]]]: ...
