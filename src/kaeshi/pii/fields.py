"""Texts that are JSON: keys are never personal data, values are, one by one.

A value is looked at with its own key before it, as "date of birth: 1987-03-14": what its neighbours
say announces nothing. A number that is replaced becomes a string, so that the text stays JSON.
"""

import json
import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from kaeshi.pii.policy import Hit

DEEPEST = 3  # a string may hold JSON, whose strings may hold JSON
BETWEEN = "\n\n"
_TOKEN = re.compile(
    r'"((?:[^"\\]|\\.)*)"([ \t\r\n]*:)?|(-?[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?)', re.DOTALL
)
_ESCAPED = re.compile(r"\\u[0-9a-fA-F]{4}|\\.|[^\\]+", re.DOTALL)
_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|[_.-]")
_STARTS = "{["
_MOST_SPACE = 16
_ENDS = {"{": "}", "[": "]"}


class Leaf(NamedTuple):
    """A string or a number. `key`: its field's name in words. `value`: without escapes.

    `places`: where each of its characters begins in the text, and where the last one ends. `quote`:
    what a number is put between when it becomes a string; empty for a string.
    """

    key: str
    value: str
    places: list[int]
    quote: str


def leaves(text: str) -> list[Leaf]:
    """The strings and numbers of a JSON text, or of a text of JSON lines; none if it is neither.

    >>> [(leaf.key, leaf.value) for leaf in leaves('{"dateOfBirth": "1987-03-14", "nights": 2}')]
    [('date of birth', '1987-03-14'), ('nights', '2')]
    """
    return list(_leaves(text, list(range(len(text) + 1)), 0)) if _is_json(text) else []


def _is_json(text: str) -> bool:
    bare = text.strip()
    if bare[:1] not in _ENDS or bare[-1:] not in _ENDS.values():
        return False
    if _parses(bare):
        return True
    lines = bare.splitlines()
    return len(lines) > 1 and all(line[:1] in _ENDS and _parses(line) for line in lines)


def _parses(text: str) -> bool:
    try:
        return isinstance(json.loads(text), dict | list)
    except (ValueError, RecursionError):
        return False


def _leaves(text: str, places: list[int], depth: int) -> Iterator[Leaf]:
    """`places`: where each character of the text stands in the outermost one."""
    key = ""
    quote = '"'
    for _ in range(depth):
        quote = json.dumps(quote)[1:-1]
    for token in _TOKEN.finditer(text):
        if token[3] is not None:
            yield Leaf(key, token[3], places[token.start(3) : token.end(3) + 1], quote)
        elif token[2] is not None:
            key = " ".join(_HUMP.sub(" ", token[1]).lower().split())
        else:
            value, there = _without_escapes(token[1], token.start(1))
            own = [places[i] for i in there]
            if depth < DEEPEST and value[:1] in _ENDS and _parses(value):
                yield from _leaves(value, own, depth + 1)
            else:
                yield Leaf(key, value, own, "")


def _without_escapes(raw: str, start: int) -> tuple[str, list[int]]:
    if "\\" not in raw:
        return raw, list(range(start, start + len(raw) + 1))
    value: list[str] = []
    places: list[int] = []
    for piece in _ESCAPED.finditer(raw):
        if piece[0][0] != "\\":
            value.append(piece[0])
            places += range(start + piece.start(), start + piece.end())
            continue
        value.append(_meant(piece[0]))
        places.append(start + piece.start())
    return "".join(value), [*places, start + len(raw)]


def _meant(escape: str) -> str:
    try:
        meant: str = json.loads(f'"{escape}"')
    except ValueError:
        return "?"
    # half of a letter, and what would part two turns
    return "?" if meant == "\0" or "\ud800" <= meant <= "\udfff" else meant


class Document(NamedTuple):
    """One JSON text among others. `view`: its values, each after its key. `starts`: of each value."""

    view: str
    leaves: list[Leaf]
    starts: list[int]

    def back(self, start: int, end: int) -> tuple[int, int] | None:
        """The place of what was found in the view, in the text; None in a key or across values."""
        for leaf, at in zip(self.leaves, self.starts, strict=True):
            if at <= start and end <= at + len(leaf.value):
                return (
                    (leaf.places[0], leaf.places[-1])
                    if leaf.quote
                    else (leaf.places[start - at], leaf.places[end - at])
                )
        return None


def document(text: str) -> Document | None:
    """A JSON text as lines of keys and values; None if it is not JSON."""
    found = leaves(text)
    return document_of(found) if found else None


def document_of(found: list[Leaf]) -> Document:
    """Values as lines, each after its key."""
    pieces = []
    starts = []
    length = 0
    for leaf in found:
        before = f"{leaf.key}: " if leaf.key else ""
        starts.append(length + len(before))
        # what looks like the end of a value would announce the next one
        pieces.append(before + leaf.value.replace(BETWEEN, " \n"))
        length += len(pieces[-1]) + len(BETWEEN)
    return Document(BETWEEN.join(pieces), found, starts)


def turns(found: Sequence[Leaf]) -> list[Leaf]:
    """The values that people may have said, in order: those of a chat follow one another.

    Left out is what is one word under a key that speaks of no person, as a role or an id.
    """
    return [
        leaf
        for leaf in found
        if not leaf.quote and (" " in leaf.value or _PERSON_KEYS.search(leaf.key))
    ]


def documents(joined: str) -> Iterator[tuple[int, int]]:
    """Where texts that may be JSON stand among texts joined by NUL."""
    done = 0
    for sign in _STARTS:
        at = joined.find(sign)
        while at >= 0:
            before = joined[max(0, at - _MOST_SPACE) : at].rstrip(" \t\r\n")
            if at >= done and (before.endswith("\0") or (not before and at <= _MOST_SPACE)):
                end = joined.find("\0", at)
                end = len(joined) if end < 0 else end
                yield at, end
                done = end
            at = joined.find(sign, at + 1)
        done = 0


def quoted(joined: str) -> dict[tuple[int, int], str]:
    """The numbers in JSON texts among texts joined by NUL, and what a string there begins with."""
    found = {}
    for start, end in documents(joined):
        for leaf in leaves(joined[start:end]):
            if leaf.quote:
                found[start + leaf.places[0], start + leaf.places[-1]] = leaf.quote
    return found


def unescaped(value: str) -> str:
    """What a part of a JSON string says."""
    try:
        return str(json.loads(f'"{value}"')) if "\\" in value else value
    except ValueError:
        return value


_NAMED = re.compile(
    r"(?:first|last|full|given|family|middle|guest|customer|client|contact|sur|nick|holder|cardholder|card holder|recipient|"
    r"passenger|patient|driver|owner|user|sender|receiver|billing|shipping|maiden|legal|display|caller|agent|tenant|"
    r"emergency contact|account holder) ?names?\Z|(?:first|last|surname|firstname|lastname|fullname|username real|"
    r"cardholder|card holder|account holder|nombre|apellidos?|vorname|nachname|prenom|prénom|nome|cognome|sobrenome)\Z",
    re.IGNORECASE,
)
_PERSON_KEYS = re.compile(
    r"\b(?:names?|guests?|customers?|clients?|contact|person|people|user|owner|host|driver|agent|author|sender|"
    r"recipient|from|to|cc|by|patient|passengers?|attendees?|members?|holder|caller|employee|manager|chef|doctor|"
    r"assignee|assigned|reporter|signed|signer|for|who|spouse|wife|husband|child|parent|friend|beneficiary|payee|payer|"
    r"tenant|landlord|attn|text|note|notes|message|content|body|comment|"
    r"question|answer|said|subject|reply|address|ship|bill|email|mail)\b"
)
_OF_PEOPLE = re.compile(
    r"\b(?:guests?|customers?|clients?|person|people|users?|owner|host|driver|agent|author|sender|recipient|patient|passengers?|holder|employee|"
    r"first|last|full|given|family|nick|contact)\b"
)
_THING_KEYS = re.compile(
    r"\b(?:events?|products?|items?|options?|addons?|attributes?|sku|prices?|quantity|beds?|views?|boards?|rooms?|types?|status|categor(?:y|ies)|tags?|plans?|brands?|models?|dish(?:es)?|"
    r"menus?|cit(?:y|ies)|colou?rs?|languages?|lang|services?|departments?|fonts?|themes?|country|currency|version|genre|song|album|film|movie)\b"
)
_A_NAME = re.compile(r"[^\W\d_][^\W\d_]*(?:[ .'’,-]{1,2}[^\W\d_]+){0,4}\.?")
_KEYED = tuple(
    (re.compile(rf"(?:\A|.* )(?:{key})\Z"), re.compile(rf"(?:{value})\Z", re.DOTALL), kind)
    for key, value, kind in (
        (
            r"dob|date of birth|birth ?date|birthday|born(?: on)?|fecha de nacimiento|geburtsdatum",
            r".*\d.*",
            "DATE_OF_BIRTH",
        ),
        (r"password|passwd|passphrase|pwd|passcode", r"\S.{3,200}", "PASSWORD"),
        (
            r"pin|cvv2?|cvc2?|security code|otp|otp code|one time code|verification code|pin code",
            r"\D{0,3}\d[\d -]{2,9}",
            "PIN",
        ),
        (r"ssn|social security(?: number| no)?", r"[\dXx* -]{4,14}", "SSN"),
        (
            r"account (?:number|no|num|nr)|acct(?: number| no| num)?|bank account",
            r"[A-Za-z]{0,4}[\d -]{5,24}",
            "BANK_ACCOUNT",
        ),
        (r"routing(?: number| no)?|sort code|aba|bsb|blz|bank code", r"[\d -]{6,12}", "ROUTING"),
        (
            r"driv(?:er|ing)s? licen[cs]e(?: number| no)?|licen[cs]e (?:number|no)|dl(?: number| no)",
            r"(?=.*\d)[A-Za-z0-9 -]{5,20}",
            "DRIVER_LICENSE",
        ),
        (r"passport(?: number| no| num)?", r"(?=.*\d)[A-Za-z0-9 ]{6,12}", "PASSPORT"),
        (
            r"(?:phone|mobile|cell|tel|telephone|fax|whatsapp)(?: number| no)?",
            r"\+?[\d ().x-]{6,24}",
            "PHONE",
        ),
        (
            r"card(?: number| no| num)?|card pan|credit card(?: number)?",
            r"[\d -]{12,23}",
            "CREDIT_CARD",
        ),
        (
            r"(?:gate|door|alarm|access|entry|lockbox|lock box|garage|wifi|wi fi) (?:code|password|pin|key)",
            r".*\d.*|\S{4,}",
            "ACCESS_CODE",
        ),
        (r"vin|vehicle identification number", r"[A-HJ-NPR-Za-hj-npr-z0-9]{11,17}", "VIN"),
        (r"user ?name|login(?: name)?", r"\S{3,64}", "USERNAME"),
        (
            r"licen[cs]e plate|plate(?: number| no)?|number plate",
            r"(?=.*\d)[A-Za-z0-9 -]{3,10}",
            "LICENSE_PLATE",
        ),
        (
            r"dni|nie|nif|cpf|cnpj|curp|rfc|aadhaar|aadhar|pan(?: number| no| card)?|nino|ni number|codice fiscale|pesel|bsn|nhs(?: number)?|sin|tfn|national id(?: number)?|tax id|id card(?: number)?",
            r"(?=.*\d)[A-Za-z0-9 ./-]{6,24}",
            "NATIONAL_ID",
        ),
    )
)
_NO_VALUE = frozenset(
    "string number integer boolean true false null none required optional object array text unknown n/a hidden redacted".split()
)
BY_KEY = 0.97


def keyed(leaf: Leaf) -> str | None:
    """The type of a value by its field's name, as a name, a birth date or a password; else None."""
    value = leaf.value.strip()
    if not value or value.lower() in _NO_VALUE:
        return None
    for key, shape, kind in _KEYED:
        if key.match(leaf.key) and shape.match(value):
            return kind
    if _NAMED.search(leaf.key) and not leaf.quote and len(value) <= 60 and _A_NAME.fullmatch(value):
        return "PERSON"
    return None


def is_of_things(leaf: Leaf) -> bool:
    """Whether a value's key speaks of things: a menu's items, a product, a price."""
    return _THING_KEYS.search(leaf.key) is not None


def may_name(leaf: Leaf, start: int, end: int) -> bool:
    """Whether what a finder takes for a person's name in a value may be one.

    A value that is one word and nothing else is a person only under a key that speaks of people,
    and none is under one that speaks of things.
    """
    if is_of_things(leaf) and not _OF_PEOPLE.search(leaf.key):
        return False
    alone = start == 0 and end >= len(leaf.value.rstrip()) and " " not in leaf.value[start:end]
    return not alone or _PERSON_KEYS.search(leaf.key) is not None


def by_keys(found: Document) -> Iterator[Hit]:
    """Values whose field says what they are, by their places in the document's view."""
    for leaf, at in zip(found.leaves, found.starts, strict=True):
        kind = keyed(leaf)
        if kind is not None:
            first = len(leaf.value) - len(leaf.value.lstrip())
            yield at + first, at + len(leaf.value.rstrip()), kind, BY_KEY, "field"
