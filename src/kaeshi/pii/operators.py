"""What replaces personal data: placeholder, surrogate, mask or keyed pseudonym.

Surrogates keep gender, region and format, and belong to no person: phones in 555-01xx (reserved for
fiction by the North American Numbering Plan), example.com (RFC 2606), 192.0.2.x and 2001:db8:: (RFC
5737, RFC 3849), the card numbers that processors publish for tests, and social security numbers
987-65-43xx (reserved for advertising).
"""

import hashlib
import hmac
import re
from collections.abc import Callable, Sequence
from typing import Any

from kaeshi.nouns import PLACEHOLDER
from kaeshi.pii.validators import digits

HER = [
    "Alice",
    "Anna",
    "Beth",
    "Carla",
    "Clara",
    "Diane",
    "Elena",
    "Ella",
    "Emma",
    "Eva",
    "Fiona",
    "Grace",
    "Hannah",
    "Helen",
    "Ida",
    "Irene",
    "Jane",
    "Julia",
    "Kate",
    "Laura",
    "Linda",
    "Lucy",
    "Maria",
    "Martha",
    "Mia",
    "Nina",
    "Nora",
    "Olivia",
    "Paula",
    "Rachel",
    "Rosa",
    "Ruth",
    "Sarah",
    "Sofia",
    "Tina",
    "Vera",
]
HIS = [
    "Adam",
    "Alan",
    "Andrew",
    "Ben",
    "Brian",
    "Carl",
    "Daniel",
    "David",
    "Dennis",
    "Eric",
    "Felix",
    "Frank",
    "George",
    "Henry",
    "Hugo",
    "Ian",
    "Ivan",
    "Jack",
    "James",
    "John",
    "Kevin",
    "Leo",
    "Lewis",
    "Luke",
    "Marco",
    "Martin",
    "Max",
    "Nathan",
    "Oscar",
    "Owen",
    "Paul",
    "Peter",
    "Ralph",
    "Simon",
    "Tom",
    "Victor",
]
FAMILY = [
    "Adler",
    "Barnes",
    "Becker",
    "Bishop",
    "Carter",
    "Castro",
    "Collins",
    "Cooper",
    "Dalton",
    "Dawson",
    "Doyle",
    "Ellis",
    "Fisher",
    "Fleming",
    "Foster",
    "Garner",
    "Graham",
    "Harper",
    "Hayes",
    "Holt",
    "Hudson",
    "Jensen",
    "Keller",
    "Lambert",
    "Larsen",
    "Mason",
    "Mercer",
    "Morgan",
    "Norris",
    "Palmer",
    "Porter",
    "Quinn",
    "Ramsey",
    "Reeves",
    "Sawyer",
    "Sutton",
    "Tanner",
    "Vaughn",
    "Walsh",
    "Weber",
]
ROADS = ["Example Street", "Sample Avenue", "Specimen Road", "Placeholder Lane", "Anywhere Drive"]
CARDS = {
    16: "4242424242424242",
    15: "378282246310005",
    14: "30569309025904",
    19: "6205500000000000004",
}
TITLES = frozenset({"mr", "mrs", "ms", "miss", "dr", "prof", "sir", "madam"})
_LETTERS = re.compile(r"[^\W\d_]+")

Surrogate = Callable[[str, "Draw"], str]


class Draw:
    """Pseudo-random numbers that depend on the value only.

    The same value in the same conversation has the same surrogate.
    """

    def __init__(self, key: bytes, kind: str, value: str) -> None:
        self._stream = hashlib.shake_256(
            b"\0".join((key, kind.encode(), value.encode("utf-8", "surrogatepass")))
        ).digest(64)
        self._at = 0

    def below(self, limit: int) -> int:
        """A number from 0 to limit - 1."""
        self._at = (self._at + 2) % 62
        return int.from_bytes(self._stream[self._at : self._at + 2]) % limit

    def of(self, choices: Sequence[str]) -> str:
        """One of them."""
        return choices[self.below(len(choices))]


def mask(value: str) -> str:
    """The same shape, with letters and digits masked.

    >>> mask("415-555-0132")
    '***-***-****'
    """
    return re.sub(r"[^\W_]", "*", value)


def pseudonym(kind: str, canonical: str, key: bytes) -> str:
    """A name that is the same over all conversations, and reveals nothing without the key."""
    digest = hmac.new(
        key, f"{kind}\0{canonical}".encode("utf-8", "surrogatepass"), hashlib.sha256
    ).hexdigest()
    return f"[{kind}_x{digest[:12]}]"


def surrogate(
    kind: str, value: str, canonical: str, key: bytes, women: frozenset[str] = frozenset()
) -> str:
    """A value of the same type and format that belongs to no person.

    `canonical`: the form by which equal values are equal.
    """
    if PLACEHOLDER.fullmatch(value):
        return value
    return (
        _MAKERS.get(kind, _shuffled)(value, Draw(key, kind, canonical))
        if kind != "PERSON"
        else _person(value, Draw(key, kind, canonical), women)
    )


def _person(value: str, draw: Draw, women: frozenset[str]) -> str:
    words = _LETTERS.findall(value)
    real = [word for word in words if word.lower() not in TITLES]
    family, made = _replaced_name(draw, real, women, value)
    return f"{made} {family}" if made == value else made


def _replaced_name(
    draw: Draw, real: list[Any], women: frozenset[str], value: str
) -> tuple[str, str]:
    given = draw.of(HER if real and real[0].lower() in women else HIS)
    family = draw.of(FAMILY)
    names = iter([given, *[family] * max(len(real) - 1, 0)])
    made = _LETTERS.sub(
        lambda m: m[0] if m[0].lower() in TITLES else _cased(m[0], next(names, family)), value
    )
    return family, made


def _cased(like: str, word: str) -> str:
    """`word` in the letter case of `like`; a single capital (an initial) leaves it as it is."""
    if like.isupper() and len(like) > 1:
        return word.upper()
    if like.islower():
        return word.lower()
    return word


def _phone(value: str, draw: Draw) -> str:
    number = digits(value)
    made = list(number)
    tail = f"55501{draw.below(100):02d}"
    made[-min(7, len(made)) :] = tail[-min(7, len(made)) :]
    return _poured(value, made)


def _poured(value: str, made: Sequence[str]) -> str:
    """New digits in the places of the value's digits."""
    rest = iter(made)
    return "".join(next(rest, "0") if c.isdigit() else c for c in value)


def _card(value: str, _draw: Draw) -> str:
    count = len(digits(value))
    return _poured(value, CARDS.get(count, "4" + "0" * (count - 1)))


def _ssn(value: str, draw: Draw) -> str:
    return _poured(value, f"98765432{draw.below(10)}"[-len(digits(value)) :])


def _email(_value: str, draw: Draw) -> str:
    return f"{draw.of(HER + HIS).lower()}.{draw.of(FAMILY).lower()}@example.com"


def _url(value: str, draw: Draw) -> str:
    scheme = value.partition("://")[0] + "://" if "://" in value else ""
    return f"{scheme}{'www.' if value.lower().startswith('www.') else ''}example.com/{draw.below(10000)}"


def _ip(value: str, draw: Draw) -> str:
    return f"2001:db8::{draw.below(65535):x}" if ":" in value else f"192.0.2.{1 + draw.below(254)}"


def _address(value: str, draw: Draw) -> str:
    return (
        f"P.O. Box {100 + draw.below(900)}"
        if "box" in value.lower()
        else f"{100 + draw.below(900)} {draw.of(ROADS)}"
    )


def _iban(value: str, _draw: Draw) -> str:
    return value[:2] + re.sub(r"[^\W\d_]", "X", re.sub(r"\d", "0", value[2:]))


def _shuffled(value: str, draw: Draw) -> str:
    """Other letters and digits in the same places."""
    made = "".join(
        str(draw.below(10))
        if c.isdigit()
        else (
            chr((65 if c.isupper() else 97) + draw.below(26)) if c.isascii() and c.isalpha() else c
        )
        for c in value
    )
    return made if made != value else mask(value)


_MAKERS: dict[str, Surrogate] = {
    "PHONE": _phone,
    "CREDIT_CARD": _card,
    "SSN": _ssn,
    "EMAIL": _email,
    "URL": _url,
    "IP": _ip,
    "ADDRESS": _address,
    "IBAN": _iban,
}
