"""The scrubber on its own, for library users without a database.

`kaeshi.detect`, `kaeshi.scrub` and their relatives. Names and addresses come from the model that
`kaeshi models fetch` brings, or from word lists alone (KAESHI_NAMES=lists). Without the model every
call raises MissingModel: a text that was not searched is never passed as clean.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from importlib import resources
from itertools import islice
from typing import get_args

from kaeshi import pii
from kaeshi.errors import InvalidInput
from kaeshi.nouns import Finding, NameFinder, Original, Scrubbed
from kaeshi.pii import DEFAULT, Operator, Policy, Restorer
from kaeshi.pii.finders.choose import names_of, policy_of
from kaeshi.pii.records import Row
from kaeshi.settings import load

AT_ONCE = 200
MEMORY = 4  # earlier lines that may hold a cue for a line
LINE = 4_000  # characters of a line after which a stream looks for a place to cut it
MARGIN = 600  # characters behind that place that a stream waits for
MOST = 20_000  # characters that a stream holds back at most
_WRAPS = re.compile(r"[0-9]-?\r?\Z")
_SENTENCE = re.compile(r"[.!?][ \t]{1,4}")
_SPACE = re.compile(r"[ \t]")
_GAP = re.compile(r"\s")


def finder() -> NameFinder:
    """The NameFinder that the settings choose."""
    return names_of(load())


def policy(operator: str | None = None) -> Policy:
    """The deployment's policy (KAESHI_PII_POLICY), with another operator if one is given.

    Raises Misconfigured and InvalidInput.
    """
    own = policy_of(load())
    if operator is None:
        return own
    if operator not in get_args(Operator):
        msg = f"operator {operator!r} is none of {', '.join(get_args(Operator))}"
        raise InvalidInput(msg)
    return own.model_copy(update={"operator": operator})


def detect(text: str, policy: Policy = DEFAULT) -> list[Finding]:
    """Personal data in one text in reading order: place, type, score and recogniser.

    The result holds no text.
    """
    return pii.detect(text, finder().find([_checked(text)])[0], policy)


def scrub(
    texts: str | Sequence[str],
    policy: Policy = DEFAULT,
    *,
    key: bytes = b"",
    known: Sequence[str] = (),
) -> Scrubbed:
    """One text, or all texts of one conversation, with personal data replaced.

    A person has the same number throughout. `known`: names that are certain, such as the customer's
    own.
    """
    several = [texts] if isinstance(texts, str) else list(texts)
    return pii.scrub(
        several,
        finder().find([_checked(text) for text in several], known),
        policy,
        key=key,
        women=women(),
    )


def scrub_batch(texts: Sequence[str], policy: Policy = DEFAULT, *, key: bytes = b"") -> list[str]:
    """Texts that are unrelated, each scrubbed by itself: the fast path."""
    return [
        found.texts[0] for found in scrub_conversations(([text] for text in texts), policy, key=key)
    ]


def scrub_conversations(
    conversations: Iterable[Sequence[str]], policy: Policy = DEFAULT, *, key: bytes = b""
) -> Iterator[Scrubbed]:
    """Many conversations, each scrubbed by itself, two hundred at a time."""
    names = finder()
    waiting = iter(conversations)
    while part := [[_checked(text) for text in texts] for texts in islice(waiting, AT_ONCE)]:
        yield from pii.scrub_each(part, names.find_each(part), policy, key=key, women=women())


def scrub_rows(
    rows: Iterable[Row], policy: Policy = DEFAULT, *, key: bytes = b""
) -> Iterator[tuple[Row, Scrubbed]]:
    """Rows of JSON lines or CSV, each a conversation of its own, and what became of each.

    `row.written(scrubbed.texts[0])` is the row with its personal data replaced.
    """
    names = finder()
    waiting = iter(rows)
    while part := list(islice(waiting, AT_ONCE)):
        texts = [[row.text] for row in part]
        done = pii.scrub_each(
            texts,
            names.find_each(texts),
            policy,
            key=key,
            women=women(),
            within=[row.within for row in part],
        )
        yield from zip(part, done, strict=True)


def scrub_stream(
    pieces: Iterable[str], policy: Policy = DEFAULT, *, key: bytes = b""
) -> Iterator[str]:
    """A text in pieces, scrubbed line by line with the earlier lines in mind.

    The result does not depend on where the pieces are cut.
    """
    stream = ScrubStream(policy, key=key)
    for piece in pieces:
        ready = stream.feed(piece)
        if ready:
            yield ready
    ready = stream.close()
    if ready:
        yield ready


class ScrubStream:
    """`scrub_stream` for callers that push pieces.

    It holds back the unfinished line, and a line that ends in a digit until the next one begins.
    Where no line ends within LINE characters it cuts between two sentences or words, inside no
    finding, having seen MARGIN characters more. `keep`: record in
    `originals` what was replaced and where, as Scrubbed does.
    """

    def __init__(
        self,
        policy: Policy = DEFAULT,
        *,
        key: bytes = b"",
        names: NameFinder | None = None,
        keep: bool = False,
    ) -> None:
        self._policy = policy
        self._key = key
        self._keep = keep
        self._given = 0
        self.originals: list[Original] = []
        self._names = names or finder()
        self._held = ""
        self._said: list[str] = []
        self._numbers = pii.Numbers()
        self.counts: dict[str, int] = {}

    def feed(self, piece: str) -> str:
        """The scrubbed text that is ready."""
        self._held += _checked(piece)
        ready = []
        while (cut := self._cut()) is not None:
            line = self._held[:cut]
            self._held = self._held[cut:]
            ready.append(self._scrubbed(line))
        return "".join(ready)

    def close(self) -> str:
        """The text that was held back."""
        line = self._held
        self._held = ""
        return self._scrubbed(line) if line else ""

    def _cut(self) -> int | None:
        """Where the text is cut next; None while that depends on what is to come."""
        end = self._held.find("\n", 0, LINE + MARGIN)
        while end >= 0:
            behind = self._held[end + 1 : end + 2]
            if not _WRAPS.search(self._held, max(0, end - 2), end):
                return end + 1
            if not behind:
                return None
            if not behind.isdigit():  # else a number goes on in the next line
                return end + 1
            end = self._held.find("\n", end + 1, LINE + MARGIN)
        if len(self._held) < LINE + MARGIN:
            return None
        return self._between_words() or self._behind_word()

    def _between_words(self) -> int | None:
        """A place between two sentences, else between two words, that is inside no finding.

        It is looked for ahead of LINE, with MARGIN characters more in view, so that it does not
        depend on the pieces.
        """
        text = self._held[: LINE + MARGIN]
        said = [*self._said[-MEMORY:], text]
        found = pii.detect_texts(said, self._names.find(said), self._policy)[-1]
        for places in (_SENTENCE, _SPACE):
            for place in reversed([m.end() for m in places.finditer(text, LINE // 2, LINE)]):
                if not any(hit[0] < place < hit[1] for hit in found):
                    return place
        return None

    def _behind_word(self) -> int | None:
        """The end of a word, or of one value, that is longer than half a line."""
        end = _GAP.search(self._held, LINE, MOST)
        if end is not None:
            return end.end()
        return MOST if len(self._held) >= MOST else None

    def _scrubbed(self, line: str) -> str:
        # as the next turn of a conversation: earlier lines give cues and keep their numbers
        self._said = [*self._said[-MEMORY:], line]
        people = self._names.find(self._said, self._numbers.values.get("PERSON", ()))
        found = pii.scrub(
            self._said, people, self._policy, key=self._key, women=women(), numbers=self._numbers
        )
        self._count(found)
        if self._keep:
            self.originals += [
                (start + self._given, end + self._given, kind, value)
                for start, end, kind, value in found.originals[-1]
            ]
        self._given += len(found.texts[-1])
        return found.texts[-1]

    def _count(self, found: Scrubbed) -> None:
        """Counts by type of what stands in the last line."""
        for _, _, kind, _ in found.originals[-1]:
            self.counts[kind] = self.counts.get(kind, 0) + 1


def serve_scrubbed(text: str) -> tuple[str, Mapping[str, Sequence[str]]]:
    """The text a model may see, and the map that restores its answer.

    The map is never stored.
    """
    found = scrub(text)
    return found.texts[0], found.found


def restorer(found: Mapping[str, Sequence[str]]) -> Restorer:
    """Restores an answer that arrives in pieces."""
    return Restorer(found)


@cache
def women() -> frozenset[str]:
    """Given names of women, so that their surrogates are women's names too."""
    text = resources.files("kaeshi.pii").joinpath("data", "women.txt").read_text(encoding="utf-8")
    return frozenset(line for line in text.splitlines() if not line.startswith("#"))


def _checked(text: object) -> str:
    if not isinstance(text, str):
        msg = f"text is {type(text).__name__}, it must be a str"
        raise InvalidInput(msg)
    return text
