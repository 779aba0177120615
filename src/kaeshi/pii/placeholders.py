"""A conversation with personal data replaced.

[PERSON_1] is the same person throughout, in every spelling.
"""

import math
import re
from bisect import bisect_right
from collections.abc import Mapping, Sequence

from kaeshi.errors import InvalidInput
from kaeshi.nouns import PLACEHOLDER, Finding, Original, Scrubbed, Watch, unwatched
from kaeshi.pii.altered import Altered, begins_json, is_altered, is_json
from kaeshi.pii.detection import detect_each, detect_joined, holds_number, shifted
from kaeshi.pii.fields import documents, quoted, unescaped
from kaeshi.pii.operators import TITLES, mask, pseudonym, surrogate
from kaeshi.pii.patterns import TYPES
from kaeshi.pii.policy import DEFAULT, Hit, Policy
from kaeshi.pii.validators import digits

_WORD = re.compile(r"[^\W\d_]+")
_SIGNS = re.compile(r"[\W_]+")
_NUMERIC = frozenset(
    {
        "PHONE",
        "SSN",
        "CREDIT_CARD",
        "BANK_ACCOUNT",
        "ROUTING",
        "ACCOUNT",
        "BOOKING",
        "PIN",
        "IBAN",
        "NATIONAL_ID",
        "PASSPORT",
        "DRIVER_LICENSE",
        "LICENSE_PLATE",
    }
)
EXACT = frozenset({"PASSWORD", "API_KEY", "CRYPTO_WALLET", "URL", "ACCESS_CODE"})


def scrub(
    texts: Sequence[str],
    names: Sequence[Sequence[Finding]] = (),
    policy: Policy = DEFAULT,
    *,
    key: bytes = b"",
    women: frozenset[str] = frozenset(),
    numbers: "Numbers | None" = None,
    watch: Watch = unwatched,
) -> Scrubbed:
    """All texts of one conversation with personal data replaced.

    `names`: one list of findings per text, or empty. `key` makes pseudonyms and chooses surrogates;
    `women`: given names with women's surrogates; `numbers` continues an earlier call's numbering;
    `watch` may stop it. Scrubbing a scrubbed text changes nothing. Raises InvalidInput for a text
    with NUL in it, and for pseudonyms without a key.

    >>> scrub(["I'm at 555-1234", "I call 5551234 or 555-1234?"]).texts[0]
    "I'm at [PHONE_1]"
    """
    joined = _joined(texts)
    hits = _settled(
        joined, detect_joined(joined, shifted(texts, names), policy, watch), policy, watch
    )
    return _replaced(texts, joined, hits, policy, key, women, numbers)


def scrub_each(
    conversations: Sequence[Sequence[str]],
    names: Sequence[Sequence[Sequence[Finding]]] = (),
    policy: Policy = DEFAULT,
    *,
    key: bytes = b"",
    women: frozenset[str] = frozenset(),
    watch: Watch = unwatched,
    within: Sequence[Sequence[tuple[int, int]] | None] = (),
) -> list[Scrubbed]:
    """Unrelated conversations, searched in one pass: the fast path.

    `within`: for each, the places of its first text outside of which nothing is replaced; None or
    no entry: everywhere.
    """
    joined = [_joined(texts) for texts in conversations]
    people = (
        [shifted(texts, found) for texts, found in zip(conversations, names, strict=True)]
        if names
        else ()
    )
    return [
        _replaced(
            texts,
            text,
            _inside(_settled(text, hits, policy, watch), only),
            policy,
            key,
            women,
            None,
        )
        for texts, text, hits, only in zip(
            conversations,
            joined,
            detect_each(joined, people, policy, watch),
            within or [None] * len(joined),
            strict=True,
        )
    ]


def _inside(hits: Sequence[Hit], only: Sequence[tuple[int, int]] | None) -> Sequence[Hit]:
    if only is None:
        return hits
    return [hit for hit in hits if any(a <= hit[0] and hit[1] <= b for a, b in only)]


def _joined(texts: Sequence[str]) -> str:
    joined = "\0".join(texts)
    if joined.count("\0") != max(len(texts) - 1, 0):
        msg = "a text holds a NUL character; remove it before scrubbing"
        raise InvalidInput(msg)
    return joined


def _replaced(
    texts: Sequence[str],
    joined: str,
    hits: Sequence[Hit],
    policy: Policy,
    key: bytes,
    women: frozenset[str],
    numbers: "Numbers | None",
) -> Scrubbed:
    _check_key(key, policy)
    if not hits:
        return Scrubbed(texts=tuple(texts), found={}, counts={}, originals=tuple(() for _ in texts))
    numbers = numbers or Numbers()
    numbers.leave(joined)
    made = _Replaced()
    in_json = next(documents(joined), None) is not None
    quotes = quoted(joined) if in_json else {}
    for start, end, kind, _, by in hits:
        value = joined[start:end]
        number, canonical = numbers.number(kind, unescaped(value) if in_json else value)
        made.keep(joined[made.last : start])
        stand_in = _stand_in(policy, kind, number, value, canonical, key, women)
        made.put(stand_in, kind, value, by, quotes.get((start, end), ""))
        made.last = end
    made.keep(joined[made.last :])
    return made.scrubbed(numbers)


class _Replaced:
    """The joined texts while they are rewritten. `last`: read up to; `length`: written."""

    __slots__ = ("counts", "last", "length", "originals", "pieces", "recognised", "start_of_text")

    def __init__(self) -> None:
        self.pieces: list[str] = []
        self.originals: list[list[Original]] = [[]]
        self.counts: dict[str, int] = {}
        self.recognised: dict[str, int] = {}
        self.last = 0
        self.length = 0
        self.start_of_text = 0

    def keep(self, between: str) -> None:
        """Copy text that is not personal data. NUL separates two texts."""
        seam = between.rfind("\0")
        if seam >= 0:
            self.originals += [[] for _ in range(between.count("\0"))]
            self.start_of_text = self.length + seam + 1
        self.pieces.append(between)
        self.length += len(between)

    def scrubbed(self, numbers: "Numbers") -> Scrubbed:
        """The texts, and what was replaced in them."""
        return Scrubbed(
            texts=tuple("".join(self.pieces).split("\0")),
            found={kind: tuple(values) for kind, values in numbers.values.items()},
            counts=self.counts,
            recognised=self.recognised,
            originals=tuple(map(tuple, self.originals)),
        )

    def put(self, stand_in: str, kind: str, value: str, by: str, quote: str = "") -> None:
        """Write the replacement of a value, between quotes if they are given, and count it."""
        stand_in = f"{quote}{stand_in}{quote}"
        self.counts[kind] = self.counts.get(kind, 0) + 1
        recognised = f"{kind} {by}"
        self.recognised[recognised] = self.recognised.get(recognised, 0) + 1
        start = self.length - self.start_of_text
        self.originals[-1].append((start, start + len(stand_in), kind, value))
        self.pieces.append(stand_in)
        self.length += len(stand_in)


def _check_key(key: bytes, policy: Policy) -> None:
    if not key and "pseudonym" in {policy.operator, *policy.operators.values()}:
        msg = "pseudonyms are made with a key; give one"
        raise InvalidInput(msg)


def _stand_in(
    policy: Policy,
    kind: str,
    number: int,
    value: str,
    canonical: str,
    key: bytes,
    women: frozenset[str],
) -> str:
    operator = policy.operators.get(kind, policy.operator)
    return (
        f"[{kind}_{number}]"
        if operator == "placeholder"
        else surrogate(kind, value, canonical, key, women)
        if operator == "surrogate"
        else mask(value)
        if operator == "mask"
        else pseudonym(kind, canonical, key)
    )


def _settled(text: str, hits: Sequence[Hit], policy: Policy, watch: Watch) -> Sequence[Hit]:
    """The findings, and those that become visible when they are replaced.

    Values too close to another finding, or too far from their cue, are found in a second pass.
    """
    fresh = hits
    while fresh:
        crowded = _crowded(text, hits)
        view, places = _without(text, hits)
        if not crowded and not holds_number(view):
            break
        fresh = [
            (back, back + end - start, kind, score, by)
            for start, end, kind, score, by in detect_joined(view, (), policy, watch)
            if (back := _back(places, start)) is not None
        ]
        hits = sorted([*hits, *fresh])
    return hits


def _without(text: str, hits: Sequence[Hit]) -> tuple[str, list[tuple[int, int, int]]]:
    """The text with placeholders for the findings, and where its parts came from.

    (start there, end there, start here).
    """
    pieces = []
    places = []
    last = 0
    length = 0
    for start, end, kind, *_ in hits:
        places.append((length, length + start - last, last))
        made = f"[{kind}_1]"
        pieces += [text[last:start], made]
        length += start - last + len(made)
        last = end
    places.append((length, length + len(text) - last, last))
    return "".join([*pieces, text[last:]]), places


def _back(places: Sequence[tuple[int, int, int]], start: int) -> int | None:
    i = bisect_right(places, (start, math.inf, 0)) - 1
    first, stop, came_from = places[i]
    return came_from + start - first if start < stop else None


def _crowded(text: str, hits: Sequence[Hit]) -> bool:
    """Whether a letter, a digit or another finding touches it."""
    last = -2
    for start, end, *_ in hits:
        if start - last < 3 or text[start - 1 : start].isalnum() or text[end : end + 1].isalnum():
            return True
        last = end
    return False


def restored(scrubbed: Scrubbed) -> tuple[str, ...]:
    """The original texts, whatever replaced the values."""
    texts = []
    for text, there in zip(scrubbed.texts, scrubbed.originals, strict=True):
        pieces = []
        last = 0
        for start, end, _, value in there:
            pieces += [text[last:start], value]
            last = end
        texts.append("".join([*pieces, text[last:]]))
    return tuple(texts)


def restore(text: str, found: Mapping[str, Sequence[str]], *, as_json: bool | None = None) -> str:
    """Restore the values with the map, also where a model has altered the placeholder.

    In JSON a value is escaped; `as_json`: whether it is JSON, None: as its beginning tells. An
    unknown placeholder stays.
    """
    return Altered(found).restored(text, as_json=is_json(text) if as_json is None else as_json)


def holds_placeholder(text: str) -> bool:
    """Whether a text has a placeholder, also one that a model has altered within its brackets.

    Such an answer is never served and never becomes an Entry.
    """
    return "[" in text and (PLACEHOLDER.search(text) is not None or is_altered(text, TYPES))


class Numbers:
    """Which value has which number.

    Two values that may differ never share one. A person is known by any part of their name, as long
    as no other person has it too: after James Smith and James Brown, James alone is a third.
    """

    def __init__(self) -> None:
        self.values: dict[str, list[str]] = {}
        self._numbers: dict[tuple[str, str], int] = {}
        self._people: list[tuple[int, set[str]]] = []  # numbers, and all parts of their names

    def leave(self, text: str) -> None:
        """Reserve the numbers of placeholders that stand in the text already."""
        for match in PLACEHOLDER.finditer(text) if "[" in text else ():
            if not match[2].isdigit():
                continue
            values = self.values.setdefault(match[1], [])
            values.extend(
                [f"[{match[1]}_{n}]" for n in range(len(values) + 1, min(int(match[2]), 1000) + 1)]
            )

    def number(self, kind: str, value: str) -> tuple[int, str]:
        """The value's number, and its canonical spelling."""
        key = _key(kind, value)
        parts = set(key.split()) if kind == "PERSON" else set[str]()
        number = self._person(parts) if parts else self._numbers.get((kind, key))
        if number is None:
            values = self.values.setdefault(kind, [])
            values.append(value)
            number = len(values)
            if parts:
                self._people.append((number, parts))
        self._numbers[kind, key] = number
        return number, _key(kind, self.values[kind][number - 1])

    def _person(self, parts: set[str]) -> int | None:
        """The one person whose name these are parts of, or who was known by parts of these."""
        exact = [number for number, known in self._people if known == parts]
        fitting = exact or [
            number for number, known in self._people if parts <= known or known <= parts
        ]
        if len(fitting) != 1:
            return None
        next(known for number, known in self._people if number == fitting[0]).update(parts)
        return fitting[0]


def _key(kind: str, value: str) -> str:
    """What two spellings of one value have in common."""
    if kind == "PERSON":
        parts = [
            word for word in _WORD.findall(value.lower()) if word not in TITLES and word != "s"
        ]
        return " ".join(parts) or value.lower()
    if kind in EXACT:
        return value
    if kind in _NUMERIC:
        written = _SIGNS.sub("", value.lower())
        number = digits(value)
        if kind == "PHONE" and number == written and len(number) == 11 and number[0] == "1":
            return number[1:]  # North America's own prefix
        return written or value.lower()
    return value.lower()


class Restorer:
    """Restores a text that arrives in pieces, with the map.

    It holds back only what may be the beginning of a placeholder. `as_json`: whether the text is
    JSON, in which values are escaped; None: as its beginning tells.
    """

    def __init__(self, found: Mapping[str, Sequence[str]], *, as_json: bool | None = None) -> None:
        self._altered = Altered(found)
        self._held = ""
        self._as_json = as_json
        self._begun = ""

    def feed(self, piece: str) -> str:
        """The text that is ready."""
        text = self._held + piece
        if self._as_json is None:
            self._begun += piece
            self._as_json = begins_json(self._begun)
        cut = self._altered.held_from(text)
        self._held = text[cut:]
        return self._altered.restored(text[:cut], as_json=bool(self._as_json))

    def close(self) -> str:
        """The text that was held back."""
        text = self._held
        self._held = ""
        return self._altered.restored(text, as_json=bool(self._as_json))
