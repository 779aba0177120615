"""Names of businesses that are called after a person: Nick's Cove, Ristorante Milo."""

import re

BUSINESSES = frozenset(
    [
        "apartment",
        "apartments",
        "bakery",
        "bar",
        "barber",
        "bistro",
        "cafe",
        "condos",
        "diner",
        "grill",
        "hostel",
        "hotel",
        "inn",
        "kitchen",
        "lodge",
        "lofts",
        "lounge",
        "motel",
        "pizzeria",
        "residences",
        "resort",
        "restaurant",
        "ristorante",
        "salon",
        "shop",
        "spa",
        "studio",
        "suites",
        "sushi",
        "tavern",
        "trattoria",
    ]
)
# these stand behind an owner's name or a business's own, written large
_SORTS = "|".join(
    word.capitalize()
    for word in (
        *BUSINESSES,
        "alley",
        "brasserie",
        "brewery",
        "cantina",
        "clinic",
        "cove",
        "cucina",
        "deli",
        "hall",
        "pizza",
        "saloon",
        "steakhouse",
        "theater",
        "theatre",
        "winery",
    )
)
_OWNED = re.compile(rf"(?:['’]s)?(?: [^\W\d_]{{2,14}})? (?:{_SORTS})\b")
# Barber, Hall and Lodge are family names
_NAMED = re.compile(rf" (?!(?:Alley|Bar|Barber|Cove|Hall|Lodge|Shop)\b)(?:{_SORTS})\b")
_BEFORE = re.compile(
    r"\b(?:Brasserie|Cafe|Café|Casa|Chez|Cucina|Hotel|Osteria|Restaurante|Ristorante|Trattoria) "
    r"(?:[A-Z][^\W\d_]+ ){0,2}\Z"
)
_LONGEST = 40


def names_business(text: str, start: int, end: int) -> bool:
    """Whether a name is a part of a business's: written large, and with a word for its sort.

    >>> names_business("We ate at Nick's Cove", 10, 14), names_business("Nick's bar tab", 0, 4)
    (True, False)
    """
    owned = text[end : end + 2] in {"'s", "’s"} or text[end - 2 : end] in {"'s", "’s"}
    behind = (_OWNED if owned else _NAMED).match(text, end)
    return behind is not None or _BEFORE.search(text, max(0, start - _LONGEST), start) is not None
