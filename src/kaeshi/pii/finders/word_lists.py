"""Finds people by the words around them and by lists of common names.

It uses no model. It knows how people introduce themselves ("my name is ..."), what people answer
when asked for a name, and which words are names in the US Census. A name that was found once is
found again in every turn of the conversation.
"""

from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from functools import cache, lru_cache
from typing import Any, NamedTuple

from kaeshi.nouns import Finding, Watch, unwatched
from kaeshi.pii.finders.answers import answered, is_answer
from kaeshi.pii.finders.businesses import names_business
from kaeshi.pii.finders.cues import (
    ASKS_NAME,
    DOTTED,
    FILLER,
    GLUE,
    GLUE_AFTER,
    INTRODUCED,
    KIN,
    KINSHIP,
    LAST_WORD,
    NEXT_WORD,
    OWN_NAME,
    PARTS,
    PRESENTED,
    SAINT_BEFORE,
    STOP_AFTER,
    TITLED,
    TOKENS,
)
from kaeshi.pii.finders.introductions import introduced_elsewhere
from kaeshi.pii.finders.known import is_identifier, known_to_all
from kaeshi.pii.finders.lexicon import (
    SAID_AGAIN,
    could_name,
    is_common_name,
    is_everyday,
    name_lists,
    place_set,
)
from kaeshi.pii.finders.listed import listed
from kaeshi.pii.finders.spelt import spelt
from kaeshi.pii.scripts import LATIN
from kaeshi.pii.spans import Taken

# the lowest score of a model for an unlisted word
UNLISTED = 0.4
UNLISTED_SMALL = 0.85
# scores above which a model is believed against the lists of everyday words and of places
CERTAIN = 0.85
CERTAIN_PLACE = 0.99
_ENDS = frozenset({"", ",", ".", "!", ";", "\n"})
MONTHS = frozenset({"april", "august", "june", "march", "may"})
# the lowest score for a search in other turns
SURE_LISTED = 0.8
SURE_UNLISTED = 0.98


class ListedNames:
    """A NameFinder that needs three word lists only.

    `version` goes into every dataset's manifest.
    """

    version = "lists-5"
    reads: frozenset[str] | None = LATIN

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
        _with_proposed(looked, spans, proposed, texts)
        words = _sure_words(known, texts, spans)
        if not words and not any(spans):
            return [[] for _ in texts]
        parts = {part for word in words for part in PARTS.findall(word)}
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
    spans = [
        [*look.introduced, *look.spelt, *(look.guessed if proposed is None else ())]
        for look in looked
    ]
    for i, look in enumerate(looked):
        if i and looked[i - 1].asks:
            spans[i] += [
                (a, b, True)
                for a, b in answered(texts[i])
                if proposed is None or is_answer(texts[i], a, b, len(look.said))
            ]
    return spans


def _with_proposed(
    looked: "list[Look]",
    spans: list[list[tuple[int, int, bool]]],
    proposed: Sequence[Sequence[tuple[int, int, float]]] | None,
    texts: Sequence[str],
) -> None:
    """Adds titled names and a model's proposals; takes out what names no person."""
    for i, look in enumerate(looked):
        spans[i] = [
            span for span in (*spans[i], *look.titled) if not _is_nobody(texts[i], *span[:2])
        ]
    for i, seen in enumerate(proposed or ()):
        spans[i] += _credible(
            texts[i], [span for span in seen if not _is_nobody(texts[i], *span[:2])]
        )


def _is_nobody(text: str, start: int, end: int) -> bool:
    return (
        is_identifier(text, start, end)
        or known_to_all(text, start, end)
        or names_business(text, start, end)
    )


def _sure_words(
    known: Sequence[str], texts: Sequence[str], spans: list[list[tuple[int, int, bool]]]
) -> set[Any]:
    """The words of certain names, in lower case."""
    words = {part.lower() for name in known for part in TOKENS.findall(name)}
    for text, found in zip(texts, spans, strict=True):
        for start, end, sure in found:
            # initials alone are not a name, and "salon" or "Vallejo" in the name of one is a word
            # or a place
            # everywhere else
            if sure:
                words.update(
                    part.lower()
                    for part in TOKENS.findall(text[start:end])
                    if len(part) > 2 and could_name(part) and part.lower() not in place_set()
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


def _credible(text: str, seen: Sequence[tuple[int, int, float]]) -> list[tuple[int, int, bool]]:
    """A model's proposals without everyday words and places: (start, end, certain).

    A certain name is searched for in other turns too.
    """
    given, surnames, other = name_lists()
    found = []
    for proposed, end, score in seen:
        start = _with_given_name(text, proposed)
        words = [word.lower() for word in PARTS.findall(text[start:end])]
        if score < CERTAIN and is_everyday(text, start, end, words):
            continue
        if score < CERTAIN_PLACE and _is_place(text, start, end):
            continue
        listed = any(word in given or word in surnames for word in words)
        if not listed and score < (UNLISTED if text[start].isupper() else UNLISTED_SMALL):
            continue
        sure = score > (SURE_LISTED if listed else SURE_UNLISTED)
        found.append((start, end, sure and not any(word in other for word in words)))
    return found


def _with_given_name(text: str, start: int) -> int:
    """Where a name begins: at a given name right before it, which the model left out."""
    before = LAST_WORD.search(text, max(0, start - 20), start) if text[start].isupper() else None
    if before is None or not before[1][0].isupper() or not is_common_name(before[1]):
        return start
    return before.start(1)


def _is_place(text: str, start: int, end: int) -> bool:
    """Whether it is a city, also with its state.

    Or a word of a city's name ("Morgan" Hill), or named after a saint.
    """
    words = [word.lower() for word in PARTS.findall(text[start:end])]
    named = " ".join(words)
    if named in place_set() or (len(words[-1]) == 2 and named[:-3] in place_set()):
        return True
    return _names_around(text, start, end, named)


def _names_around(text: str, start: int, end: int, named: str) -> bool:
    return (
        any(place.lower() in place_set() for place in _with_neighbours(text, start, end, named))
        or SAINT_BEFORE.search(text, max(0, start - 7), start) is not None
    )


def _with_neighbours(text: str, start: int, end: int, named: str) -> Iterator[str]:
    """The name with the word before it, behind it, and both."""
    before = LAST_WORD.search(text, max(0, start - 20), start)
    after = NEXT_WORD.match(text, end)
    if before:
        yield f"{before[1]} {named}"
    if after:
        yield f"{named} {after[1]}"
    if before and after:
        yield f"{before[1]} {named} {after[1]}"


Named = tuple[tuple[int, int, bool], ...]  # (start, end, may be looked for in other turns)


class Look(NamedTuple):
    """What one text says by itself, in lower-case words.

    Who introduces themselves, who has a title, who is on the lists, and whether it asks for a name.
    """

    said: frozenset[str]
    introduced: Named
    titled: Named
    guessed: Named
    spelt: Named
    asks: bool


@lru_cache(3_000)  # assistants repeat themselves
def _look(text: str) -> Look:
    said = frozenset(PARTS.findall(text.lower()))
    elsewhere = tuple((a, b, True) for a, b in introduced_elsewhere(text, said))
    letters = tuple((a, b, False) for a, b in spelt(text, said))
    if said.isdisjoint(_telling()):
        return Look(said, elsewhere, (), (), letters, _asks_name(text))
    introduced = (*elsewhere, *((a, b, True) for a, b in _introduced(text)), *_presented(text))
    return Look(
        said,
        introduced,
        tuple(_titled(text)),
        tuple((a, b, True) for a, b in listed(text)),
        letters,
        _asks_name(text),
    )


@cache
def _telling() -> frozenset[str]:
    """The cues for a name: without one, a text has a name only if one was asked for."""
    given, _surnames, other = name_lists()
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
        *KINSHIP,
    }


def _asks_name(text: str) -> bool:
    return ("name" in text or "ho" in text or "doctor" in text) and ASKS_NAME.search(
        text
    ) is not None


def _introduced(text: str) -> Iterator[tuple[int, int]]:
    if "ame" in text or "AME" in text or "call" in text or "ccount" in text:
        for match in INTRODUCED.finditer(text):
            yield from _name_run(
                text, match.start(1), match.end(1), own=OWN_NAME.match(match[0]) is not None
            )


def _name_run(text: str, start: int, end: int, *, own: bool) -> Iterator[tuple[int, int]]:
    """The leading words after an introduction that can be a name.

    Any word at first, then listed or capitalised ones. `own`: the speaker gives their own name or
    an account holder's; a capitalised word is then a name whatever else it means.
    """
    given, surnames, other = name_lists()
    first = last = None
    for match in TOKENS.finditer(text, start, end):
        written = match[0].removesuffix("'s").removesuffix("’s")
        word = written.lower()  # which may be longer
        if word in STOP_AFTER or (word in FILLER and first is None):
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
    """Names after "it's" and "this is", and of relatives and friends.

    One that is mostly another word counts where it is written large and nothing follows it.
    """
    given, surnames, _ = name_lists()
    for match in PRESENTED.finditer(text):
        word = match[1].removesuffix("'s").removesuffix("’s")
        alone = text[match.end(1) : match.end(1) + 1] in _ENDS
        if is_common_name(word) or (alone and word[0].isupper() and word.lower() in given - MONTHS):
            yield match.start(1), match.start(1) + len(word), is_common_name(word)
    for match in KIN.finditer(text):
        words = match[1].lower().split()
        if any(word in given or word in surnames for word in words):
            yield match.start(1), match.end(1), is_common_name(words[0])


def _titled(text: str) -> Iterator[tuple[int, int, bool]]:
    for match in TITLED.finditer(text):
        words = match[1].split(" ")
        if (
            words[0].lower() in STOP_AFTER
            or words[0].lower() in FILLER
            or not (
                words[0][0].isupper()
                or any(words[0].lower() in names for names in name_lists()[:2])
            )
        ):
            continue
        both = len(words) > 1 and words[1][0].isupper() and words[1].lower() not in name_lists()[2]
        yield (
            match.start(1),
            match.start(1) + len(match[1] if both else words[0].removesuffix("'s")),
            words[0].lower() not in name_lists()[2],
        )


def _findings(
    text: str, found: Sequence[tuple[int, int, bool]], words: AbstractSet[str]
) -> list[Finding]:
    """One finding per person and place; the longest where they overlap.

    `words`: names known from other turns.
    """
    if not found and not words:
        return []
    other = name_lists()[2]
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
        if (
            (text[start].isupper() or text[start:end].lower() not in other)
            and not _is_place(text, start, end)
            and not _is_nobody(text, start, end)
        ):
            spans.setdefault((start, end), SAID_AGAIN)
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
    for match in TOKENS.finditer(text) if words else ():
        stop = match.end()
        if match[0].lower() not in words:
            if match[0][-2:].lower() not in {"'s", "’s"} or match[0][:-2].lower() not in words:
                continue
            stop -= 2
        if (
            text[match.start() - 1 : match.start()] in GLUE
            or text[stop : stop + 1] in GLUE_AFTER
            or DOTTED.match(text, stop)
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
