"""Which proposed names are not private people's: artists, films, restaurants, hotels and cars that a concierge talks about.

A name is public where its own sentence says so ("tickets to see ...", "... is performing", "the ... Hotel"), or where it is offered
("how about ...") while the talk is of events, films, restaurants or hotels. It is public in the whole conversation then, and private
again where somebody says that it is theirs.
"""

import re
from collections.abc import Sequence

# what is offered to everybody; what is said of a person nobody else knows
_TOPIC = re.compile(
    r"\b(?:events?|concerts?|shows?|tickets?|musics?|bands?|artists?|singers?|songs?|albums?|tracks?|movies?|films?|cinemas?|theat(?:er|re)s?|perform\w*|"
    r"games?|match|restaurants?|dining|eat(?:ery)?|diner|table|cuisine|hotels?|rooms?|stay|star|apartments?|property|bedrooms?|airport|station|cars?|rental|"
    r"attractions?|landmarks?|museums?|parks?|stadium|flights?|cab|ride)\b",
    re.IGNORECASE,
)
_PRIVATE = re.compile(
    r"\b(?:doctors?|dr|m\.?d|physician|practitioner|dentists?|dental|therapists?|counsel\w+|psych\w+|dermatolog\w+|gynecolog\w+|ophthalm\w+|stylists?|salons?|"
    r"appointments?|account|transfer|send|pay(?:ment)?|owe|money|customer|client|patient|caller|colleague|friend|roommate|agent|driver|host)\b",
    re.IGNORECASE,
)
_OWN = re.compile(
    r"(?:\bi['’]?m|\bi am|\bthis is|\bname(?:['’]?s| is|:)?|\bcall(?:ed)? me|\b(?:mr|mrs|ms|miss|dr)\.?|\bdear|\bh(?:i|ello|ey)|\bthanks?(?: you)?|\bregards|\bsincerely|"
    r"\bunder|\bname of|\bmy \w+|\btell|\bask for|\bspeak(?:ing)? (?:to|with))[\s,:-]{1,3}\Z",
    re.IGNORECASE,
)
_OFFERED = re.compile(
    r"(?:\b(?:how|what) (?:about|of)(?: either| seeing)?|\bthere(?:['’]?s| is| are)(?: also)?|\bi(?:['’]?ve| have)?(?: also)? (?:have|found|got)(?: \w+)?|"
    r"\b(?:recommend|suggest|prefer\w*|including|includes|called|named|to see|watch|opinion (?:about|on)|interested in|would you (?:like|consider)|the name of|available (?:is|at)))"
    r"\s(?:the |a )?\Z",
    re.IGNORECASE,
)
_BEFORE = re.compile(
    r"(?:\btickets?(?: are)? (?:to(?:o| see)?|for)|\bevents?(?: is| are| name is| called| named|:| for| like| of)|\bconcerts?(?: by| of| called)?|\bshows? (?:by|of|called)|"
    r"\bmovies?(?: is| by| called| named|:)?|\bfilms?(?: by| called)?|\b(?:songs?|albums?|tracks?)\b[^.?!]{0,40}\b(?:by|from)|\balbums?(?: is)?|\bsung by|"
    r"\bhotel(?: is| called| named|:)?|\brestaurants?(?: is| called| named|:)?|\btable (?:for \w+ )?at|\bproperty (?:called|named|name is)|\bmuseum called)\s(?:the |a )?\Z",
    re.IGNORECASE,
)
_AFTER = re.compile(
    r"(?:['’]s)?,? (?:(?:[A-Z&][\w'’.&-]{0,20}|de|la|le|del) ){0,2}?(?i:concerts?|events?|shows?|tickets?|movie|film|songs?|album|tour|performance|experience|activity|restaurant|pizza|sushi|grill|hotel|inn|"
    r"apartments|(?:international )?airport|park|museum|palace|(?:will be |would be |is |are )?(?:performing|playing|appearing|doing a show))\b"
)
_PLACES = frozenset(
    [
        "hotel",
        "inn",
        "suites",
        "apartments",
        "park",
        "station",
        "airport",
        "bart",
        "pizza",
        "pizzeria",
        "restaurant",
        "ristorante",
        "trattoria",
        "cafe",
        "sushi",
        "grill",
        "museum",
        "palace",
        "lake",
        "coliseum",
        "stadium",
        "arena",
        "theatre",
        "theater",
        "university",
        "college",
        "cathedral",
        "chevrolet",
        "toyota",
        "honda",
        "hyundai",
        "nissan",
        "volkswagen",
    ]
)
_WORD = re.compile(r"[^\W\d_]+")
REACH = 60
TURNS = 3
Spans = Sequence[tuple[int, int, float]]


def public(texts: Sequence[str], proposed: Sequence[Spans]) -> frozenset[tuple[int, int, int]]:
    """Which of the proposed names are public: (text, start, end).

    >>> public(["What about tickets to see Bryan Adams?"], [[(26, 37, 0.9)]]), public(["Hi, this is Bryan Adams"], [[(12, 23, 0.9)]])
    (frozenset({(0, 26, 37)}), frozenset())
    """
    found: set[frozenset[str]] = set()
    own: set[str] = set()
    names: dict[tuple[int, int, int], frozenset[str]] = {}
    topics = [(_TOPIC.search(text) is not None, _PRIVATE.search(text) is not None) for text in texts]
    for i, (text, spans) in enumerate(zip(texts, proposed, strict=True)):
        recent = topics[max(0, i - TURNS) : i + 1]
        offers = any(topic for topic, _ in recent) and not any(private for _, private in recent)
        for start, end, _ in spans:
            words, before = frozenset(_WORD.findall(text[start:end].lower())), text[max(0, start - REACH) : start]
            names[i, start, end] = words
            if _OWN.search(before):
                own |= words
            elif not words.isdisjoint(_PLACES) or (
                not topics[i][1] and (_BEFORE.search(before) or _AFTER.match(text, end) or (offers and _OFFERED.search(before)))
            ):
                found.add(words)
    return frozenset(place for place, words in names.items() if words.isdisjoint(own) and any(words <= known for known in found))
