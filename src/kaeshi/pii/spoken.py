r"""Numbers said in words, in any grouping, as a recogniser of speech writes them.

"four one two, eight three one", "double seven", "eight hundred five five five twelve twelve", with
"uh" between and digits among the words. What the number is follows from its length and from what is
said before it, as with digits; a count ("one two three four") is none.
"""

import re
from collections.abc import Iterator, Sequence

from kaeshi.pii.address_patterns import SPOKEN
from kaeshi.pii.policy import Hit
from kaeshi.pii.validators import is_card
from kaeshi.pii.vocabulary import (
    ACCESS,
    ACCOUNT_NAMED,
    CARD_NAMED,
    PHONE,
    PIN_NAMED,
    ROUTING_NAMED,
    SSN,
)

# digits by language, from nought on
_UNITS = (
    "zero one two three four five six seven eight nine",
    "cero uno dos tres cuatro cinco seis siete ocho nueve",
    "null eins zwei drei vier fünf sechs sieben acht neun",
    "zéro un deux trois quatre cinq six sept huit neuf",
    "zero um dois três quatro cinco seis sete oito nove",
    "zero uno due tre quattro cinque sei sette otto nove",
    "nul een twee drie vier vijf zes zeven acht negen",
)
_MORE = {
    "oh": "0",
    "o": "0",
    "nought": "0",
    "nil": "0",
    "zwo": "2",
    "meia": "6",
    "tres": "3",
    **{
        word: str(10 + i)
        for i, word in enumerate(
            "ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen".split()
        )
    },
}
_TENS = {
    word: str(2 + i)
    for i, word in enumerate("twenty thirty forty fifty sixty seventy eighty ninety".split())
}
_TIMES = {"double": 2, "triple": 3, "treble": 3, "doble": 2, "doppel": 2}
_WORDS = {
    **{word: str(i) for line in _UNITS for i, word in enumerate(line.split())},
    **_MORE,
}
_ZEROS = {"hundred": "00", "thousand": "000"}
_ALL = sorted({*_WORDS, *_TENS, *_TIMES, *_ZEROS}, key=len, reverse=True)
_ONE = rf"(?:{'|'.join(_ALL)}|\d{{1,8}})"
_FILLER = r"(?:(?:uh|um|er|ah|and|then|dash|hyphen|space|y|und|et|e)[\s,.-]{1,3})"
_RUN = re.compile(
    rf"(?<![^\W_])(?:{_ONE})(?:[\s,.;-]{{1,3}}{_FILLER}{{0,2}}{_ONE}){{2,29}}(?![^\W_])"
)
_PARTS = re.compile(rf"(?<![^\W_]){_ONE}(?![^\W_])")
# words with which a search begins: in chat other words are rarer than these are in a number
TRIGGERS = (
    "zero",
    "five",
    "six",
    "seven",
    "nine",
    "eight",
    "four",
    "three",
    "double",
    "cinco",
    "siete",
    "nueve",
    "null",
    "fünf",
    "sieben",
    "cinq",
    "sept",
    "sete",
    "sette",
    "zeven",
    "cuatro",
    "ocho",
    "acht",
    "quatr",
    "quattr",
    "oito",
    "otto",
    "huit",
    "vier",
    "drei",
    "twent",
    "thirt",
    "fift",
    "eleven",
    "twelve",
)
LONGEST = 260
SCORE = 0.9
SCORE_ADDRESS = 0.82
LONGEST_PHONE = 14  # digits
LEAST_SPOKEN = 3  # words
_COUNT = "0123456789101112131415"


def spoken(text: str, lowered: str) -> Iterator[Hit]:
    """Cards, phones and other numbers in words. `lowered`: the text in small letters, as long.

    >>> [(kind, start) for start, _, kind, *_ in spoken("my pin is four eight two one", "my pin is four eight two one")]
    [('PIN', 10)]
    """
    done = 0
    for at in _places(lowered):
        if at < done:
            continue
        start = _first(lowered, at, done)
        address = SPOKEN.compiled.match(text, at if start is None else start)
        if address is not None:
            done = address.end()
            yield *address.span(), "ADDRESS", SCORE_ADDRESS, "spoken"
            continue
        run = _RUN.match(lowered, start, start + LONGEST) if start is not None else None
        if run is None:
            continue
        done = run.end()
        yield from _hits(text, lowered, run)


def _places(lowered: str) -> list[int]:
    found = []
    for word in TRIGGERS:
        at = lowered.find(word)
        while at >= 0:
            found.append(at)
            at = lowered.find(word, at + 1)
    return sorted(found)


_BEFORE = re.compile(rf"(?<![^\W_]){_ONE}[\s,.;-]{{1,3}}(?:{_FILLER}{{0,2}})\Z")


def _first(lowered: str, at: int, least: int) -> int | None:
    """Where the run of number words begins in which the word at `at` stands."""
    if at and lowered[at - 1].isalnum():
        return None
    start = at
    while start > least:
        before = _BEFORE.search(lowered, max(least, start - 24), start)
        if before is None:
            break
        start = before.start()
    return start


def _hits(text: str, lowered: str, run: re.Match[str]) -> Iterator[Hit]:
    parts = list(_PARTS.finditer(lowered, run.start(), run.end()))
    words = [part[0] for part in parts]
    if sum(not word.isdigit() for word in words) < LEAST_SPOKEN:
        return
    number = _digits(words)
    start = run.start()
    end = parts[-1].end()
    kind = _kind(text, start, end, number)
    if kind == "PHONE" and (_is_count(number) or _is_amount(text, end, words)):
        return
    if kind is None and len(number) > LONGEST_PHONE:
        last = _card_among(words)
        kind = "CREDIT_CARD" if last else None
        end = parts[last - 1].end() if last else end
    if kind is not None:
        yield start, end, kind, SCORE, "in words"


def _card_among(words: Sequence[str]) -> int | None:
    """How many words make a card that another number follows, such as its date."""
    for count in (16, 15):
        last = _after(words, count)
        if last is not None and is_card(_digits(words[:last])):
            return last
    return None


def _after(words: Sequence[str], count: int) -> int | None:
    """How many words make so many digits."""
    return next((i for i in range(1, len(words) + 1) if len(_digits(words[:i])) == count), None)


def _digits(words: Sequence[str]) -> str:
    """What the words say, digit by digit.

    >>> _digits("double seven oh fifty five eight hundred twelve".split())
    '7705580012'
    """
    number = ""
    times = 1
    tens = ""
    for word in words:
        if word in _TIMES:
            times = _TIMES[word]
            continue
        value = word if word.isdigit() else _ZEROS.get(word) or _WORDS.get(word, "")
        if word in _TENS:
            number += tens + "0" if tens else ""
            tens = _TENS[word]
            continue
        if tens:
            number += tens if len(value) == 1 and word not in {"zero", "oh", "o"} else tens + "0"
            tens = ""
        number += value * times
        times = 1
    return number + (tens + "0" if tens else "")


def _is_amount(text: str, end: int, words: Sequence[str]) -> bool:
    """Whether it is a sum or a quantity: "one thousand three hundred and forty bucks"."""
    return "thousand" in words or _COUNTED.match(text, end) is not None


_COUNTED = re.compile(
    r" (?:and |point )?(?:dollars?|bucks|cents|euros?|pounds|rupees|pesos|people|guests|percent|points|miles)\b",
    re.IGNORECASE,
)


def _is_count(number: str) -> bool:
    return number in _COUNT or number in "9876543210" or len(set(number)) < 2


def _kind(text: str, start: int, end: int, number: str) -> str | None:
    count = len(number)
    if count >= 12 and (CARD_NAMED(text, start, end) or (13 <= count <= 19 and is_card(number))):
        return "CREDIT_CARD"
    if SSN(text, start, end) and count in {4, 9}:
        return "SSN"
    if ACCESS(text, start, end) and 3 <= count <= 8:
        return "ACCESS_CODE"
    if PIN_NAMED(text, start, end) and 3 <= count <= 8:
        return "PIN"
    if ROUTING_NAMED(text, start, end) and 6 <= count <= 9:
        return "ROUTING"
    if ACCOUNT_NAMED(text, start, end) and 5 <= count <= 17:
        return "BANK_ACCOUNT"
    if 9 <= count <= 15 or (count >= 7 and PHONE(text, start, end)):
        return "PHONE"
    return None
