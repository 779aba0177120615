"""Which answers are knowledge, and which of two is the better one."""

import re
import unicodedata
from collections.abc import Sequence
from datetime import datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from kaeshi.nouns import HAND_OVER, Drop, Entry, Example, Json, Keep, text_of
from kaeshi.pii import holds_placeholder
from kaeshi.rules.conversation import is_small_talk

MIN_WORDS = 3
# cosine of two questions' vectors from which on they may be the same; a false alarm costs a review
SAME_QUESTION = 0.8
SURELY_SAME = 0.9  # from which on they are, where a team wrote both
_WORD = re.compile(r"\w+")
# scripts with letters that look like those of another one of these
LOOKALIKES = frozenset({"LATIN", "CYRILLIC", "GREEK", "ARMENIAN", "CHEROKEE"})


def choose(example: Example) -> Keep | Drop:
    """Keep(upto=the answer's place) when question and answer stand on their own, else Drop.

    The question is the last of the customer, the answer the one after it.
    """
    pair = question_and_answer(example.messages)
    if pair is None:
        return Drop(reason="no_pair")
    question, answer = pair
    if answer == HAND_OVER:
        return Drop(reason="hand_over")
    if holds_placeholder(question) or holds_placeholder(answer):
        return Drop(reason="placeholder")
    if is_small_talk(answer) or is_small_talk(question):
        return Drop(reason="small_talk")
    if answer.rstrip().endswith("?"):
        return Drop(reason="answers_with_a_question")
    if len(_WORD.findall(question)) < MIN_WORDS or len(_WORD.findall(answer)) < MIN_WORDS:
        return Drop(reason="too_short")
    return Keep(upto=len(example.messages) - 1)


def question_and_answer(messages: Sequence[Json]) -> tuple[str, str] | None:
    """The last assistant message and the customer's message right before it.

    A hand-over in between is passed over: the colleague's reply is the answer.
    """
    said = [m for i, m in enumerate(messages) if not _is_handed_on(m, messages[i + 1 : i + 2])]
    for i in range(len(said) - 1, 0, -1):
        if said[i].get("weight") == 0:
            return None  # an answer that is marked bad
        if said[i]["role"] == "assistant" and said[i - 1]["role"] == "user":
            return text_of(said[i - 1]).strip(), text_of(said[i]).strip()
    return None


def _is_handed_on(message: Json, following: Sequence[Json]) -> bool:
    """Whether it hands over, and a colleague's reply follows."""
    is_answered = bool(following) and following[0]["role"] == "assistant"
    return is_answered and message["role"] == "assistant" and text_of(message) == HAND_OVER


def opposed(entries: Sequence[Entry], vectors: NDArray[np.float32]) -> set[str]:
    """Ids of the proposed entries that another one contradicts: the same question, another answer.

    Or that hide what they say from a comparison, by letters that look like others.

    A rejected entry contradicts every answer to its question. `vectors`: of the questions, shape
    (n, d).
    """
    vectors = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)
    questions = np.array([_plain(entry.question) for entry in entries])
    found = set[str]()
    for i, entry in enumerate(entries):
        if entry.state != "proposed":
            continue
        is_same = (vectors @ vectors[i] >= SAME_QUESTION) | (questions == questions[i])
        others = (entries[int(j)] for j in np.flatnonzero(is_same) if j != i)
        is_disguised = holds_lookalikes(entry.question) or holds_lookalikes(entry.answer)
        if is_disguised or any(contradicts(other, entry) for other in others):
            found.add(entry.id)
    return found


def contradicted(
    waiting: Sequence[Entry],
    here: NDArray[np.float32],
    live: Sequence[Entry],
    there: NDArray[np.float32],
) -> dict[str, Entry]:
    """By id, of the entries that wait, the live one that answers its question otherwise.

    `here`, `there`: unit vectors of their questions.
    """
    found = {}
    for entry, near in zip(waiting, here @ there.T >= SURELY_SAME, strict=True):
        others = (live[int(i)] for i in np.flatnonzero(near))
        against = next((other for other in others if contradicts(other, entry)), None)
        if against is not None:
            found[entry.id] = against
    return found


def contradicts(other: Entry, entry: Entry) -> bool:
    """Whether an entry of the same question says something else of the same thing."""
    if other.entity and entry.entity and other.entity != entry.entity:
        return False  # the same question about another place
    return other.state == "rejected" or _exact(other.answer) != _exact(entry.answer)


def _plain(text: str) -> str:
    """The words alone."""
    return " ".join(_WORD.findall(unicodedata.normalize("NFKC", text).casefold()))


def _exact(text: str) -> str:
    """All of it but its spacing, case and last point: a sign or a currency is another answer."""
    words = unicodedata.normalize("NFKC", text).casefold().split()
    return " ".join(words).rstrip(".! ")


_NEGATIONS = "no not never none nothing without cannot n't only except unless"
_NUMBERS = (
    "one two three four five six seven eight nine ten eleven twelve twenty thirty forty fifty "
    "hundred thousand half free before after until"
)
_DAYS = (
    "monday tuesday wednesday thursday friday saturday sunday january february march april may "
    "june july august september october november december"
)
_NAMED_DAYS = frozenset(_DAYS.split()) - {"may", "march"}  # which mostly are other words
_PARTICULARS = frozenset(f"{_NEGATIONS} {_NUMBERS} {_DAYS}".split())
_NUMBER = re.compile(r"[$€£¥%]|\d+(?:[.,:]\d+)*|n't\b|[^\W\d_]+")


def particulars(text: str) -> tuple[str, ...]:
    """What may not differ between two texts that say the same: numbers, signs, negations, days.

    Vectors overlook them: "is refunded" and "is not refunded" have a cosine of .98.

    >>> particulars("It is NOT $50.") == particulars("It's 50 $, not more")
    True
    """
    found = _NUMBER.findall(unicodedata.normalize("NFKC", text).casefold().replace("’", "'"))
    return tuple(sorted(w for w in found if w in _PARTICULARS or not w[0].isalpha()))


def days_in(text: str) -> frozenset[str]:
    """The weekdays and months that a text names."""
    return frozenset(_WORD.findall(text.casefold())) & _NAMED_DAYS


def holds_lookalikes(text: str) -> bool:
    """Whether a word mixes scripts, as words do that shall look like others."""
    return any(len(_scripts(word)) > 1 for word in _WORD.findall(text))


def _scripts(word: str) -> set[str]:
    return {
        script
        for letter in word
        if letter.isalpha()
        and (script := unicodedata.name(letter, "").partition(" ")[0]) in LOOKALIKES
    }


_PASSING = re.compile(
    r"\b(?:(?:this|next|last) (?:week|weekend|month|season|year|spring|summer|autumn|fall|winter)"
    r"|today|tonight|tomorrow|currently|at the moment|for now|for the time being|temporarily"
    r"|until further notice|(?:new|starting|effective|as of|until|till|valid (?:through|until)) "
    r"(?:january|february|march|april|may|june|july|august|september|october|november|december))\b",
    re.IGNORECASE,
)
_YEAR = re.compile(r"\b(20\d\d)\b")
SOON = timedelta(days=14)
OLD = timedelta(days=30)


def stale(entry: Entry, now: datetime) -> str:
    """Why a live entry may no longer be true, or will soon not be; empty where nothing says so.

    It ends soon; or it speaks of a time that passes ("this month"), and was approved more than
    OLD ago; or it names only years that are over.
    """
    if entry.valid_until is not None and now < entry.valid_until <= now + SOON:
        return f"it holds until {entry.valid_until:%Y-%m-%d}"
    if entry.valid_until is not None:
        return ""
    found = _PASSING.search(entry.answer)
    if found and now - entry.at > OLD:
        return f"it says {found[0]!r}, and was approved on {entry.at:%Y-%m-%d}"
    years = [int(year) for year in _YEAR.findall(entry.answer)]
    if years and max(years) < now.year:
        return f"it speaks of {max(years)}"
    return ""
