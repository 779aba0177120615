"""Phones as people write them at home: without a plus, in their country's groups.

The groups and ranges are libphonenumber's (by `phonenumbers`, Apache-2.0). It is asked only about
numbers that nothing else recognised, in the countries of the policy and those that the words around
suggest.
"""

import re
from collections.abc import Iterable, Iterator
from functools import cache

from kaeshi.pii.policy import Hit
from kaeshi.pii.recogniser import both, no
from kaeshi.pii.vocabulary import ACCOUNT, DATE_ALONE, REFERENCE, UNITS, ZIP

SCORE = 0.84
LEAST = 8  # digits
MOST = 13
LONGEST = 600  # characters of numbers in a row; more of them are a table
AROUND = 400  # characters on either side that may tell the language
# where a number begins with 0 and is a mobile's, its country need not be known
MOBILE_ANYWHERE = (
    "GB",
    "FR",
    "DE",
    "IT",
    "NL",
    "ES",
    "BE",
    "CH",
    "AT",
    "AU",
    "ZA",
    "NG",
    "IE",
    "SE",
    "PK",
)
_GROUPED = re.compile(r"(?<![\d(])\(?\d{1,6}\)?(?:[ ./-]{1,2}\(?\d{2,8}\)?){1,5}")
_BARE = re.compile(r"0\d{9,10}")
_BORDER = frozenset(" ,;:|/\n\t\0(\"'[。，：；、")
_WORD = re.compile(r"[^\W\d_]+")
# words that few other languages have, and the countries whose customers write them
_WORDS = {
    "hola gracias usted por favor quiero tengo llamar llame mañana también número móvil correo nombre pero cuando puede señor": "ES MX CO AR CL PE",
    "não você obrigado obrigada também ou meu minha número telefone ligue quero pode está olá senhor": "BR PT",
    "und ich nicht bitte danke mein meine oder können bin ist eine unter erreichen nummer": "DE AT CH",
    "je vous merci bonjour mon est pas avec ou une suis numéro joindre appelez votre": "FR BE CH CA",
    "ciao grazie sono mio per favore buongiorno numero chiamare non anche oppure": "IT CH",
    "ik het een bedankt mijn niet voor nummer bellen graag": "NL BE",
    "mera meri hai kya aap nahi bhai ji karo haan mujhe kripya": "IN",
    "tôi không cảm ơn anh chị em của và số": "VN",
    "jest nie proszę dziękuję mój mam numer dzień dobry": "PL",
    "saya tidak terima kasih nomor dan atau": "ID",
    "ben bir teşekkürler merhaba için numaram ve": "TR",
    "jag och inte tack är": "SE",
}
_SCRIPTS = (
    (re.compile(r"[\u3040-\u30ff]"), "JP"),
    (re.compile(r"[\u4e00-\u9fff]"), "CN TW HK"),
    (re.compile(r"[가-힣]"), "KR"),
    (re.compile(r"[\u0400-\u04ff]"), "RU UA KZ"),
    (re.compile(r"[\u0900-\u097f]"), "IN"),
    (re.compile(r"[\u0600-\u06ff]"), "SA AE EG PK"),
    (re.compile(r"[\u0590-\u05ff]"), "IL"),
    (re.compile(r"[\u0e00-\u0e7f]"), "TH"),
    (re.compile(r"[\u0370-\u03ff]"), "GR"),
)
_OTHERWISE = both(
    no(REFERENCE),
    no(UNITS),
    no(ZIP),
    no(ACCOUNT),
    no(lambda text, a, b: DATE_ALONE.match(text, a, b) is not None),
)


def national_phone(text: str, start: int, end: int, regions: Iterable[str]) -> Iterator[Hit]:
    """Phones within a number of which nothing else is known.

    `regions`: countries (ISO 3166) that are always tried.

    >>> [hit[2] for hit in national_phone("meu número é 11 98765-4321", 13, 26, ("US",))]
    ['PHONE']
    """
    start -= start > 0 and text[start - 1] == "("
    number = text[start:end]
    if (
        (start > 0 and text[start - 1] not in _BORDER)
        or text[end : end + 1].isalnum()
        or end - start > LONGEST
    ):
        return
    if _BARE.fullmatch(number):
        if _OTHERWISE(text, start, end) and _is_mobile(number):
            yield start, end, "PHONE", SCORE, "national mobile"
        return
    for match in _GROUPED.finditer(number):
        a = start + match.start()
        b = start + match.end()
        if (
            LEAST <= sum(map(str.isdigit, match[0])) <= MOST
            and _OTHERWISE(text, a, b)
            and _is_grouped(match[0], (*regions, *_suggested(text, a, b)))
        ):
            yield a, b, "PHONE", SCORE, "national"


def _suggested(text: str, start: int, end: int) -> list[str]:
    """Countries that the words of the same conversation suggest."""
    before = text[max(0, start - AROUND) : start].rpartition("\0\0")[2]
    around = before + text[end : end + AROUND].partition("\0\0")[0]
    words = {*_WORD.findall(around.lower())}
    found = [region for word in words for region in _by_word().get(word, ())]
    if not around.isascii():
        found += [
            r for script, regions in _SCRIPTS if script.search(around) for r in regions.split()
        ]
    return [*dict.fromkeys(found)]


@cache
def _by_word() -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for words, regions in _WORDS.items():
        for word in words.split():
            found[word] = (*found.get(word, ()), *regions.split())
    return found


def _is_grouped(number: str, regions: Iterable[str]) -> bool:
    """Whether it is written in the groups of one of these countries."""
    import phonenumbers  # its ranges load when first asked for

    return any(
        match.start == 0 and match.end == len(number)
        for region in regions
        for match in phonenumbers.PhoneNumberMatcher(
            number, region, leniency=phonenumbers.Leniency.STRICT_GROUPING
        )
    )


def _is_mobile(number: str) -> bool:
    import phonenumbers

    kinds = {phonenumbers.PhoneNumberType.MOBILE}
    for region in MOBILE_ANYWHERE:
        parsed = phonenumbers.parse(number, region)
        if phonenumbers.is_valid_number(parsed) and phonenumbers.number_type(parsed) in kinds:
            return True
    return False
