"""Which proposed names are not private people's: artists, films, restaurants, hotels and cars that a concierge talks about.

A name is public where its own sentence says so ("tickets to see ...", "... is performing", "the ... Hotel"), or where it is offered
("how about ...", also as one of several), praised, or part of a place's name, while the talk is of events, films, restaurants or hotels. It
is public in the whole conversation then, and private again where somebody says that it is theirs.
"""

import re
from collections.abc import Sequence
from typing import Literal

# what is offered to everybody; what is said of a person nobody else knows
_TOPIC = re.compile(
    r"\b(?:events?|concerts?|shows?|tickets?|musics?|bands?|artists?|singers?|songs?|albums?|tracks?|movies?|films?|cinemas?|theat(?:er|re)s?|perform\w*|"
    r"games?|match|restaurants?|dining|eat(?:ery)?|diner|table|cuisine|hotels?|rooms?|stay|star|apartments?|property|bedrooms?|airport|station|cars?|rental|"
    r"attractions?|landmarks?|museums?|parks?|stadium|flights?|cab|ride)\b",
    re.IGNORECASE,
)
_PRIVATE = re.compile(
    r"\b(?:doctors?|m\.?d|physician|practitioner|dentists?|dental|therapists?|counsel\w+|psych\w+|dermatolog\w+|gynecolog\w+|ophthalm\w+|stylists?|salons?|"
    r"appointments?|account|transfer|send|pay(?:ment)?|owe|money|customer|client|patient|caller|colleague|friend|roommate|agent|driver|host(?:ess)?|"
    r"chef|cook|server|wait(?:er|ress)|manager|staff|wife|husband|partner|fianc\w+|(?:boy|girl)friend|son|daughter|mother|mom|father|dad|brother|sister|"
    r"aunt|uncle|cousin|niece|nephew|grand\w+|birthday|wedding|anniversary)\b",
    re.IGNORECASE,
)
_OWN = re.compile(
    r"(?:\bi['’]?m|\bi am|\bthis is|\bname(?:['’]?s| is|:)?|\bcall(?:ed)? me|\b(?:mr|mrs|ms|miss|dr)\.?|\bdear|\bh(?:i|ello|ey)|\bthanks?(?: you)?|\bregards|\bsincerely|"
    r"\bunder|\bname of|\bmy \w+|\btell|\bask for|\bspeak(?:ing)? (?:to|with))[\s,:-]{1,3}\Z",
    re.IGNORECASE,
)
_HONOURED = re.compile(r"(?:mr|mrs|ms|miss)\b", re.IGNORECASE)
_ACTS = re.compile(r"\s(?:to|can|could|wants?|said|says|told|needs?|asked|asks)\s(?!see\b)", re.IGNORECASE)
_OFFERED = re.compile(
    r"(?:\b(?:how|what) (?:about|of)(?: either| seeing)?|\bperhaps|\b(?:first|one|another|one of them|one of these)(?: one)? is|\bthere(?:['’]?s| is| are)(?: also)?|\bi(?:['’]?ve| have)?(?: also)? (?:have|found|got)(?: \w+)?|"
    r"\b(?:recommend|suggest|prefer\w*|including|includes|called|named|to see|watch|opinion (?:about|on)|interested in|would you (?:like|consider)|the name of|available (?:is|at)))"
    r"\s(?:the |a )?\Z",
    re.IGNORECASE,
)
_ITEM = r"(?:[A-Z0-9&][\w'’.&:!-]{0,30}|of|the|a|an|and|or|is|in|to|on|your|-|either|also)"
_OFFERED_AMONG = re.compile(
    r"(?i:\b(?:how about|what about|do you prefer|would you (?:like|prefer|enjoy)|interested in|suggest|recommend|such as|heard of|options|"
    r"movies?|films?|titles?|select among|opinion (?:on|about|of)|watching|watch|playing|play))"
    rf"[,:]?\s(?:{_ITEM},?\s){{0,12}}\Z"
)
_PRAISED = re.compile(
    r"(?:['’]s)?\s(?:is|are|would be|might be|sounds|seems)\s(?:also |actually )?(?:(?:a|an|the|one of the)\s)?(?:really |very |highly |quite )?"
    r"(?:rated|popular|located|taking place|showing|hosting|performing|"
    r"(?:nice|great|good|perfect|excellent|best|viable)\s(?:\w{1,15}\s){0,2}(?:restaurant|place|hotel|event|concert|show|movie|film|choice|option|band|artist|singer))\b",
    re.IGNORECASE,
)
_SEVERAL = re.compile(r"[^.?!\0]{0,80}\b(?:and|or)\s", re.IGNORECASE)
_NAMED_BEFORE = re.compile(r"(?:(?:[A-Z&][\w'’.&-]{0,30}|of|the|by|at|and)\s){0,6}\Z")
_NAMED_AFTER = re.compile(r"(?:['’]s)?(?:[ -](?:[A-Z&][\w'’.&-]{0,30}|of|the|by|and|de|la)){0,5}")
_BEFORE = re.compile(
    r"(?:\btickets? (?:to(?:o| see)?|for)|\bhosting|\b(?:tables?|rooms?|reserv\w{1,8}|booking)\b[^.?!\0]{0,40}\bat|"
    r"\b(?:events?|concerts?|shows?|movies?|films?|songs?|albums?|tracks?|artists?|bands?|hotels?|restaurants?|property|apartments?|museums?)(?:['’]?s)?"
    r"(?: name)?(?: is| are| was|['’]s| called| named| titled)?(?: as|:)?|\b(?:concerts?|shows?) (?:for|like|of|with|by)|"
    r"\b(?:songs?|albums?|tracks?)\b[^.?!\0]{0,40}\b(?:by|from)|\bsung by)\s(?:the |a )?\Z",
    re.IGNORECASE,
)
_AFTER = re.compile(
    r"(?:['’]s)?,? (?:(?:[A-Z&][\w'’.&-]{0,20}|de|la|le|del) ){0,2}?(?i:concerts?|events?|shows?|tickets?|movie|film|songs?|album|tour|performance|experience|activity|restaurant|pizza|sushi|grill|hotel|inn|"
    r"apartments|(?:international )?airport|park|museum|palace|(?:will be |would be |is |are )?(?:performing|playing|appearing|doing a show))\b"
)
# what a place is called, whoever else is; and what it may be called while the talk is of places
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
_PLACES_PERHAPS = _PLACES | frozenset(
    [
        "bar",
        "kitchen",
        "bistro",
        "osteria",
        "buffet",
        "cuisine",
        "taqueria",
        "steakhouse",
        "steak",
        "thai",
        "indian",
        "chinese",
        "bakery",
        "diner",
        "tavern",
        "lounge",
        "condos",
        "hostel",
        "resort",
        "lodge",
        "motel",
        "marriott",
        "downtown",
        "midtown",
        "hills",
        "gardens",
        "mariscos",
        "amphitheater",
        "cinema",
    ]
)
_WORD = re.compile(r"[^\W\d_]+")
REACH = 60
TURNS = 3
LISTED = 120
Spans = Sequence[tuple[int, int]]


def public(texts: Sequence[str], proposed: Sequence[Spans]) -> frozenset[tuple[int, int, int]]:
    """Which of the proposed names are public: (text, start, end).

    >>> public(["What about tickets to see Bryan Adams?"], [[(26, 37)]]), public(["Hi, this is Bryan Adams"], [[(12, 23)]])
    (frozenset({(0, 26, 37)}), frozenset())
    """
    named = {(i, start, end): texts[i][start:end] for i, spans in enumerate(proposed) for start, end in spans}
    if not named:
        return frozenset()
    # wherever it stands: what says that a name is public need not stand where the name was seen
    anywhere = re.compile(
        rf"(?<!\w)(?:{'|'.join(map(re.escape, sorted(set(named.values()), key=len, reverse=True)))})(?!\w)", re.IGNORECASE
    )
    found: set[frozenset[str]] = set()
    own: set[str] = set()
    topics = [(_TOPIC.search(text) is not None, _PRIVATE.search(text) is not None) for text in texts]
    for i, text in enumerate(texts):
        recent = topics[max(0, i - TURNS) : i + 1]
        offers = any(topic for topic, _ in recent) and not any(private for _, private in recent)
        for match in anywhere.finditer(text):
            words = frozenset(_WORD.findall(match[0].lower()))
            told = _told(text, *match.span(), private=topics[i][1], offers=offers)
            if told == "public":
                found.add(words)
            elif told == "own":
                own |= words
    words_of = {place: frozenset(_WORD.findall(name.lower())) for place, name in named.items()}
    return frozenset(place for place, words in words_of.items() if words.isdisjoint(own) and any(words <= known for known in found))


def _told(text: str, start: int, end: int, *, private: bool, offers: bool) -> Literal["public", "own"] | None:
    """What its own sentence tells about a name."""
    before = text[max(0, start - REACH) : start]
    if not private and _BEFORE.search(before):  # "the event's name is" before "name is"
        return "public"
    if _OWN.search(before):
        return "own"
    if _HONOURED.match(text, start) or _ACTS.match(text, end):  # somebody
        return None
    if (
        not _PLACES.isdisjoint(_WORD.findall(text[start:end].lower()))
        or (not private and _AFTER.match(text, end))
        or (offers and (_OFFERED.search(before) or _is_offered(text, start, end)))
    ):
        return "public"
    return None


def _is_offered(text: str, start: int, end: int) -> bool:
    """One of several things that are offered, praised, or part of a place's name, where the talk is of such things."""
    among = _OFFERED_AMONG.search(text, max(0, start - LISTED), start)
    if (among and (_SEVERAL.match(among[0]) or _SEVERAL.match(text, end))) or _PRAISED.match(text, end):
        return True
    before, after = _NAMED_BEFORE.search(text, max(0, start - REACH), start), _NAMED_AFTER.match(text, end)
    around = (before[0] if before else "") + " " + (after[0] if after else "")
    return not _PLACES_PERHAPS.isdisjoint(_WORD.findall(around.lower()))
