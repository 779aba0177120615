"""Typed, numbered placeholders: [PERSON_1] is the same person throughout a conversation, however they are written."""

import re
from collections.abc import Mapping, Sequence

from kaeshi.errors import InvalidInput
from kaeshi.rules.pii.detection import PLACEHOLDER, Hit, detect_joined, shifted
from kaeshi.rules.pii.validators import digits
from kaeshi.types import Finding, Scrubbed

_WORD = re.compile(r"[^\W\d_]+")
_TITLES = frozenset({"mr", "mrs", "ms", "miss", "dr", "prof", "sir", "madam"})
_NUMERIC = frozenset({"PHONE", "SSN", "CREDIT_CARD", "BANK_ACCOUNT", "ROUTING", "ACCOUNT", "PIN"})
_PHONE_TAIL = 7


def scrub(texts: Sequence[str], names: Sequence[Sequence[Finding]] = ()) -> Scrubbed:
    """All texts of one conversation with personal data replaced. `names` has one list of findings per text, or is empty.

    Scrubbing what is scrubbed changes nothing. Raises InvalidInput for a text with NUL in it.

    >>> scrub(["I'm at 555-1234", "I call 5551234 or 555-1234?"]).texts[0]
    "I'm at [PHONE_1]"
    """
    if any("\0" in text for text in texts):
        msg = "a text holds a NUL character; remove it before scrubbing"
        raise InvalidInput(msg)
    joined = "\0".join(texts)
    hits = detect_joined(joined, shifted(texts, names))
    if not hits:
        return Scrubbed(texts=tuple(texts), found={}, counts={})
    numbers = _Numbers(joined)
    counts: dict[str, int] = {}
    while hits:
        joined = _replaced(joined, hits, numbers, counts)
        hits = detect_joined(joined)  # what stood too close to something else shows once that is gone
    return Scrubbed(texts=tuple(joined.split("\0")), found={kind: tuple(values) for kind, values in numbers.values.items()}, counts=counts)


def _replaced(text: str, hits: Sequence[Hit], numbers: "_Numbers", counts: dict[str, int]) -> str:
    pieces, last = [], 0
    for start, end, kind, _, _ in hits:
        pieces += [text[last:start], numbers.placeholder(kind, text[start:end])]
        last = end
        counts[kind] = counts.get(kind, 0) + 1
    return "".join([*pieces, text[last:]])


def restore(text: str, found: Mapping[str, Sequence[str]]) -> str:
    """Put the values back, for whoever holds the map. An unknown placeholder stays."""

    def value(match: re.Match[str]) -> str:
        values, number = found.get(match[1], ()), int(match[2])
        return values[number - 1] if number <= len(values) else match[0]

    return PLACEHOLDER.sub(value, text)


def holds_placeholder(text: str) -> bool:
    """Such an answer is never served and never becomes an Entry."""
    return "[" in text and PLACEHOLDER.search(text) is not None


class _Numbers:
    """Who has which number. A person is known by any part of their name, a phone by its last seven digits."""

    def __init__(self, text: str) -> None:
        self.values: dict[str, list[str]] = {}
        self._numbers: dict[tuple[str, str], int] = {}
        # placeholders that are in the text already keep their numbers to themselves
        for match in PLACEHOLDER.finditer(text) if "[" in text else ():
            values = self.values.setdefault(match[1], [])
            values.extend([f"[{match[1]}_{n}]" for n in range(len(values) + 1, min(int(match[2]), 1000) + 1)])

    def placeholder(self, kind: str, value: str) -> str:
        keys = _keys(kind, value)
        number = next((self._numbers[kind, key] for key in keys if (kind, key) in self._numbers), None)
        if number is None:
            values = self.values.setdefault(kind, [])
            values.append(value)
            number = len(values)
        for key in keys:
            self._numbers.setdefault((kind, key), number)
        return f"[{kind}_{number}]"


def _keys(kind: str, value: str) -> list[str]:
    """The spellings under which a value is the same value, the most telling first."""
    if kind == "PERSON":
        parts = [word for word in _WORD.findall(value.lower()) if word not in _TITLES and word != "s"]
        return [" ".join(parts), *parts] if len(parts) > 1 else parts or [value.lower()]
    if kind in _NUMERIC:
        number = digits(value)
        return [number[-_PHONE_TAIL:] if kind == "PHONE" else number]
    return [value.lower()]

