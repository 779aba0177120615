"""Finds people by the words around them and by lists of common names.

It uses no model. It knows how people introduce themselves ("my name is ..."), what people answer
when asked for a name, and which words are names in the US Census. A name that was found once is
found again in every turn of the conversation.
"""

import re
from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from functools import cache, lru_cache
from importlib import resources
from itertools import islice, pairwise
from re import Match
from typing import Any, NamedTuple

from kaeshi.nouns import Finding, Watch, unwatched
from kaeshi.pii.finders.public_names import public
from kaeshi.pii.patterns import STREET_WORDS
from kaeshi.pii.spans import Taken

_NAME = r"[^\W\d_](?:[^\W\d_]|['’-](?=[^\W\d_])){0,30}"
_TOKENS = re.compile(_NAME)
_DIGIT = re.compile(r"[0-9]")
_PARTS = re.compile(r"[^\W\d_]+")
_COMMENT = re.compile(r"^#.*$", re.MULTILINE)
_RUN = rf"({_NAME}(?:[ ]{{1,2}}(?:{_NAME}|[A-Z]\.)){{0,3}})"
_INTRODUCED = re.compile(
    rf"\b(?:my (?:full |first |last |legal )?name(?: is|'s|’s|:| was)|(?:the |under the |full |first |last )?name(?: is|'s|’s|:)|names? on the (?:account|booking|reservation) is|"
    rf"(?:under|for) the name(?: of)?|(?:call|calls) me|(?:i am|i'm|i’m) called|name of|accounts? (?:of|belonging to|owned by))[ :]{{1,3}}(?:is )?{_RUN}",
    re.IGNORECASE,
)
_PRESENTED = re.compile(
    rf"\b(?:i['’]?m|i am|this is|it['’]?s|it is|that is|my (?:son|daughter|wife|husband|brother|sister|friend|mother|father|boss)|"
    rf"rsvp (?:for|to|at)|under|me and|driver (?:is|will be)|driven by)[ ]{{1,2}}({_NAME})",
    re.IGNORECASE,
)
_OWN_NAME = re.compile(
    r"my (?:full |first |last )?name|accounts? ", re.IGNORECASE
)  # or whose account it is
_CUES = frozenset(
    [
        "am",
        "i'm",
        "i’m",
        "im",
        "is",
        "it's",
        "it’s",
        "its",
        "that's",
        "here's",
        "name",
        "hi",
        "hello",
        "hey",
        "dear",
        "thanks",
        "you",
        "regards",
        "sincerely",
        "cheers",
        "with",
        "for",
        "from",
        "meet",
        "see",
        "and",
        "ask",
        "tell",
        "friend",
        "brother",
        "sister",
        "wife",
        "husband",
        "son",
        "daughter",
        "buddy",
        "bro",
        "sis",
        "mom",
        "dad",
        "boss",
        "colleague",
        "driver",
        "doctor",
        "host",
        "by",
        "to",
        "me",
    ]
)
_TITLED = re.compile(
    rf"\b(?:mr|mrs|ms|miss|dr|doctor|prof|professor)\.?[ ]{{1,2}}({_NAME}(?:[ ]{_NAME})?)",
    re.IGNORECASE,
)
_ASKS_NAME = re.compile(
    r"\b(?:your|full|first|last|the|customer'?s?|guest'?s?|driver'?s?|whose|what|which) ?(?:full |first |last )?name\b|(?:\A|[.?!,;-]\s?|\b(?:and|know|ask|say|me|so|then)\s)who(?:'s| is| am i| are you| would| will| should| do)\b|\bwhich doctor\b|\bname (?:please|of)",
    re.IGNORECASE,
)
_PLACE_BEFORE = re.compile(r"\b(?:San|Santa|St\.?|Saint|Fort|Port|Mount|Mt\.?|Lake|New|Los|Las) $")
_SAINT_BEFORE = re.compile(r"\b(?:san|santa|los|las|são|saint) \Z", re.IGNORECASE)
_LAST_WORD = re.compile(r"([^\W\d_]+) \Z")
_NEXT_WORD = re.compile(r" ([^\W\d_]+)")
_PLACE_AFTER = re.compile(
    r" (?:Street|St|Avenue|Ave|Road|Rd|Boulevard|Blvd|Lane|Drive|Court|Place|Way|Park|Inn|Hotel|Hall|Center|Centre|House|Hospital|Airport|University|Hill|Island|Beach|Bridge|County|City)\b"
)
_FILLER = frozenset(
    [
        "it",
        "its",
        "it's",
        "is",
        "it’s",
        "that",
        "that's",
        "i",
        "am",
        "i'm",
        "im",
        "my",
        "name",
        "the",
        "yes",
        "yeah",
        "sure",
        "ok",
        "okay",
        "hi",
        "hello",
        "here",
        "this",
        "for",
        "under",
        "and",
        "please",
        "of",
        "course",
        "a",
        "an",
        "thanks",
        "thank",
        "you",
        "well",
        "so",
        "um",
        "uh",
        "oh",
        "full",
        "first",
        "last",
        "would",
        "be",
        "sorry",
        "no",
        "not",
        "don't",
        "know",
        "remember",
        "also",
        "but",
        "with",
        "need",
        "want",
        "help",
        "dr",
        "mr",
        "mrs",
        "ms",
    ]
)
_STOP_AFTER = frozenset(
    [
        "your",
        "host",
        "driver",
        "think",
        "party",
        "guests",
        "doctor",
        "friend",
        "dumb",
        "yup",
        "his",
        "he",
        "she",
        "they",
        "asap",
        "and",
        "or",
        "but",
        "i",
        "my",
        "the",
        "a",
        "an",
        "from",
        "at",
        "in",
        "on",
        "to",
        "for",
        "with",
        "calling",
        "here",
        "speaking",
        "by",
        "is",
        "was",
        "can",
        "could",
        "would",
        "please",
        "is",
        "will",
        "has",
        "have",
        "i'm",
        "im",
        "it",
        "want",
        "need",
        "not",
        "we",
        "our",
        "who",
        "that",
        "this",
        "account",
        "number",
        "pin",
    ]
)


_NO_NAME = re.compile(
    r"(?:may (?:i|we)|will (?:you|it|that|there)|mark (?:it|the|that|this)|roger that|more|(?:wise|good|nice) guy|guy)\b",
    re.IGNORECASE,
)
LEAST_MISSPELT = 5  # letters: every short name is one letter away from some word
_LETTERS = "abcdefghijklmnopqrstuvwxyz"
_GLUE = frozenset("0123456789_@.-")
_GLUE_AFTER = frozenset("0123456789_@-")
_DOTTED = re.compile(r"\.\w")
# the lowest score of a model for an unlisted word
UNLISTED = 0.8
UNLISTED_SMALL = 0.97
# the lowest score for a search in other turns
SURE_LISTED = 0.8
SURE_UNLISTED = 0.98
_NOBODY = frozenset(["alexa"])  # unless a speaker says that it is their name


class ListedNames:
    """A NameFinder that needs three word lists only.

    `version` goes into every dataset's manifest.
    """

    version = "lists-4"

    def find(
        self,
        texts: Sequence[str],
        known: Sequence[str] = (),
        proposed: Sequence[Sequence[tuple[int, int, float]]] | None = None,
    ) -> list[list[Finding]]:
        """People in each text.

        `known`: names that are certain, such as the customer's own. `proposed`: a model's spans;
        the lists then add only what speakers say of themselves.
        """
        looked = [_look(text) for text in texts]
        spans = _introduced_in(looked, proposed, texts)
        known_to_all = _public_names(proposed, looked, texts)
        _without_public(looked, spans, known_to_all, proposed, texts)
        words = _sure_words(known, texts, spans)
        if not words and not any(spans):
            return [[] for _ in texts]
        parts = {part for word in words for part in _PARTS.findall(word)}
        return _findings_of(looked, parts, texts, spans, words)

    def find_each(
        self,
        conversations: Sequence[Sequence[str]],
        known: Sequence[str] = (),
        watch: Watch = unwatched,
    ) -> list[list[list[Finding]]]:
        """People in each text of many conversations."""
        found = []
        for texts in conversations:
            watch()
            found.append(self.find(texts, known))
        return found


def _introduced_in(
    looked: "list[Look]",
    proposed: Sequence[Sequence[tuple[int, int, float]]] | None,
    texts: Sequence[str],
) -> list[list[tuple[int, int, bool]]]:
    """Spans in which speakers introduce themselves, or answer a question for a name."""
    spans = [[*look.introduced, *(look.guessed if proposed is None else ())] for look in looked]
    for i, look in enumerate(looked):
        if i and looked[i - 1].asks:
            spans[i] += [
                (a, b, True)
                for a, b in _answered(texts[i])
                if proposed is None or _is_answer(texts[i], a, b, len(look.said))
            ]
    return spans


def _public_names(
    proposed: Sequence[Sequence[tuple[int, int, float]]] | None,
    looked: "list[Look]",
    texts: Sequence[str],
) -> frozenset[tuple[int, int, int]]:
    known_to_all = frozenset[tuple[int, int, int]]()
    if proposed is not None and any(proposed):
        named = [
            [(a, b) for a, b, _ in (*seen, *look.titled, *look.introduced)]
            for seen, look in zip(proposed, looked, strict=True)
        ]
        known_to_all = public(texts, named, _lists()[0])
    return known_to_all


def _without_public(
    looked: "list[Look]",
    spans: list[list[tuple[int, int, bool]]],
    known_to_all: frozenset[tuple[int, int, int]],
    proposed: Sequence[Sequence[tuple[int, int, float]]] | None,
    texts: Sequence[str],
) -> None:
    for i, look in enumerate(looked):
        spans[i] = [
            span for span in (*spans[i], *look.titled) if (i, span[0], span[1]) not in known_to_all
        ]
    for i, seen in enumerate(proposed or ()):
        spans[i] += _credible(
            texts[i], [span for span in seen if (i, span[0], span[1]) not in known_to_all]
        )


def _sure_words(
    known: Sequence[str], texts: Sequence[str], spans: list[list[tuple[int, int, bool]]]
) -> set[Any]:
    """The words of certain names, in lower case."""
    words = {part.lower() for name in known for part in _TOKENS.findall(name)}
    for text, found in zip(texts, spans, strict=True):
        for start, end, sure in found:
            # initials alone are not a name, and "salon" or "Vallejo" in the name of one is a word
            # or a place
            # everywhere else
            if sure:
                words.update(
                    part.lower()
                    for part in _TOKENS.findall(text[start:end])
                    if len(part) > 2 and could_name(part) and part.lower() not in _places()
                )
    return words


def _findings_of(
    looked: "list[Look]",
    parts: set[Any],
    texts: Sequence[str],
    spans: list[list[tuple[int, int, bool]]],
    words: set[Any],
) -> list[list[Finding]]:
    again = [not parts.isdisjoint(look.said) for look in looked]
    return [
        _findings(text, found, words if said else frozenset()) if said or found else []
        for text, found, said in zip(texts, spans, again, strict=True)
    ]


def could_name(text: str) -> bool:
    """Whether the text may hold a name or an address.

    It may not if all its words are everyday ones.

    >>> could_name("Sounds good, see you then!"), could_name("Transfer it to Kagiso")
    (False, True)
    """
    everyday = _words("everyday.txt")
    small = _words("small_letters.txt")
    has_digit = _DIGIT.search(text) is not None
    for match in _PARTS.finditer(text):
        word = match[0]
        lowered = word.lower()
        if has_digit and lowered in STREET_WORDS and len(word) > 2:
            return True
        if len(word) > 1 and lowered not in everyday and not (word.islower() and lowered in small):
            return True
    return False


def is_misspelt(word: str) -> bool:
    """Whether it is a common word with two letters swapped, one missing or one too many.

    >>> is_misspelt("thnaks"), is_misspelt("transfr"), is_misspelt("pleasee"), is_misspelt("kagiso")
    (True, True, True, False)
    """
    given, surnames, _ = _lists()
    length = len(word)
    if length < LEAST_MISSPELT or word in given or word in surnames:
        return False
    common = _words("common.txt")
    return _is_swapped(length, word, common)


def _is_swapped(length: int, word: str, common: frozenset[str]) -> bool:
    return (
        any(word[:i] + word[i + 1] + word[i] + word[i + 2 :] in common for i in range(length - 1))
        or any(
            word[:i] + letter + word[i:] in common
            for i in range(1, length + 1)
            for letter in _LETTERS
        )
        or any(word[:i] + word[i + 1 :] in common for i in range(length))
    )


def names_a_place(words: Sequence[str]) -> bool:
    """Whether a city or country is among the (lower-case) words, in one word or two."""
    places = _places()
    return any(word in places for word in words) or any(
        f"{a} {b}" in places for a, b in pairwise(words)
    )


def is_common_name(word: str) -> bool:
    """Whether it is a listed given name and rarely anything else."""
    given, _surnames, other = _lists()
    lowered = word.lower()
    return lowered in given and lowered not in other


def _is_answer(text: str, start: int, end: int, words: int) -> bool:
    """Whether it is a listed name, or the whole first answer to a question for one.

    A model has read the text already, so no other rule is needed.
    """
    given, surnames, other = _lists()
    first = _PARTS.findall(text[start:end].lower())[0]
    if first in given or (
        first in surnames and (first not in other or (words == 1 and text[start].isupper()))
    ):
        return True
    alone = words <= 2 or text[end : end + 1] in {".", ",", "!"}
    return alone and text[start].isupper() and could_name(text[start:end])


def _credible(text: str, seen: Sequence[tuple[int, int, float]]) -> list[tuple[int, int, bool]]:
    """A model's proposals without everyday words and places: (start, end, certain).

    A certain name is searched for in other turns too.
    """
    given, surnames, other = _lists()
    found = []
    for start, end, score in seen:
        words = [word.lower() for word in _PARTS.findall(text[start:end])]
        if _is_everyday(text, start, end, words) or _is_place(text, start, end):
            continue
        listed = any(word in given or word in surnames for word in words)
        if not listed and score < (UNLISTED if text[start].isupper() else UNLISTED_SMALL):
            continue
        sure = score > (SURE_LISTED if listed else SURE_UNLISTED)
        found.append((start, end, sure and not any(word in other for word in words)))
    return found


def _is_everyday(text: str, start: int, end: int, words: Sequence[str]) -> bool:
    """Common words, also misspelt ones, and words in places where no name stands."""
    if not words or all(word in _NOBODY or word in _FILLER for word in words):
        return True
    written = text[start:end]
    if not could_name(written) or _NO_NAME.match(text, start):
        return True
    return written.islower() and all(is_misspelt(word) for word in words if could_name(word))


def _is_place(text: str, start: int, end: int) -> bool:
    """Whether it is a city, also with its state.

    Or a word of a city's name ("Morgan" Hill), or named after a saint.
    """
    words = [word.lower() for word in _PARTS.findall(text[start:end])]
    named = " ".join(words)
    if named in _places() or (len(words[-1]) == 2 and named[:-3] in _places()):
        return True
    return _names_around(text, start, end, named)


def _names_around(text: str, start: int, end: int, named: str) -> bool:
    before = _LAST_WORD.search(text, max(0, start - 20), start)
    after = _NEXT_WORD.match(text, end)
    around = [f"{before[1]} {named}"] if before else []
    around += [f"{named} {after[1]}"] if after else []
    around += [f"{before[1]} {named} {after[1]}"] if before and after else []
    return (
        any(place.lower() in _places() for place in around)
        or _SAINT_BEFORE.search(text, max(0, start - 7), start) is not None
    )


Named = tuple[tuple[int, int, bool], ...]  # (start, end, may be looked for in other turns)


class Look(NamedTuple):
    """What one text says by itself, in lower-case words.

    Who introduces themselves, who has a title, who is on the lists, and whether it asks for a name.
    """

    said: frozenset[str]
    introduced: Named
    titled: Named
    guessed: Named
    asks: bool


@lru_cache(3_000)  # assistants repeat themselves
def _look(text: str) -> Look:
    said = frozenset(_PARTS.findall(text.lower()))
    if said.isdisjoint(_telling()):
        return Look(said, (), (), (), _asks_name(text))
    introduced = (*((a, b, True) for a, b in _introduced(text)), *_presented(text))
    return Look(
        said,
        introduced,
        tuple(_titled(text)),
        tuple((a, b, True) for a, b in _listed(text)),
        _asks_name(text),
    )


@cache
def _telling() -> frozenset[str]:
    """The cues for a name: without one, a text has a name only if one was asked for."""
    given, _surnames, other = _lists()
    return (given - other) | {
        "name",
        "names",
        "account",
        "accounts",
        "call",
        "calls",
        "called",
        "mr",
        "mrs",
        "ms",
        "miss",
        "dr",
        "doctor",
        "prof",
        "professor",
    }


def _asks_name(text: str) -> bool:
    return ("name" in text or "ho" in text or "doctor" in text) and _ASKS_NAME.search(
        text
    ) is not None


def _introduced(text: str) -> Iterator[tuple[int, int]]:
    if "ame" in text or "AME" in text or "call" in text or "ccount" in text:
        for match in _INTRODUCED.finditer(text):
            yield from _name_run(
                text, match.start(1), match.end(1), own=_OWN_NAME.match(match[0]) is not None
            )


def _name_run(text: str, start: int, end: int, *, own: bool) -> Iterator[tuple[int, int]]:
    """The leading words after an introduction that can be a name.

    Any word at first, then listed or capitalised ones. `own`: the speaker gives their own name or
    an account holder's; a capitalised word is then a name whatever else it means.
    """
    given, surnames, other = _lists()
    first = last = None
    for match in _TOKENS.finditer(text, start, end):
        written = match[0].removesuffix("'s").removesuffix("’s")
        word = written.lower()  # which may be longer
        if word in _STOP_AFTER or (word in _FILLER and first is None):
            break
        large = match[0][0].isupper()
        listed = word in given or word in surnames
        if first is None and not large and not could_name(word):
            break
        if word in other and not (large and (listed or (own and first is None))):
            break
        if first is not None and not (large or listed):
            break
        first = match.start() if first is None else first
        last = match.start() + len(written)
    if first is not None and last is not None and last - first > 1:
        yield first, last


def _presented(text: str) -> Iterator[tuple[int, int, bool]]:
    for match in _PRESENTED.finditer(text):
        word = match[1].removesuffix("'s").removesuffix("’s")
        if is_common_name(word):
            yield match.start(1), match.start(1) + len(word), True


def _titled(text: str) -> Iterator[tuple[int, int, bool]]:
    for match in _TITLED.finditer(text):
        words = match[1].split(" ")
        if (
            words[0].lower() in _STOP_AFTER
            or words[0].lower() in _FILLER
            or not (
                words[0][0].isupper() or any(words[0].lower() in names for names in _lists()[:2])
            )
        ):
            continue
        both = len(words) > 1 and words[1][0].isupper() and words[1].lower() not in _lists()[2]
        yield (
            match.start(1),
            match.start(1) + len(match[1] if both else words[0].removesuffix("'s")),
            words[0].lower() not in _lists()[2],
        )


class _Written(NamedTuple):
    """A word and its place. `word`: in lower case."""

    start: int
    end: int
    text: str
    word: str

    @property
    def is_large(self) -> bool:
        """Whether it begins with a capital letter."""
        return self.text[0].isupper()


def _listed(text: str) -> Iterator[tuple[int, int]]:
    """Listed given names, with the surname that may follow.

    Capitalised, or after a cue for a person.
    """
    given, _, other = _lists()
    words = [_Written(m.start(), m.end(), m[0], m[0].lower()) for m in _PARTS.finditer(text)]
    end = -1
    for i, name in enumerate(words):
        # "Al" and "Ed" are mostly something else
        if name.word not in given or name.start < end or len(name.word) < 3:
            continue
        common = name.word in other
        follow = _follower(text, words, i)
        surnamed = follow is not None and _is_surname(follow, common=common)
        if not surnamed and not _is_name_alone(name, common=common, cued=_is_cued(words, i)):
            continue
        if _is_in_a_place(text, name):
            continue
        joined = follow is not None and (surnamed or _is_unlisted_surname(name, follow))
        end = follow.end if follow is not None and joined else name.end
        yield name.start, end


def _is_name_alone(name: _Written, *, common: bool, cued: bool) -> bool:
    """Whether a listed given name is a name without a surname.

    `common`: it is an everyday word too.
    """
    if name.is_large and not common:
        return True
    return cued and (name.is_large or not common)


def _follower(text: str, words: Sequence[_Written], i: int) -> _Written | None:
    """The next word, if only a space stands between."""
    if i + 1 < len(words) and words[i + 1].start == words[i].end + 1:
        return words[i + 1] if text[words[i].end] == " " else None
    return None


def _is_cued(words: Sequence[_Written], i: int) -> bool:
    """Whether the word before is a cue for a person, at most a comma and a space away."""
    return i > 0 and words[i - 1].word in _CUES and words[i].start - words[i - 1].end <= 2


def _is_surname(follow: _Written, *, common: bool) -> bool:
    """Whether it is a listed surname.

    `common`: the given name before it is an everyday word too.
    """
    _, surnames, other = _lists()
    if follow.word not in surnames or follow.word in _STOP_AFTER:
        return False
    return follow.is_large or (not common and follow.word not in other)


def _is_unlisted_surname(name: _Written, follow: _Written) -> bool:
    """Whether it is spelt like a surname and is not an everyday word."""
    other = _lists()[2]
    if not (name.is_large and follow.is_large) or follow.text.isupper() or len(follow.text) <= 2:
        return False
    return not (follow.word in other or follow.word in _FILLER or follow.word in _STOP_AFTER)


def _is_in_a_place(text: str, name: _Written) -> bool:
    before = _PLACE_BEFORE.search(text, max(0, name.start - 7), name.start)
    return bool(before or _PLACE_AFTER.match(text, name.end))


def _answered(text: str) -> Iterator[tuple[int, int]]:
    """The name in a reply to a question for one.

    A reply of a few words counts, up to the first word that cannot be a name.
    """
    given, surnames, other = _lists()
    words = list(islice(_TOKENS.finditer(text), 13))  # one more than a reply of a few words has
    run = [m for m in words[:12] if m[0].lower() not in _FILLER]
    if not run:
        return
    head = run[0]
    if len(words) > 12:  # longer replies are stories, with the name at the beginning if at all
        if _heads_a_story(text, head):
            yield head.span()
        return
    if head[0].lower() in _STOP_AFTER or (head[0].lower() in other and not head[0][0].isupper()):
        return
    last = _last_of_name(head, run, other)
    unlisted = head[0].lower() not in given and head[0].lower() not in surnames
    # "party of four please" is no name
    if unlisted and len(run) > 2 and (len(words) > 5 or not head[0][0].isupper()):
        return
    yield head.start(), last.end()


def _heads_a_story(text: str, head: Match[str]) -> bool:
    given, _, _ = _lists()
    ends = text[head.end() : head.end() + 1] in {".", ",", "!"}
    return head[0][0].isupper() and head[0].lower() in given and ends


def _last_of_name(head: Match[str], run: list[Match[str]], other: frozenset[str]) -> Match[str]:
    last = head
    for match in run[1:3]:
        if (
            match.start() != last.end() + 1
            or match[0].lower() in _STOP_AFTER
            or match[0].lower() in other
        ):
            break
        last = match
    return last


def _findings(
    text: str, found: Sequence[tuple[int, int, bool]], words: AbstractSet[str]
) -> list[Finding]:
    """One finding per person and place; the longest where they overlap.

    `words`: names known from other turns.
    """
    if not found and not words:
        return []
    other = _lists()[2]
    spans = _weighed_spans(found, text, words, other)
    return _longest(spans)


def _weighed_spans(
    found: Sequence[tuple[int, int, bool]],
    text: str,
    words: AbstractSet[str],
    other: frozenset[str],
) -> dict[tuple[int, int], float]:
    spans = {(start, end): 0.85 for start, end, _ in found}
    for start, end in _again(text, words):
        if (text[start].isupper() or text[start:end].lower() not in other) and not _is_place(
            text, start, end
        ):
            spans.setdefault((start, end), 0.6)
    return spans


def _longest(spans: dict[tuple[int, int], float]) -> list[Finding]:
    taken = Taken()
    for start, end in sorted(spans, key=lambda span: (span[0] - span[1], span[0])):
        taken.take(start, end)
    return [
        Finding(start=a, end=b, type="PERSON", score=spans[a, b], recogniser="lists")
        for a, b in taken.spans
    ]


def _again(text: str, words: AbstractSet[str]) -> Iterator[tuple[int, int]]:
    """Where known names stand by themselves; two in a row are one."""
    start = end = -1
    for match in _TOKENS.finditer(text) if words else ():
        stop = match.end()
        if match[0].lower() not in words:
            if match[0][-2:].lower() not in {"'s", "’s"} or match[0][:-2].lower() not in words:
                continue
            stop -= 2
        if (
            text[match.start() - 1 : match.start()] in _GLUE
            or text[stop : stop + 1] in _GLUE_AFTER
            or _DOTTED.match(text, stop)
        ):
            continue
        if start >= 0 and match.start() == end + 1 and text[end] == " ":
            yield start, stop
            start = end = -1
            continue
        if start >= 0:
            yield start, end
        start = match.start()
        end = stop
    if start >= 0:
        yield start, end


@cache
def _lists() -> tuple[frozenset[str], frozenset[str], frozenset[str]]:
    """Given names, surnames, and those of both that are mostly other words."""
    return _words("given_names.txt"), _words("surnames.txt"), _words("not_names.txt")


@cache
def _words(name: str) -> frozenset[str]:
    text = resources.files("kaeshi.pii").joinpath("data", name).read_text(encoding="utf-8")
    return frozenset(
        _COMMENT.sub("", text).split()
    )  # sixty thousand words at start-up: not line by line


@cache
def _places() -> frozenset[str]:
    text = resources.files("kaeshi.pii").joinpath("data", "places.txt").read_text(encoding="utf-8")
    return frozenset(line for line in text.splitlines() if not line.startswith("#"))
