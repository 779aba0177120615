"""Policy checks on answers.

What must never be said, must always be said, or must stay within bounds.
"""

import re
from collections.abc import Sequence

from pydantic import Field
from pydantic_core import from_json

from kaeshi.nouns import Value

_PRICE = re.compile(
    r"\$ ?(\d{1,7}(?:,\d{3}){0,2}(?:\.\d{1,2})?)|\b(\d{1,7}(?:,\d{3}){0,2}(?:\.\d{1,2})?) "
    r"?(?:dollars|USD)\b",
    re.IGNORECASE,
)


class Checks(Value):
    """A deployment's checks, from a TOML file. What is not set is not checked."""

    forbidden: tuple[str, ...] = ()  # whole words or phrases, in any case
    required: tuple[str, ...] = ()  # phrases that every answer holds, such as a disclaimer
    price_range: tuple[float, float] | None = None  # dollars that may be named
    max_characters: int | None = Field(None, ge=1)
    json_object: bool = False  # the answer is a JSON object
    foreign_data: bool = True  # no personal data beyond the conversation's


def broken(text: str, checks: Checks, foreign: Sequence[str] = ()) -> tuple[str, ...]:
    """The checks that an answer breaks.

    `foreign`: types of personal data in it that the conversation does not hold.

    >>> checks = Checks(forbidden=("guaranteed",), price_range=(20, 5000))
    >>> broken("It is $9,000, guaranteed.", checks)
    ('forbidden', 'price_range')
    """
    lowered = text.casefold()
    found = list[str]()
    if _says_forbidden(checks, lowered):
        found.append("forbidden")
    if not all(words.casefold() in lowered for words in checks.required):
        found.append("required")
    if checks.price_range is not None:
        least, most = checks.price_range
        named = _prices_in(text)
        if any(not least <= price <= most for price in named):
            found.append("price_range")
    _shape_faults(checks, text, found, foreign)
    return tuple(found)


def _shape_faults(checks: Checks, text: str, found: list[str], foreign: Sequence[str]) -> None:
    if checks.max_characters is not None and len(text) > checks.max_characters:
        found.append("max_characters")
    if checks.json_object and not _is_object(text):
        found.append("json_object")
    if checks.foreign_data and foreign:
        found.append("foreign_data")


def _says_forbidden(checks: Checks, lowered: str) -> bool:
    return any(
        re.search(rf"(?<!\w){re.escape(words.casefold())}(?!\w)", lowered)
        for words in checks.forbidden
    )


def _prices_in(text: str) -> list[float]:
    return [float((m[1] or m[2]).replace(",", "")) for m in _PRICE.finditer(text)]


def _is_object(text: str) -> bool:
    try:
        return isinstance(from_json(text), dict)
    except ValueError:
        return False
