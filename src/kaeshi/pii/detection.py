"""From text to findings.

Recognisers run where a trigger occurs; of overlapping findings one wins.
"""

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from itertools import accumulate

from kaeshi.nouns import PLACEHOLDER, Finding, Watch, unwatched
from kaeshi.pii.addresses import bounded
from kaeshi.pii.encoded import encoded
from kaeshi.pii.fields import BETWEEN, Document, Leaf, by_keys, document, documents, turns
from kaeshi.pii.national_phones import national_phone
from kaeshi.pii.normal import hides, normal
from kaeshi.pii.patterns import AFTER, NUMBERS, STREET_WORDS, STREETS
from kaeshi.pii.policy import DEFAULT, Hit, Policy
from kaeshi.pii.recogniser import Recogniser
from kaeshi.pii.spans import Taken, digit_runs
from kaeshi.pii.split import split_values
from kaeshi.pii.spoken import spoken
from kaeshi.pii.tokens import glued, postcodes
from kaeshi.pii.triggers import add_matches, announced, match_at

VERSION = "5"
_NUMBER = re.compile(r"[0-9](?:[ .()/_-]{0,3}[0-9]){3,}")
BETWEEN_DIGITS = " .,()/_|•·\t\n-"
LEAST_DIGITS = 4
MOST_BETWEEN = 3
_HOUSE = re.compile(
    r"[0-9](?<![\w$#.,/:-][0-9])[0-9]{0,5}(?:-[0-9]{1,5})?[A-Za-z]?(?: 1/2)?,? [A-Za-z0-9]"
)
# quantities, not house numbers
_COUNTED = frozenset(
    b"people person persons adults adult guests guest kids kid am pm of for in on at and or is to the hours hour minutes minute days day stars star tickets ticket percent degrees rooms "
    b"bed beds bath baths bathroom bathrooms bedroom bedrooms hotels cars restaurants transfers dollars bucks events options results movies flights stops apartments houses attractions seats seat salons layovers layover buses dentists places miles".split()
)
_STREETS = frozenset(word.encode() for word in STREET_WORDS)
_STREET_WITHIN = 62  # characters from a house number to the end of its street
_NO_HOUSE_AFTER = frozenset(".:$%/?!)\0\n")
_NO_HOUSE_BEFORE = frozenset("$#.,/:-_")
_WORDS_ONLY = bytes(
    code if 97 <= code <= 122 or code == 35 else code + 32 if 65 <= code <= 90 else 32
    for code in range(256)
)
_DIGIT = re.compile(r"[0-9]")
_SPOKEN = re.compile(r"[^\s\0]+")
_QUOTES = ".,;:!?\"'()“”‘’"
SECRETS = frozenset({"SECURITY_ANSWER", "PASSWORD"})
LEAST_SECRET = 4
SURE = 0.95  # a certain match of the whole number: no other recogniser needs to look at it
LEAST_PART = 2  # characters
_NUMBERED = re.compile(r"\d.*[^\W\d_]{3}|[^\W\d_]{3}.*\d", re.DOTALL)
_ISLANDS: dict[tuple[int, bool], tuple[tuple[Recogniser, ...], tuple[Recogniser, ...]]] = {}


def detect(text: str, names: Sequence[Finding] = (), policy: Policy = DEFAULT) -> list[Finding]:
    """Personal data in one text, in reading order and without overlaps.

    `names`: a NameFinder's findings in it.

    >>> [(f.type, f.start, f.end) for f in detect("Call 555-1234 or mail ann@example.com")]
    [('PHONE', 5, 13), ('EMAIL', 22, 37)]
    """
    people = [(f.start, f.end, f.type, f.score, f.recogniser) for f in names]
    return [
        Finding(start=a, end=b, type=kind, score=score, recogniser=by)
        for a, b, kind, score, by in detect_joined(text, people, policy)
    ]


def detect_each(
    texts: Sequence[str],
    people: Sequence[Iterable[Hit]] = (),
    policy: Policy = DEFAULT,
    watch: Watch = unwatched,
) -> list[Sequence[Hit]]:
    """Personal data in unrelated texts, in one pass over all of them: the fast path.

    A text may be a conversation, its turns joined by NUL. `people`: a NameFinder's findings in
    each.
    """
    found: list[Sequence[Hit]] = [()] * len(texts)
    # what needs normalising would have all others normalised with it
    plain: Sequence[int] = (
        [i for i, text in enumerate(texts) if not hides(text)]
        if hides("".join(texts))
        else range(len(texts))
    )
    _detect_plain(plain, texts, people, policy, watch, found)
    for i in {*range(len(texts))} - {*plain} if len(plain) < len(texts) else ():
        found[i] = detect_joined(texts[i], people[i] if people else (), policy, watch)
    return found


def _detect_plain(
    plain: Sequence[int],
    texts: Sequence[str],
    people: Sequence[Iterable[Hit]],
    policy: Policy,
    watch: Watch,
    found: list[Sequence[Hit]],
) -> None:
    starts = list(accumulate((len(texts[i]) + 2 for i in plain), initial=0))
    moved = [
        (a + start, b + start, kind, score, by)
        for i, start in zip(plain, starts, strict=False)
        for a, b, kind, score, by in (people[i] if people else ())
    ]
    for i, hits in zip(
        plain,
        parted(starts, detect_joined("\0\0".join(texts[i] for i in plain), moved, policy, watch)),
        strict=True,
    ):
        found[i] = hits


def detect_texts(
    texts: Sequence[str], names: Sequence[Sequence[Finding]] = (), policy: Policy = DEFAULT
) -> list[Sequence[Hit]]:
    """Personal data in the texts of one conversation, text by text."""
    starts = list(accumulate((len(text) + 1 for text in texts), initial=0))
    return parted(starts, detect_joined("\0".join(texts), shifted(texts, names), policy))


def shifted(texts: Sequence[str], names: Sequence[Sequence[Finding]]) -> list[Hit]:
    """Findings of each text as places in the joined text."""
    moved: list[Hit] = []
    offset = 0
    for text, found in zip(texts, names, strict=False):
        moved += [(f.start + offset, f.end + offset, f.type, f.score, f.recogniser) for f in found]
        offset += len(text) + 1
    return moved


def parted(starts: Sequence[int], hits: Iterable[Hit]) -> list[Sequence[Hit]]:
    """Places in the joined text as findings of each text.

    `starts`: where each text begins, and the end.
    """
    found: dict[int, list[Hit]] = {}
    for a, b, kind, score, by in hits:
        i = bisect_right(starts, a) - 1
        found.setdefault(i, []).append((a - starts[i], b - starts[i], kind, score, by))
    return [
        found.get(i, ()) for i in range(len(starts) - 1)
    ]  # most texts hold nothing, and an empty list for each would cost more than the search


def detect_joined(
    text: str, people: Iterable[Hit] = (), policy: Policy = DEFAULT, watch: Watch = unwatched
) -> list[Hit]:
    """Findings in a conversation whose turns are joined by NUL, as tuples in reading order."""
    prose, hits = _in_documents(text, policy, watch)
    hits += _in_prose(prose, policy, watch)
    hits = [hit for hit in (*hits, *people) if hit[3] >= policy.threshold(hit[2])]
    hits += policy.denied(text)
    if not hits:
        return []
    taken = Taken(match.span() for match in PLACEHOLDER.finditer(text)) if "[" in text else Taken()
    return policy.allowed(text, list(bounded(text, _without_overlaps(text, hits, taken))))


def _in_prose(text: str, policy: Policy, watch: Watch) -> list[Hit]:
    view = normal(text)
    hits = _structured(view.text, policy, watch)
    if view.places is None:
        return hits
    return [(*view.back(a, b), kind, score, by) for a, b, kind, score, by in hits]


def _in_documents(text: str, policy: Policy, watch: Watch) -> tuple[str, list[Hit]]:
    """The text with its JSON turns blanked, and what is found in their values."""
    hits: list[Hit] = []
    blanked = []
    last = 0
    for start, end in documents(text) if "{" in text or "[" in text else ():
        found = document(text[start:end])
        if found is None:
            continue
        hits += [
            (start + a, start + b, kind, score, by)
            for a, b, kind, score, by in in_fields(found, policy, watch)
        ]
        blanked += [text[last:start], " " * (end - start)]
        last = end
    return ("".join([*blanked, text[last:]]) if blanked else text), hits


def in_fields(found: Document, policy: Policy = DEFAULT, watch: Watch = unwatched) -> Iterator[Hit]:
    """What is found in the values of a document, by its places there.

    Each value is read after its key alone, and what people may have said as turns of a conversation.
    """
    # two NULs part what may announce nothing of each other
    view = found.view.replace(BETWEEN, "\0\0")
    for a, b, kind, score, by in (*by_keys(found), *_in_prose(view, policy, watch)):
        there = found.back(a, b)
        if there is not None:
            yield *there, kind, score, by
    said = turns(found.leaves)
    if len(said) > 1:
        yield from _in_turns(said, policy, watch)


def _in_turns(said: Sequence[Leaf], policy: Policy, watch: Watch) -> Iterator[Hit]:
    """What is found in values when they are read as turns that follow one another."""
    starts = list(accumulate((len(leaf.value) + 1 for leaf in said), initial=0))
    joined = "\0".join(leaf.value for leaf in said)
    for leaf, hits in zip(said, parted(starts, _in_prose(joined, policy, watch)), strict=True):
        for a, b, kind, score, by in hits:
            yield leaf.places[a], leaf.places[min(b, len(leaf.value))], kind, score, by


def holds_number(text: str) -> bool:
    """Whether the text has a number of four digits or more."""
    return _NUMBER.search(text) is not None


def _structured(text: str, policy: Policy, watch: Watch) -> list[Hit]:
    hits: list[Hit] = []
    lowered = _lowered(text)
    runs = digit_runs(text)
    for start, end in _islands(text, runs):
        watch()
        before = len(hits)
        _number(text, lowered, start, end, policy.unwanted, hits)
        if all(hit[2] == "BANK_ACCOUNT" for hit in hits[before:]):
            hits += national_phone(text, start, end, policy.regions)
    long_words = glued(text, runs, hits, watch)
    _streets(text, runs, hits, watch)
    postcodes(text, runs, hits)
    announced(lowered, watch, text, hits)
    hits += spoken(text, lowered)
    hits += split_values(text, runs)
    for start, end in long_words:
        hits += encoded(text, start, end, lambda meant: _structured(meant, policy, watch))
    hits += _said_again(text, [hit for hit in hits if hit[2] in SECRETS])
    return hits


def _lowered(text: str) -> str:
    lowered = text.lower()
    if len(lowered) != len(text):  # a few capital letters become longer in lower case
        lowered = "".join(c.lower() if len(c.lower()) == 1 else c for c in text)
    return lowered


def _said_again(text: str, secrets: Sequence[Hit]) -> Iterator[Hit]:
    """Further occurrences of a security answer or a password in its conversation."""
    secret_values: dict[tuple[int, int], dict[str, tuple[str, float]]] = {}
    _secrets_by_conversation(secrets, text, secret_values)
    for (first, last), values in secret_values.items():
        for word in _SPOKEN.finditer(text, first, last):
            bare = word[0].strip(_QUOTES)
            if bare and bare.lower() in values:
                start = word.start() + word[0].index(bare)
                yield start, start + len(bare), *values[bare.lower()], "said again"


def _secrets_by_conversation(
    secrets: Sequence[Hit],
    text: str,
    secret_values: dict[tuple[int, int], dict[str, tuple[str, float]]],
) -> None:
    first = 0
    last = -1
    for start, end, kind, score, _ in sorted(secrets):
        if end - start < LEAST_SECRET:
            continue
        if end > last:  # in the next conversation
            first = text.rfind("\0\0", 0, start) + 1
            last = text.find("\0\0", end)
            last = last if last >= 0 else len(text)
        secret_values.setdefault((first, last), {}).setdefault(
            text[start:end].strip(_QUOTES).lower(), (kind, score)
        )


def _islands(text: str, runs: Sequence[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Numbers of four digits and more, with at most three other characters in between."""
    first = last = -MOST_BETWEEN - 1
    count = 0
    for start, end in runs:
        if start - last > MOST_BETWEEN or text[last:start].strip(BETWEEN_DIGITS):
            if count >= LEAST_DIGITS:
                yield first, last
            first = start
            count = 0
        last = end
        count += end - start
    if count >= LEAST_DIGITS:
        yield first, last


def _number(
    text: str, lowered: str, start: int, end: int, unwanted: AbstractSet[str], hits: list[Hit]
) -> None:
    number = text[start:end]
    bare = number.isdigit()
    count = len(number) if bare else len(_DIGIT.findall(number))
    free, announced = _candidates(count, bare)
    before = len(hits)
    for recogniser in free:
        if recogniser.needs in number:
            add_matches(
                recogniser,
                text,
                max(0, start - recogniser.reach[0]),
                end + recogniser.reach[1],
                hits,
            )
            if (
                len(hits) > before
                and hits[-1][0] <= start
                and hits[-1][1] >= end
                and recogniser.score >= SURE
            ):
                return
    _announced_numbers(announced, unwanted, lowered, start, end, text, hits)


def _announced_numbers(
    announced: tuple[Recogniser, ...],
    unwanted: AbstractSet[str],
    lowered: str,
    start: int,
    end: int,
    text: str,
    hits: list[Hit],
) -> None:
    windows: dict[int, str] = {}
    for recogniser in announced:
        if recogniser.type in unwanted:
            continue
        within = recogniser.said_within
        if within not in windows:
            windows[within] = lowered[max(0, start - within) : end + AFTER]
        window = windows[within]
        if any(
            word in window
            for word in (recogniser.said_in_ascii if window.isascii() else recogniser.said)
        ):
            add_matches(
                recogniser,
                text,
                max(0, start - recogniser.reach[0]),
                end + recogniser.reach[1],
                hits,
            )


def _candidates(count: int, bare: bool) -> tuple[tuple[Recogniser, ...], tuple[Recogniser, ...]]:
    """The recognisers for a number of so many digits: without a cue, and with one.

    Several numbers may stand close together.
    """
    key = (min(count, 40), bare)
    if key not in _ISLANDS:
        fitting = [
            r
            for r in NUMBERS
            if r.at_least <= count
            and (count <= r.at_most or not bare)
            and (r.bare is None or r.bare == bare or not bare)
        ]
        _ISLANDS[key] = tuple(r for r in fitting if not r.said), tuple(r for r in fitting if r.said)
    return _ISLANDS[key]


def _streets(text: str, runs: Sequence[tuple[int, int]], hits: list[Hit], watch: Watch) -> None:
    last = -1
    words_only = text.encode("latin-1", "replace").translate(_WORDS_ONLY)
    for start, end in runs:
        if start < last or _is_no_house_number(text, start, end):
            continue
        if (
            words_only[end + 1 : words_only.find(b" ", end + 1)] in _COUNTED
            and not text[end + 1].isupper()
        ):
            continue
        if (
            _STREETS.isdisjoint(words_only[end : end + _STREET_WITHIN].split())
            or _HOUSE.match(text, start) is None
        ):
            continue
        watch()
        hit = match_at(STREETS, text, start)
        if hit is not None:
            last = start + len(text[start : hit[1]].rstrip(" .,"))
            hits.append((start, last, *hit[2:]))


def _is_no_house_number(text: str, start: int, end: int) -> bool:
    return text[end : end + 1] in _NO_HOUSE_AFTER or text[start - 1 : start] in _NO_HOUSE_BEFORE


def _without_overlaps(text: str, hits: list[Hit], taken: Taken) -> list[Hit]:
    """The highest score wins, then the longest; existing placeholders stay.

    Overlapping parts of one address become one address.
    """
    hits = _whole_addresses(hits)
    hits.sort(key=lambda hit: (-hit[3], hit[0] - hit[1], hit[0], hit[2]))
    chosen: list[Hit] = []
    for start, end, kind, score, by in hits:
        if taken.take(start, end):
            chosen.append((start, end, kind, score, by))
        elif kind in {"PERSON", "ADDRESS"}:
            # a name that overlaps an address keeps its own part, else scrubbing again would find it
            own = [
                (a, b)
                for a, b in taken.rest(start, end)
                if _is_part(text[a:b], kind) and taken.take(a, b)
            ]
            chosen += [(a, b, kind, score, by) for a, b in own]
    return sorted(chosen)


def _is_part(rest: str, kind: str) -> bool:
    """Whether what other findings leave of a name or an address is one; initials alone are not."""
    if kind == "PERSON":
        return len(rest) > LEAST_PART
    # "exp" between a card and its date is no address, whatever a model took the digits for
    return len(rest) > LEAST_PART and _NUMBERED.search(rest) is not None


def _whole_addresses(hits: list[Hit]) -> list[Hit]:
    """Overlapping addresses as one, with the recogniser and score of the highest."""
    addresses = sorted(hit for hit in hits if hit[2] == "ADDRESS")
    if len(addresses) < 2:
        return hits
    whole: list[Hit] = []
    for hit in addresses:
        if whole and hit[0] < whole[-1][1]:
            _, _, kind, score, by = max(whole[-1], hit, key=lambda h: h[3])
            whole[-1] = (whole[-1][0], max(whole[-1][1], hit[1]), kind, score, by)
        else:
            whole.append(hit)
    return [*(hit for hit in hits if hit[2] != "ADDRESS"), *whole]
