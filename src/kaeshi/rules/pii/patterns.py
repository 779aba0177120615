"""What structured personal data looks like. Each recogniser is one bounded expression, a cheap trigger, and sometimes a check.

Every repetition is bounded, so that matching is linear in the text. Turns of a conversation are joined by NUL, which no
expression crosses unless it means to look at the turn before.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass

from kaeshi.rules.pii.validators import card_end, digits, is_iban, is_ip

Check = Callable[[str, int, int], bool]
Shorten = Callable[[str, int, int], int | None]


@dataclass(frozen=True, kw_only=True)
class Recogniser:
    """One way to see one type. `triggers`: the expression is tried only where one of these is in the lower-cased text. `group`: the personal part.

    `shorten`: where a match really ends, or None if it is none.

    Expressions start with a character class and look behind afterwards: so the engine skips ahead to the next candidate.
    """

    type: str
    name: str
    pattern: re.Pattern[str]
    triggers: tuple[str, ...] = ()
    check: Check | None = None
    shorten: Shorten | None = None
    group: int = 0
    score: float = 0.9


def _near(words: str, before: int, *, turns: int = 1) -> Check:
    """Is one of `words` said in the `before` characters ahead of the match, at most `turns` turns back?"""
    pattern = re.compile(words, re.IGNORECASE)

    def check(text: str, start: int, _end: int) -> bool:
        window = text[max(0, start - before) : start]
        return pattern.search("\0".join(window.split("\0")[-1 - turns :])) is not None

    return check


def _both(*checks: Check) -> Check:
    return lambda text, start, end: all(check(text, start, end) for check in checks)


def _not(check: Check) -> Check:
    return lambda text, start, end: not check(text, start, end)


def _phone_digits(text: str, start: int, end: int) -> bool:
    return 8 <= len(digits(text[start:end])) <= 15  # E.164


_REFERENCE = _near(r"\b(?:order|booking|confirmation|reservation|reference|tracking|invoice|ticket|flight|ride|id)\b", 40, turns=0)
_ZIP = _near(r"\b(?:in|to|near|zip|zip code|is it|around|year|for)\s$", 10, turns=0)
_VERSION = _near(r"(?:\bv|version|release)\s?$", 10, turns=0)
_DATE = r"(?:\d{1,4}[/.-]\d{1,2}[/.-]\d{1,4}|(?:\d{1,2}(?:st|nd|rd|th)?\s(?:of\s)?)?(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]{0,6}\.?,?\s\d{1,4}(?:st|nd|rd|th)?(?:,?\s\d{2,4})?)"
_STREET = r"(?:Street|St|Avenue|Ave|Road|Rd|Boulevard|Blvd|Lane|Ln|Drive|Dr|Court|Ct|Circle|Cir|Place|Pl|Terrace|Ter|Way|Parkway|Pkwy|Highway|Hwy|Square|Sq|Trail|Row|Alley|Plaza)"

RECOGNISERS = (
    Recogniser(type="EMAIL", name="address", triggers=("@",), pattern=re.compile(r"[A-Za-z0-9][A-Za-z0-9._%+'-]{0,63}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){0,5}\.[A-Za-z]{2,24}(?![A-Za-z])"), score=0.99),
    Recogniser(type="EMAIL", name="spelt", triggers=(" at ",), pattern=re.compile(r"\b[A-Za-z0-9._%+-]{1,64} at [A-Za-z0-9-]{1,63} dot (?:com|org|net|edu|gov|io|co|us|uk|de)\b", re.IGNORECASE), score=0.8),
    Recogniser(type="URL", name="scheme", triggers=("://",), pattern=re.compile(r"\b(?:https?|ftp)://[^\s<>\"'\0]{1,2000}[^\s<>\"'\0.,;:!?)\]]"), score=0.99),
    Recogniser(type="URL", name="www", triggers=("www.",), pattern=re.compile(r"\bwww\.[^\s<>\"'\0]{2,500}[^\s<>\"'\0.,;:!?)\]]"), score=0.95),
    Recogniser(type="IBAN", name="mod97", pattern=re.compile(r"[A-Z](?<!\w[A-Z])[A-Z]\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?\b"), check=lambda text, a, b: is_iban(text[a:b]), score=0.99),
    Recogniser(type="CREDIT_CARD", name="luhn", pattern=re.compile(r"\d(?<![\d-]\d)(?:[ -]?\d){12,18}"), shorten=card_end, score=0.99),
    Recogniser(type="SSN", name="dashed", triggers=("-",), pattern=re.compile(r"\d(?<![\d-]\d)\d{2}-\d{2}-\d{4}(?![\d-])"), score=0.95),
    Recogniser(type="SSN", name="in context", triggers=("ssn", "social security"), pattern=re.compile(r"\d(?<![\d-]\d)\d{2}[ .]?\d{2}[ .]?\d{4}(?![\d-])"), check=_near(r"\bssn\b|social security", 40), score=0.9),
    Recogniser(type="IP", name="v4", triggers=(".",), pattern=re.compile(r"\d(?<![\w.]\d)\d{0,2}(?:\.\d{1,3}){3}(?!\w|\.\d)"), check=_both(lambda text, a, b: is_ip(text[a:b]), _not(_VERSION)), score=0.95),
    Recogniser(type="IP", name="v6", triggers=("::",), pattern=re.compile(r"[0-9A-Fa-f:](?<![\w:].)[0-9A-Fa-f:]{3,44}(?![\w:])"), check=_both(lambda text, a, b: "::" in text[a:b] and is_ip(text[a:b]), _not(_VERSION)), score=0.95),
    Recogniser(type="IP", name="v6 in full", triggers=(":",), pattern=re.compile(r"[0-9A-Fa-f](?<![\w:].)[0-9A-Fa-f]{0,3}(?::[0-9A-Fa-f]{1,4}){7}(?![\w:])"), score=0.95),
    Recogniser(type="PHONE", name="area", pattern=re.compile(r"[+(\d](?<![\w$.+-].)(?:(?<=\+)\d{1,3}[ .-]?|(?<=\d)\d{0,2}[ .-])?(?:(?:\(|(?<=\())\d{3}\) ?|(?:(?<![\d])\d|(?<=\d))\d{2}[ .-])\d{3}[ .-]\d{4}(?:,?\s?(?:x|ext\.?|extension)\s?\d{1,6})?(?![\w-])"), score=0.95),
    Recogniser(type="PHONE", name="international", triggers=("+",), pattern=re.compile(r"\+\d{1,3}(?:[ .()-]{0,2}\d{1,4}){2,6}(?![\w-])"), check=_phone_digits, score=0.95),
    Recogniser(type="PHONE", name="local", triggers=("-",), pattern=re.compile(r"\d(?<![\w$.#/-]\d)\d{2}-\d{4}(?![\w-])"), score=0.8),
    Recogniser(type="PHONE", name="ten digits", pattern=re.compile(r"\d(?<![\w$.-]\d)(?:(?<=1)[2-9])?(?:(?<=[2-9])\d{2})[2-9]\d{6}(?![\w.-]\d|\d)"), check=_both(_near(r"phone|call|text|cell|mobile|reach|contact|\btel|number is|whatsapp", 60), _not(_near(r"account", 40))), score=0.8),
    Recogniser(type="DATE_OF_BIRTH", name="in context", triggers=("born", "birth", "dob", "d.o.b"), pattern=re.compile(rf"(?<!\d){_DATE}(?!\d)", re.IGNORECASE), check=_near(r"\bborn\b|\bbirth|\bd\.?o\.?b\b", 160), score=0.9),
    Recogniser(type="PIN", name="in context", triggers=("pin",), pattern=re.compile(r"\d(?<![\w$./:-]\d)\d{3,7}(?![\w/:]|[.-]\d)"), check=_both(_near(r"\bpins?\b", 120), _not(_ZIP)), score=0.9),
    Recogniser(type="PIN", name="later on", triggers=("pin",), pattern=re.compile(r"\d(?<![\w$./:-]\d)\d{3}(?![\w/:]|[.-]\d)"), check=_both(_near(r"\bpins?\b", 600, turns=5), _not(_ZIP)), score=0.8),
    Recogniser(type="PASSWORD", name="said", triggers=("passw", "passc", "passp"), pattern=re.compile(r"\b(?:password|passcode|passphrase)(?: is|:| =)\s?(\S{4,64})", re.IGNORECASE), group=1, score=0.9),
    Recogniser(type="ACCOUNT", name="long number", pattern=re.compile(r"\d(?<![\w$./:+-]\d)\d{7,16}(?![\w/:]|[.-]\d)"), check=_not(_REFERENCE), score=0.7),
    Recogniser(type="ACCOUNT", name="in context", triggers=("account", "acct"), pattern=re.compile(r"\d(?<![\w$./:+-]\d)\d{4,16}(?![\w/:]|[.-]\d)"), check=_near(r"\baccount\b|\bacct\b", 60), score=0.9),
    Recogniser(type="ADDRESS", name="street", pattern=re.compile(rf"\d(?<![\w$-]\d)\d{{0,5}}(?:-\d{{1,4}})?[A-Z]?,?\s(?:[NSEW]{{1,2}}\.?\s|(?:North|South|East|West)\s)?(?:[A-Z0-9][\w'.-]{{0,30}}\s){{1,4}}{_STREET}\b\.?(?:,?\s(?:#|Apt\.?|Apartment|Suite|Ste\.?|Unit)\s?[\w-]{{1,6}}|\s?#\w{{1,6}})?(?:,\s?[A-Z][A-Za-z]{{1,20}}(?:\s[A-Z][A-Za-z]{{1,20}})?(?:,\s?[A-Z]{{2}}(?:\s\d{{5}}(?:-\d{{4}})?)?)?)?"), score=0.9),
    Recogniser(type="ADDRESS", name="lower case", triggers=("street", " ave", "road", " rd", "boulevard", "blvd", "lane", " ln"), pattern=re.compile(r"\d(?<![\w$-]\d)\d{0,5}\s(?:[a-z0-9][\w'.-]{0,30}\s){1,3}(?:street|avenue|ave|road|rd|boulevard|blvd|lane|ln)\b"), check=_not(_near(r"\bminutes?$", 10, turns=0)), score=0.7),
    Recogniser(type="ADDRESS", name="po box", triggers=("box",), pattern=re.compile(r"\bP\.?\s?O\.?\s?Box\s\d{1,8}\b", re.IGNORECASE), score=0.95),
    Recogniser(type="SECURITY_ANSWER", name="said", triggers=("maiden name", " pet"), pattern=re.compile(r"\b(?:maiden name|(?:first|childhood) pet(?:'s name)?|pet's name)(?: is| was|:)?\s([A-Za-z'-]{2,30})", re.IGNORECASE), group=1, score=0.85),
    Recogniser(type="SECURITY_ANSWER", name="asked", triggers=("maiden name", " pet"), pattern=re.compile(r"(?:maiden name|childhood pet|first pet|pet's name)[^\0]{0,60}\?[^\0]{0,60}\0\s?(?:(?:it|that|she|he|my|her|his|the|pet|name|is|was|'s|i|think|believe|oh|so|yes|um)[\s,]{1,2}){0,8}([A-Za-z'-]{3,30})", re.IGNORECASE), group=1, score=0.7),
)  # fmt: skip
