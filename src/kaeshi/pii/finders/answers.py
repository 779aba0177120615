"""Names in answers to a question for one."""

from collections.abc import Iterator
from itertools import islice
from re import Match

from kaeshi.pii.finders.cues import FILLER, PARTS, STOP_AFTER, TOKENS
from kaeshi.pii.finders.lexicon import could_name, is_misspelt, name_lists, word_set

LEAST_RARE = 3  # letters: the list of common words has none so short


def is_answer(text: str, start: int, end: int, words: int) -> bool:
    """Whether it is a listed name, or the whole first answer to a question for one.

    A model has read the text already, so no other rule is needed.
    """
    given, surnames, other = name_lists()
    first = PARTS.findall(text[start:end].lower())[0]
    if first in given or (
        first in surnames and (first not in other or (words == 1 and text[start].isupper()))
    ):
        return True
    if words <= 2 and _is_rare(first):
        return True
    alone = words <= 2 or text[end : end + 1] in {".", ",", "!"}
    return alone and text[start].isupper() and could_name(text[start:end])


def _is_rare(word: str) -> bool:
    """Whether it is no common word, as "ram" is none: the whole answer to a question for a name."""
    given, surnames, _ = name_lists()
    return (
        (len(word) > LEAST_RARE or word in given or word in surnames)
        and word not in word_set("common.txt")
        and word not in FILLER
        and word not in STOP_AFTER
        and not is_misspelt(word)
    )


def answered(text: str) -> Iterator[tuple[int, int]]:
    """The name in a reply to a question for one.

    A reply of a few words counts, up to the first word that cannot be a name.
    """
    given, surnames, other = name_lists()
    words = list(islice(TOKENS.finditer(text), 13))  # one more than a reply of a few words has
    run = [m for m in words[:12] if m[0].lower() not in FILLER]
    if not run:
        return
    head = run[0]
    if len(words) > 12:  # longer replies are stories, with the name at the beginning if at all
        if _heads_a_story(text, head):
            yield head.span()
        return
    if not _can_begin(head[0], alone=len(words) <= 2):
        return
    last = _last_of_name(head, run, other)
    unlisted = head[0].lower() not in given and head[0].lower() not in surnames
    # "party of four please" is no name
    if unlisted and len(run) > 2 and (len(words) > 5 or not head[0][0].isupper()):
        return
    yield head.start(), last.end()


def _can_begin(word: str, *, alone: bool) -> bool:
    """Whether a reply's first word may be a name. `alone`: the reply has one or two words."""
    lowered = word.lower()
    if lowered in STOP_AFTER:
        return False
    return lowered not in name_lists()[2] or word[0].isupper() or (alone and _is_rare(lowered))


def _heads_a_story(text: str, head: Match[str]) -> bool:
    given, _, _ = name_lists()
    ends = text[head.end() : head.end() + 1] in {".", ",", "!"}
    return head[0][0].isupper() and head[0].lower() in given and ends


def _last_of_name(head: Match[str], run: list[Match[str]], other: frozenset[str]) -> Match[str]:
    last = head
    for match in run[1:3]:
        if (
            match.start() != last.end() + 1
            or match[0].lower() in STOP_AFTER
            or match[0].lower() in other
        ):
            break
        last = match
    return last
