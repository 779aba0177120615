"""Proposed names that are public: artists, films, restaurants, hotels and cars.

A name is public where its own sentence says so ("tickets to see ...", "... is performing", "the ...
Hotel"), or where it is offered ("how about ...", also as one of several), praised, or part of a
place's name, while the talk is of events, films, restaurants or hotels. It is then public in the
whole conversation, and private again where a speaker claims it as their own.
"""

import re
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from re import Match, Pattern
from typing import Literal

# phrases about public figures, and phrases about private people
_TOPIC = re.compile(
    r"\b(?:events?|concerts?|shows?|tickets?|musics?|bands?|artists?|singers?|songs?|albums?|tracks?|movies?|films?|cinemas?|theat(?:er|re)s?|perform\w*|"
    r"games?|match|restaurants?|dining|eat(?:ery)?|diner|table|cuisine|hotels?|rooms?|stay|star|apartments?|property|bedrooms?|airport|station|cars?|rental|"
    r"attractions?|landmarks?|museums?|parks?|stadium|flights?|cab|ride|what['’]?s (?:on|playing))\b",
    re.IGNORECASE,
)
_PRIVATE = re.compile(
    r"\b(?:doctors?|m\.?d|physician|practitioner|dentists?|dental|therapists?|counsel\w+|psych\w+|dermatolog\w+|gynecolog\w+|ophthalm\w+|stylists?|salons?|"
    r"appointments?|account|transfer|send|pay(?:ment)?|owe|money|customer|client|patient|caller|colleague|friend|roommate|agent|driver|host(?:ess|ed|s)?|"
    r"chef|cook|server|wait(?:er|ress)|manager|staff|wife|husband|partner|fianc\w+|(?:boy|girl)friend|son|daughter|mother|mom|father|dad|brother|sister|"
    r"aunt|uncle|cousin|niece|nephew|grand\w+|birthday|wedding|anniversary|rsvp)\b|['’]s party\b",
    re.IGNORECASE,
)
_OWN = re.compile(
    r"(?:\bi['’]?m|\bi am|\bthis is|\bname(?:['’]?s| is|:)?|\bcall(?:ed)? me|\b(?:mr|mrs|ms|miss)\.?|\bdear|\bh(?:i|ello|ey)|\bthanks?(?: you)?|\bregards|\bsincerely|"
    r"\bunder|\bname of|\bmy \w+|\btell|\bask for|\bspeak(?:ing)? (?:to|with))[\s,:-]{1,3}\Z",
    re.IGNORECASE,
)
_HONOURED = re.compile(r"(?:mr|mrs|ms|miss)\b", re.IGNORECASE)
# in talk about films: the one that is watched, or one of several joined by "or"
_WATCHED = re.compile(
    r"(?:\b(?:watch(?:ing)?|seeing|play(?:ing|back)?|cast|stream(?:ing)?|movies?|films?|thoughts on|(?:choices|examples|ones) are|consider|prefer)"
    r"(?: the (?:movie|film))?|[a-z]{2,20},? or)\s(?:the |a )?\Z",
    re.IGNORECASE,
)
_WATCHED_AFTER = re.compile(
    r"(?:['’]s)?[!?]*(?:,? or [\w. ]{2,40}[?.!]|, [\w. ]{2,40},? or |,? (?:with(?:out)? (?:the |any )?subtitles|on now|is what)\b)",
    re.IGNORECASE,
)
_AGAINST = re.compile(r" vs\.? ", re.IGNORECASE)
_AGAINST_BEFORE = re.compile(r" vs\.? \Z", re.IGNORECASE)
_CAPITAL = re.compile(r"\b[A-Z][\w'’.-]* \Z")
_NUMBERED = re.compile(r"\b\d{1,4} \Z")
_FILM = re.compile(r"\b(?:movies?|films?|watch(?:ing)?|subtitles?|cinemas?)\b", re.IGNORECASE)
_DOCTOR = re.compile(r"\bdr\.? \Z", re.IGNORECASE)
_ACTS = re.compile(
    r"\s(?:to|can|could|wants?|said|says|told|needs?|asked|asks)\s(?!see\b)|,? (?:is |and )?(?:he|she|who)\b(?! (?:is|will) )",
    re.IGNORECASE,
)
_OFFERED = re.compile(
    r"(?:\b(?:events?|concerts?|shows?|gigs?)\b[^.?!\0]{0,30}\b(?:by|with|featuring)|\b(?:how|what) (?:about|of|is)(?: either| seeing)?|\bperhaps|\btry|\b(?:films?|movies?|artists?|bands?) like|\bheard(?: good things)? (?:about|of)|\bthink (?:about|of)|\blooking for|\b(?:first|one|another|one of them|one of these)(?: one)? is|\bthere(?:['’]?s| is| are)(?: also)?|\bi(?:['’]?ve| have)?(?: also)? (?:have|found|got)(?: \w+)?|"
    r"\b(?:recommend|suggest|prefer\w*|including|includes|called|named|to see|watch|opinion (?:about|on)|interested in|would you (?:like|consider)|the name of|available (?:is|at)))"
    r"\s(?:the |a )?\Z",
    re.IGNORECASE,
)
_ITEM = r"(?:[A-Z0-9&][\w'’.&:!-]{0,30}|of|the|a|an|and|or|is|in|to|on|with|for|at|from|your|-|either|also)"
_OFFERED_AMONG = re.compile(
    r"(?i:\b(?:how about(?: seeing| checking out)?|how is|what about|do you prefer|would you (?:like|prefer|enjoy)|might like|interested in|suggest|recommend|such as|heard of|options|there(?:['’]?s| is| are)|they are|i have|found|you got|i think|(?:films|movies|ones) like|think (?:about|of)|consider(?: watching)?|"
    r"movies?|films?|titles?|select among|opinion (?:on|about|of)|watching|watch|playing|play))"
    rf"[,:]?\s(?:{_ITEM},?\s){{0,12}}\Z"
)
_PRAISED = re.compile(
    r"(?:['’]s)?\s(?:(?:is|are|would be|might be|sounds|seems)\s(?:also |actually )?(?:(?:a|an|the|one of the)\s)?(?:really |very |highly |quite )?"
    r"(?:rated|popular|located|taking place|showing|hosting|performing|"
    r"(?:nice|great|good|perfect|excellent|best|viable|wonderful|fantastic|lovely|fine|cool|amazing|awesome|fun)\s(?:\w{1,15}\s){0,2}"
    r"(?:restaurant|place|hotel|events?|concert|show|movie|film|choice|option|band|artist|singer|one|star))|(?:also )?has a \d|,? a \d star|,? with (?:a )?\d\.\d)\b",
    re.IGNORECASE,
)
_STAGED = re.compile(
    r"(?:['’]s)?(?:,? (?:and |or |of |the )?[A-Z&][\w'’.&-]{0,30}){0,8}\s(?:(?:is|are|will be|which is|which will be)(?: also| all| going to| on| today| tomorrow)?(?: be| happen)?\s(?:playing|on (?:at|[A-Z]|the \d)|taking place|happening|"
    r"coming up|(?:at|in) (?:the )?[A-Z]|today|tomorrow|tonight|next|at \d)|will (?:take place|be held)|vs\.?\s)",
)
_TAKEN = re.compile(
    r"(?:['’]s)?!?\s(?:(?:sounds|looks|seems|would be|is|will be)\s(?:\w{1,10}\s)?(?:great|good|nice|fine|perfect\w?|okay|ok|lovely|interesting)(?=[.!?,]|\Z| (?:one|for me|to me|idea|choice))|works (?:great|for me)|suits your|is what i would like|it is\b)",
    re.IGNORECASE,
)
_CORNER_BEFORE = re.compile(
    r"(?:\b(?:at|to|from|on|of|near|past|between|towards?|until)\s['\"]?(?:(?:[A-Z][a-z]{1,15}|\d{1,3}(?:st|nd|rd|th)) (?:and|&) )?|['\"]\Z|\A)\Z",
    re.IGNORECASE,
)
_CORNER_AFTER = re.compile(
    r" (?:and|&) (?!(?:i|my|we|our|the|an?|he|she|they|is|am|can|could|please|me|also)\b)([A-Z][a-z]{1,15}|\d{1,3}(?:st|nd|rd|th))\b",
    re.IGNORECASE,
)
_CORNER_PAIR = re.compile(r"([A-Z][a-z]{1,15}|\d{1,3}(?:st|nd|rd|th)) (?:and|&) \Z", re.IGNORECASE)
_WAY = re.compile(
    r"\b(?:drive|driving|rides?|taxi|uber|lyft|cab|bus|directions?|depart\w*|(?:go|head|turn) (?:north|south|east|west|left|right)|intersection|corner|final stop|get to|blocks?)\b",
    re.IGNORECASE,
)
_HEADING = re.compile(
    r"\b(?:go|head|turn|drive|walk) (?:north|south|east|west|left|right|straight)\b[^.?!\0]{0,40}\b(?:on|onto|towards?|until|past|to)\s\Z",
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
# words in names of places; and those that are only in talk about places
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
        "casa",
        "chateau",
        "pines",
        "village",
        "winery",
        "noodles",
        "wok",
        "bbq",
        "shabu",
        "cucina",
        "enoteca",
        "izakaya",
        "ramen",
        "opera",
        "hall",
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
TURNS = 5
LISTED = 120
Spans = Sequence[tuple[int, int]]


def public(
    texts: Sequence[str], proposed: Sequence[Spans], given: AbstractSet[str] = frozenset()
) -> frozenset[tuple[int, int, int]]:
    """The proposed names that are public: (text, start, end).

    `given`: given names; a given name alone is a person, not a film.

    >>> public(["What about tickets to see Bryan Adams?"], [[(26, 37)]]), public(["Hi, this is Bryan Adams"], [[(12, 23)]])
    (frozenset({(0, 26, 37)}), frozenset())
    """
    named = _named_spans(proposed, texts)
    if not named:
        return frozenset()
    # anywhere: the cue that a name is public may stand elsewhere than the proposal
    anywhere = _anywhere_of(named)
    found: set[frozenset[str]] = set()
    own: set[str] = set()
    topics = [
        (_TOPIC.search(text) is not None, _PRIVATE.search(text) is not None) for text in texts
    ]
    way = any(map(_WAY.search, texts))
    films = any(map(_FILM.search, texts))
    own = _verdicts(texts, topics, anywhere, way, given, films, found, own)
    return _public_places(named, own, found)


def _named_spans(
    proposed: Sequence[Spans], texts: Sequence[str]
) -> dict[tuple[int, int, int], str]:
    return {
        (i, start, end): texts[i][start:end]
        for i, spans in enumerate(proposed)
        for start, end in spans
    }


def _anywhere_of(named: dict[tuple[int, int, int], str]) -> Pattern[str]:
    return re.compile(
        rf"(?<!\w)(?:{'|'.join(map(re.escape, sorted(set(named.values()), key=len, reverse=True)))})(?!\w)",
        re.IGNORECASE,
    )


def _public_places(
    named: dict[tuple[int, int, int], str], own: set[str], found: set[frozenset[str]]
) -> frozenset[tuple[int, int, int]]:
    words_of = {place: frozenset(_WORD.findall(name.lower())) for place, name in named.items()}
    return frozenset(
        place
        for place, words in words_of.items()
        if words.isdisjoint(own) and any(words <= known for known in found)
    )


def _verdicts(
    texts: Sequence[str],
    topics: list[tuple[bool, bool]],
    anywhere: Pattern[str],
    way: bool,
    given: AbstractSet[str],
    films: bool,
    found: set[frozenset[str]],
    own: set[str],
) -> set[str]:
    """Add the public names to `found`; returns the words of names that speakers claim."""
    for i, text in enumerate(texts):
        # the nearest turn with a cue decides
        offers = next(
            (
                topic and not private
                for topic, private in topics[max(0, i - TURNS) : i + 1][::-1]
                if topic or private
            ),
            False,
        )
        for match in anywhere.finditer(text):
            words = frozenset(_WORD.findall(match[0].lower()))
            said_of = (
                "public"
                if way and _is_street(text, *match.span(), given)
                else _said_of(
                    text,
                    *match.span(),
                    private=topics[i][1],
                    offers=offers,
                    films=films,
                    alone=words <= given,
                )
            )
            if said_of == "public":
                found.add(words)
            elif said_of == "own":
                own |= words
    return own


def _is_street(text: str, start: int, end: int, given: AbstractSet[str]) -> bool:
    """Whether it is part of a crossing ("from Forbes and Murray"), or a road."""
    before = text[max(0, start - REACH) : start]
    if _HEADING.search(before):
        return True
    paired = _CORNER_AFTER.match(text, end) or _CORNER_PAIR.search(before)
    if paired is None or {paired[1].lower(), text[start:end].lower()} <= given:
        return False
    return _CORNER_BEFORE.search(before) is not None


def _said_of(
    text: str, start: int, end: int, *, private: bool, offers: bool, films: bool, alone: bool
) -> Literal["public", "own"] | None:
    """What the sentence says about a name. `alone`: it is only a given name."""
    before = text[max(0, start - REACH) : start]
    doctor = _DOCTOR.search(before)
    if doctor and not films:
        return "own"
    before = before[: doctor.start()] if doctor else before  # Dr. Strangelove
    if not private and _BEFORE.search(before):  # "the event's name is" before "name is"
        return "public"
    if _OWN.search(before):
        return "own"
    if _HONOURED.match(text, start) or _ACTS.match(text, end):  # somebody
        return None
    if _is_offered_in_context(text, start, end, private, before, films, offers, alone):
        return "public"
    return None


def _is_offered_in_context(
    text: str,
    start: int,
    end: int,
    private: bool,
    before: str,
    films: bool,
    offers: bool,
    alone: bool,
) -> Match[str] | bool:
    return (
        not _PLACES.isdisjoint(_WORD.findall(text[start:end].lower()))
        or (not private and _AFTER.match(text, end))
        or _AGAINST.match(text, end)
        or _AGAINST_BEFORE.search(before)
        or (
            films
            and offers
            and not alone
            and (_WATCHED.search(before) or _WATCHED_AFTER.match(text, end))
        )
        or (offers and (_NUMBERED.search(before) or _is_part_of_a_place(text, start, end)))
        or (
            offers
            and (_CAPITAL.search(before) or not alone)
            and (_OFFERED.search(before) or _is_offered(text, start, end))
        )
    )


def _is_offered(text: str, start: int, end: int) -> bool:
    """Whether it is offered among several things, praised, or on show somewhere."""
    among = _OFFERED_AMONG.search(text, max(0, start - LISTED), start)
    if among and (_SEVERAL.match(among[0]) or _SEVERAL.match(text, end)):
        return True
    return any(said.match(text, end) for said in (_PRAISED, _STAGED, _TAKEN))


def _is_part_of_a_place(text: str, start: int, end: int) -> bool:
    before = _NAMED_BEFORE.search(text, max(0, start - REACH), start)
    after = _NAMED_AFTER.match(text, end)
    around = (before[0] if before else "") + " " + (after[0] if after else "")
    return not _PLACES_PERHAPS.isdisjoint(_WORD.findall(around.lower()))
