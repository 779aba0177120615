"""Patterns of structured personal data.

A recogniser is one bounded expression, its trigger, and sometimes a check. Most text holds nothing,
so an expression is tried only around numbers, around words that mix letters and digits, or around a
cue. Every repetition is bounded, so that matching is linear in the text. Turns of a conversation
are joined by NUL, which an expression crosses only to look at the turn before; conversations are
joined by two NULs, which none crosses.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

from kaeshi.pii.validators import card_end, digits, is_base58_check, is_iban, is_ip

Check = Callable[[str, int, int], bool]
Shorten = Callable[[str, int, int], int | None]
I = re.IGNORECASE  # noqa: E741  # the flag's own short name


class Lazy:
    """An expression that is compiled when it is first tried.

    A single text needs few of them, and compiling all takes as long as loading a model.
    """

    def __init__(self, expression: str, flags: int = 0) -> None:
        self._expression = expression
        self._flags = flags

    @cached_property
    def compiled(self) -> re.Pattern[str]:
        """The compiled expression."""
        return re.compile(self._expression, self._flags)


@dataclass(frozen=True, kw_only=True)
class Recogniser:
    """One way to recognise one type.

    `group`: the personal part. `reach`: how many characters before and after its trigger are
    searched. `at_least`, `at_most`: digits of the number that triggers it. `needs`: what must stand
    in or beside that number. `bare`: True if the number must have no punctuation, False if it must
    have some, None for either. `said`: cues (lower case) of which one must stand at most
    `said_within` characters before, or right after. `words`: cues (lower case) that trigger it
    instead of a number. `shorten`: where a match really ends, or None if it is not one. `before`:
    what must stand right before the cue.
    """

    type: str
    name: str
    pattern: Lazy
    words: tuple[str, ...] = ()
    before: re.Pattern[str] | None = None
    at_least: int = 4
    at_most: int = 1_000_000
    needs: str = ""
    bare: bool | None = None
    said: tuple[str, ...] = ()
    said_within: int = 160
    reach: tuple[int, int] = (6, 12)
    check: Check | None = None
    shorten: Shorten | None = None
    group: int = 0
    score: float = 0.9


def near(words: str, before: int, *, turns: int = 1, after: int = 0) -> Check:
    """Whether one of `words` is near the match.

    In the `before` characters ahead of it, at most `turns` turns back, or right `after` it.
    """
    said = Lazy(words, I)

    def check(text: str, start: int, end: int) -> bool:
        window = text[max(0, start - before) : start]
        if "\0" in window:
            window = "\0".join(window.rpartition("\0\0")[2].split("\0")[-1 - turns :])
        if said.compiled.search(window) is not None:
            return True
        return (
            after > 0
            and said.compiled.search(text[end : end + after].partition("\0")[0]) is not None
        )

    return check


def both(*checks: Check) -> Check:
    """A check that holds when all of them hold."""
    return lambda text, start, end: all(check(text, start, end) for check in checks)


def no(check: Check) -> Check:
    """A check that holds when that one does not."""
    return lambda text, start, end: not check(text, start, end)


def _many(least: int, most: int) -> Check:
    return lambda text, start, end: least <= len(digits(text[start:end])) <= most


def _mixed(text: str, start: int, end: int) -> bool:
    """Whether it mixes letters and digits, with enough of both."""
    count = len(digits(text[start:end]))
    return count >= 2 and any(c.isalpha() for c in text[start:end])


_REFERENCE = near(
    r"\b(?:order|booking|confirmation|reservation|reference|ref|tracking|invoice|ticket|flight|ride|case|item|model|part|room|table|id)\b(?! is your)",
    40,
    turns=0,
)
_ZIP = near(r"\b(?:in|to|near|zip|zip code|is it|around|year|for|until|since)\s$", 10, turns=0)
_VERSION = near(r"(?:\bv|version|release|build|section)\s?$", 10, turns=0)
_PHONE = near(
    r"phone|\banswer|messages? to|\boffice\b|\bcall|\btext(?:ing)?\b|\bcell|mobile|\breach|contact|\btel\b|\btel[:.]|number is|whatsapp|\bfax|\bring\b|\bdial|landline|hotline|\bsms\b",
    70,
    after=11,
)
_ACCOUNT = near(r"\b(?:account|acct|a/c|iban|routing|card)\b", 45)
_MONEY = near(r"[$€£]\s?$|\b(?:usd|eur|gbp|rs\.?)\s$", 5, turns=0)
_SUM = near(
    r"\bbalance\b[^\0.?!0-9]{0,30}$|\b(?:credit|deposit|withdr[ae]w\w*|stole\w*|missing|worth|total\w*)\b[^\0.?!,;0-9]{0,12}$|\b(?:about|around|over|under|least|than|a) $|^ (?:short|missing|more|dollars|bucks|in credit)\b",
    40,
    turns=0,
    after=12,
)
_SSN = near(r"\bssn\b|social security|\bsocial\b|\bs\.s\.n", 60)
_BORN = near(r"\bborn\b|\bbirth|\bd\.?o\.?b\b", 160, after=24)
_MONTH = r"(?:Jan(?:uary)?|Feb(?:ruary)?|Mar(?:ch)?|Apr(?:il)?|May|June?|July?|Aug(?:ust)?|Sept?(?:ember)?|Oct(?:ober)?|Nov(?:ember)?|Dec(?:ember)?)"
_DATE = rf"(?:\d{{1,4}}[/. -]\d{{1,2}}[/. -]\d{{1,4}}|(?:\d{{1,2}}(?:st|nd|rd|th)?\s(?:of\s)?)?{_MONTH}\.?,?\s\d{{1,4}}(?:st|nd|rd|th)?(?:,?\s\d{{2,4}})?)"
_EXTENSION = r"(?:,?\s?(?:x|ext\.?|extension|#)\s?\d{1,6})?"
_STREET = r"(?:Street|Str|St|Avenue|Ave|Av|Road|Rd|Boulevard|Blvd|Lane|Ln|Drive|Dr|Court|Ct|Circle|Cir|Place|Pl|Terrace|Ter|Way|Parkway|Pkwy|Highway|Hwy|Square|Sq|Trail|Trl|Row|Alley|Plaza|Expressway|Expy|Freeway|Fwy|Loop|Crescent|Cres|Close|Mews|Path|Pike|Turnpike|Walk|Broadway|Causeway|Esplanade|Real|Camino|Promenade|Embarcadero|Wharf|Quay|Crossing|Xing|Ridge|Heights|Hts|Mall|Center|Ctr|Gardens?|Commons?|Yard|Grove|Circus|Green|Gate|Vista|Glen|Landing|Bend|Cove|Run|View|Hill)"
_UNIT = r"(?:,?\s(?:#\s?|(?:Apt|Apartment|Suite|Ste|Unit|Room|Rm|Floor|Fl|Bldg|Building|No)\b\.?\s?#?)[\w-]{1,6}|\s?#\s?\w{1,6})"
_STATE = r"(?:A[KLRZ]|C[AOT]|D[CE]|FL|GA|HI|I[ADLN]|K[SY]|LA|M[ADEINOST]|N[CDEHJMVY]|O[HKR]|PA|RI|S[CD]|T[NX]|UT|V[AT]|W[AIVY]|California|New York|Texas|Florida|Nevada|Washington|Oregon|Arizona|Illinois|Massachusetts)"
_CITY = r"[A-Z][\w'.-]{1,20}(?:\s[A-Z][\w'.-]{1,20}){0,2}"
_PART = r"(?:\d{4,6}(?:-\d{4})?|(?!(?:I|It|The|And|But|Thanks?|Please|We|You|Can|Is|Are|Do|What|Monday|Tuesday|Wednesday|Thursday|Friday|Saturday|Sunday|Yes|No|So|They|There|This|That|Will|Would|How|Or)\b)(?:[A-Z][a-zà-ÿ'’.-][\w'’.-]{0,19}|[A-Z]{2}\b))"
_PLACE = rf"(?:,?\s{_CITY},?\s{_STATE}\b(?:,?\s\d{{5}}(?:-\d{{4}})?)?)?(?:,\s{_PART}(?:\s(?:of\s)?{_PART}){{0,3}}){{0,4}}"
_DIGIT_WORD = r"(?:zero|oh|one|two|three|four|five|six|seven|eight|nine|double|triple|\d)"
_SECRET = near(
    r"\b(?:api[ _-]?key|access[ _-]?key|secret|token|bearer|authorization|credential|client[ _-]?secret|private key|license key)",
    40,
)

_DATE_ALONE = re.compile(
    r"(?:\d{1,2}[/. -]\d{1,2}[/. -](?:19|20)?\d{2}|(?:19|20)\d{2}[/. -]?\d{1,2}[/. -]?\d{1,2})(?!\d)(?:[ T]\d{1,2})?\Z"
)
_STAMP = re.compile(r"(?:19|20)\d{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])(?:\d{4}|\d{6})?\Z")
_SECRETIVE = re.compile(r"\d|[^\w\s.,;:!?'-]|[a-z][A-Z]")
_PASSWORD_IS = re.compile(r"(?:\bis|[:=])\s?[\"'“‘]?$")
# fillers at the beginning of an answer
_ANSWERING = r"(?:it|it['’]?s|that|that['’]?s|she|he|my|mine|her|his|the|mothers?|mother['’]s|mama['’]?s|mom['’]?s|maiden|pet|pet['’]?s|childhood|first|name|answer|is|was|['’]s|i|i['’]m|i['’]d|think|thought|believe|used|guess|oh|so|yes|yea|yeah|yep|um+|uh+|ah+|hm+|well|would|be|called|named|sure|ok|okay|easy|let['’]?s|see|maybe|probably|dear|boy|goodness|gosh|gee|big|a|an|old|had|have|to)"
_NO_ANSWER = frozenset(
    {
        "i",
        "the",
        "my",
        "a",
        "is",
        "was",
        "what",
        "please",
        "thank",
        "thanks",
        "great",
        "no",
        "not",
        "don't",
        "sorry",
        "can",
        "could",
        "and",
        "why",
        "how",
        "we",
        "you",
        "your",
        "for",
        "to",
        "it",
        "that",
        "do",
        "name",
        "question",
        "just",
        "one",
        "am",
        "did",
        "does",
        "wait",
        "gosh",
        "geez",
        "can't",
        "cannot",
        "haven't",
        "mothers",
        "mother's",
        "forgot",
        "remember",
        "anything",
        "hello",
        "hi",
        "account",
        "pin",
        "number",
        "gotta",
        "hmm",
        "hold",
        "on",
        "wouldn't",
        "dont",
        "didn't",
        "only",
        "who",
        "who's",
        "now",
        "like",
        "should",
        "huh",
        "let's",
        "easy",
        "its",
        "it's",
        "that's",
        "i'm",
        "im",
        "i've",
        "have",
        "had",
        "used",
        "think",
        "ah",
        "dear",
        "boy",
        "goodness",
        "mom's",
        "actually",
        "still",
        "really",
        "never",
        "unfortunately",
        "maybe",
        "yes",
        "yeah",
        "yep",
        "ok",
        "okay",
        "sure",
        "well",
        "again",
        "if",
        "there",
        "here",
        "all",
        "any",
        "some",
        "this",
        "these",
        "those",
        "then",
        "but",
        "or",
        "as",
        "at",
        "by",
        "from",
        "in",
        "of",
        "with",
        "were",
        "been",
        "be",
        "has",
        "should've",
        "you're",
        "they",
        "she",
        "he",
        "her",
        "his",
        "give",
        "tell",
        "want",
        "need",
        "know",
        "try",
        "sec",
        "second",
        "minute",
        "moment",
        "both",
        "neither",
        "none",
        "nope",
        "nothing",
        "funny",
        "good",
    }
)

# around a number: 4 digits and more, at most three signs between any two
_NUMBERS = (
    Recogniser(
        type="IBAN",
        name="mod97",
        at_least=6,
        reach=(16, 14),
        pattern=Lazy(
            r"[A-Z](?<!\w[A-Z])[A-Z]\d{2}(?:[ -]?[A-Z0-9]{4}){2,7}(?:[ -]?[A-Z0-9]{1,3})?(?!\w)", I
        ),
        check=lambda text, a, b: is_iban(text[a:b]),
        score=0.99,
    ),
    Recogniser(
        type="IBAN",
        name="in context",
        said=("iban",),
        at_least=6,
        reach=(16, 14),
        pattern=Lazy(
            r"[A-Z](?<!\w[A-Z])[A-Z]\d{2}(?:[ -]?[A-Z0-9]{4}){2,7}(?:[ -]?[A-Z0-9]{1,3})?(?!\w)", I
        ),
        check=near(r"\biban\b", 40),
        score=0.85,
    ),
    Recogniser(
        type="CREDIT_CARD",
        name="luhn",
        at_least=12,
        pattern=Lazy(r"\d(?<![\w+-]\d)(?<!\+\d\d)(?:[ .-]{0,2}\d){11,18}"),
        shorten=card_end,
        score=0.98,
    ),
    Recogniser(
        type="CREDIT_CARD",
        name="luhn, inside a word",
        at_least=12,
        pattern=Lazy(r"\d(?<!\d\d)(?:[ .-]{0,2}\d){11,18}"),
        shorten=card_end,
        score=0.6,
    ),
    Recogniser(
        type="CREDIT_CARD",
        name="in context",
        said=("card", "visa", "amex"),
        at_least=13,
        pattern=Lazy(r"\d(?<![\d-]\d)(?:[ .-]{0,2}\d){12,15}(?!\d)"),
        check=both(
            near(r"\b(?:card|visa|mastercard|amex)\b", 50),
            no(near(r"\b(?:member|gift|loyalty|library|account)", 50)),
        ),
        score=0.85,
    ),
    Recogniser(
        type="SSN",
        name="dashed",
        at_least=9,
        needs="-",
        pattern=Lazy(r"\d(?<![\d-]\d)\d{2}-\d{2}-\d{4}(?![\d-])"),
        score=0.96,
    ),
    Recogniser(
        type="SSN",
        name="spaced",
        bare=False,
        at_least=9,
        pattern=Lazy(
            r"\d(?<![\w$.+(-]\d)(?<!\d[ ]\d)\d{2}[ ._]{1,3}\d{2}[ ._]{1,3}\d{4}(?![ .-]?\d|\w)"
        ),
        check=no(_PHONE),
        score=0.9,
    ),
    Recogniser(
        type="SSN",
        name="in context",
        said=("ssn", "social", "s.s"),
        at_least=9,
        pattern=Lazy(r"\d(?<![\d-]\d)(?:[ ._-]{0,3}\d){8}(?![\d-])"),
        check=_SSN,
        score=0.97,
    ),
    Recogniser(
        type="SSN",
        name="last four",
        said=("ssn", "social"),
        at_most=4,
        pattern=Lazy(r"\d(?<![\w$.-]\d)\d{3}(?![\w-]|[.]\d)"),
        check=near(
            r"\bssn\b|social security|\b(?:my|your|the) social\b|last (?:four|4)\b[^\0]{0,20}\bsocial\b",
            50,
        ),
        score=0.85,
    ),
    Recogniser(
        type="IP",
        name="v4",
        needs=".",
        pattern=Lazy(r"\d(?<![\w.]\d)\d{0,2}(?:\.\d{1,3}){3}(?!\w|\.\d)(?:/\d{1,2}\b)?"),
        check=both(lambda text, a, b: is_ip(text[a:b]), no(_VERSION)),
        score=0.95,
    ),
    Recogniser(
        type="PHONE",
        name="area",
        bare=False,
        at_least=10,
        reach=(6, 16),
        pattern=Lazy(
            rf"[+(\d](?<![\w$+-].)(?<!\d\..)(?:(?<=\+)\d{{1,3}}[ .-]{{0,2}}|(?<=\d)\d{{0,2}}[ .-]{{1,2}})?(?:(?:\(|(?<=\())\d{{3}}\)[ .-]{{0,2}}|(?:(?<![\d])\d|(?<=\d))\d{{2}}[ .-]{{1,2}})\d{{3}}[ .-]{{1,2}}\d{{4}}{_EXTENSION}(?![\w-])",
            I,
        ),
        score=0.95,
    ),
    Recogniser(
        type="PHONE",
        name="international",
        at_least=7,
        reach=(6, 16),
        pattern=Lazy(
            rf"(?:\+|00(?<![\w.-]00)|011[ -](?<![\w.-]011.))\d{{1,3}}(?:[ .()/-]{{0,3}}\d{{1,5}}){{1,6}}{_EXTENSION}(?![\w-])",
            I,
        ),
        check=both(
            _many(7, 18),
            no(both(lambda text, a, b: text[a] == "0" and text[a:b].isdigit(), _ACCOUNT)),
        ),
        score=0.95,
    ),
    Recogniser(
        type="PHONE",
        name="trunk zero",
        bare=False,
        at_least=9,
        reach=(4, 16),
        pattern=Lazy(
            rf"[0(](?<![\w$.+/-].)(?:(?<=\()0)?\d{{1,4}}\)?(?:[ ./-]{{1,2}}\d{{2,4}}){{2,4}}{_EXTENSION}(?![\w-])",
            I,
        ),
        check=_many(9, 12),
        score=0.88,
    ),
    Recogniser(
        type="PHONE",
        name="trunk zero, two groups",
        bare=False,
        at_least=9,
        reach=(4, 16),
        pattern=Lazy(
            rf"[0(](?<![\w$.+/-].)(?:(?<=\()0)?\d{{2,4}}\)?[ ./-]{{1,2}}\d{{5,8}}{_EXTENSION}(?![\w-])",
            I,
        ),
        check=_many(9, 12),
        score=0.88,
    ),
    Recogniser(
        type="PHONE",
        name="area in brackets",
        bare=False,
        at_least=7,
        reach=(4, 16),
        pattern=Lazy(
            rf"\((?<![\w$.].)\d{{2,5}}\)[ ./-]{{0,2}}\d{{3,4}}[ ./-]?\d{{3,4}}{_EXTENSION}(?![\w-])",
            I,
        ),
        score=0.9,
    ),
    Recogniser(
        type="PHONE",
        name="local",
        at_least=7,
        at_most=7,
        needs="-",
        pattern=Lazy(rf"\d(?<![\w$.#/-]\d)\d{{2}}-\d{{4}}{_EXTENSION}(?![\w-])", I),
        check=no(_REFERENCE),
        score=0.8,
    ),
    Recogniser(
        type="PHONE",
        name="with extension",
        at_least=7,
        reach=(6, 16),
        pattern=Lazy(
            r"\d(?<![\w$.#/-]\d)(?:[ .()/-]{0,2}\d){6,12}(?:,?\s?(?:x|ext\.?|extension)\s?\d{2,6})(?![\w-])",
            I,
        ),
        score=0.9,
    ),
    Recogniser(
        type="PHONE",
        name="in context",
        said=(
            "phone",
            "call",
            "text",
            "cell",
            "mobil",
            "reach",
            "contact",
            "tel",
            "number is",
            "whatsapp",
            "fax",
            "ring",
            "dial",
            "landline",
            "hotline",
            "sms",
            "answer",
            "message",
            "office",
        ),
        at_least=6,
        at_most=15,
        pattern=Lazy(r"[(\d](?<![\w$.#/-].)(?:[ .()/-]{0,3}\d){5,14}(?![\w-]|\.\d)"),
        check=both(
            lambda text, a, b: _many(7, 15)(text, a, b) or not text[a:b].isdigit(),
            _PHONE,
            no(_ZIP),
            no(_ACCOUNT),
            no(_SSN),
            no(lambda text, a, b: _DATE_ALONE.match(text, a, b) is not None),
        ),
        score=0.85,
    ),
    Recogniser(
        type="DATE_OF_BIRTH",
        name="in context",
        said=("born", "birth", "dob", "d.o", "do.b"),
        reach=(24, 12),
        pattern=Lazy(rf"(?<!\d){_DATE}(?!\d)", I),
        check=_BORN,
        score=0.93,
    ),
    Recogniser(
        type="PIN",
        name="in context",
        said=(
            "pin",
            "passcode",
            "cvv",
            "cvc",
            "security code",
            "verification code",
            "one-time",
            "one time",
            "otp",
        ),
        at_most=8,
        pattern=Lazy(r"\d(?<![\w$./:-]\d)(?:[ -]?\d){3,7}(?![\w/:]|[.-]\d)"),
        check=both(
            near(
                r"\bpins?\b|\bpin ?code|passcode|\bcvv\b|\bcvc\b|security code|verification code|one[- ]time|\botp\b",
                120,
            ),
            no(_ZIP),
            no(_SUM),
        ),
        score=0.9,
    ),
    Recogniser(
        type="PIN",
        name="later on",
        said=("pin",),
        said_within=600,
        at_most=4,
        pattern=Lazy(r"\d(?<![\w$./:-]\d)\d{3}(?![\w/:]|[.-]\d)"),
        check=both(near(r"\bpins?\b", 600, turns=5), no(_ZIP), no(_SUM)),
        score=0.8,
    ),
    Recogniser(
        type="ROUTING",
        name="in context",
        said=("rout", "aba", "rtn", "transit", "sort code"),
        at_least=9,
        at_most=9,
        pattern=Lazy(r"\d(?<![\w$.-]\d)(?:[ -]?\d){8}(?![\w-])"),
        check=near(r"\b(?:routing|aba|rtn|transit|sort code)\b", 50),
        score=0.96,
    ),
    Recogniser(
        type="PASSPORT",
        name="in context",
        said=("passport",),
        at_least=6,
        at_most=10,
        reach=(4, 4),
        pattern=Lazy(r"[A-Z\d](?<!\w.)[A-Z]{0,2}\d{6,9}(?!\w)", I),
        check=near(r"\bpassport\b", 50),
        score=0.95,
    ),
    Recogniser(
        type="DRIVER_LICENSE",
        name="in context",
        said=("driv", "licen", "dl"),
        at_least=5,
        at_most=18,
        reach=(6, 6),
        pattern=Lazy(r"[A-Z\d](?<![\w-].)[A-Z]{0,4}\d(?:[ -]?[A-Z\d]){4,17}(?!\w)", I),
        check=near(
            r"\bdriv(?:er|ing)'?s?'?s? licen[cs]e|\blicen[cs]e (?:number|no\b|#|is\b)|\bdl(?: number| no|#|:| is)\b|\bdriver'?s? id",
            60,
        ),
        score=0.92,
    ),
    Recogniser(
        type="BANK_ACCOUNT",
        name="in context",
        said=("account", "acct", "a/c"),
        at_least=5,
        reach=(4, 4),
        pattern=Lazy(r"\d(?<![\w$./:+-]\d)(?:[ -]?\d){4,16}(?![\w/:]|[.-]\d)"),
        check=both(near(r"\baccounts?\b|\bacct\b|\ba/c\b", 60), no(_ZIP)),
        score=0.87,
    ),
    Recogniser(
        type="BANK_ACCOUNT",
        name="long number",
        bare=True,
        at_least=8,
        pattern=Lazy(r"\d(?<![\w$./:+#-]\d)\d{7,16}(?![\w/:]|[.-]\d)"),
        check=both(
            no(_REFERENCE), no(_MONEY), no(lambda text, a, b: _STAMP.match(text, a, b) is not None)
        ),
        score=0.7,
    ),
    Recogniser(
        type="ACCOUNT",
        name="member or customer number",
        said=("member", "customer", "client", "patient", "policy", "loyalty", "flyer"),
        at_least=4,
        reach=(10, 6),
        pattern=Lazy(r"[A-Z\d](?<![\w-].)(?:[A-Z]{0,6}-?)?\d(?:-?\d){3,14}(?!\w)", I),
        check=near(
            r"\b(?:member(?:ship)?|customer|client|patient|policy|loyalty|frequent flyer)\b[^\0]{0,20}(?:number|no\b|id\b|#)",
            40,
            turns=0,
        ),
        score=0.8,
    ),
    Recogniser(
        type="BOOKING",
        name="in context",
        said=("booking", "order", "confirm", "reserv", "refer", "invoice", "ticket", "track"),
        at_least=4,
        reach=(10, 6),
        pattern=Lazy(r"[A-Z\d](?<![\w-].)(?:[A-Z]{0,6}-?)?\d(?:-?\d){3,14}(?!\w)", I),
        check=near(
            r"\b(?:booking|order|confirmation|reservation|reference|invoice|ticket|tracking)\b",
            40,
            turns=0,
        ),
        score=0.8,
    ),
    Recogniser(
        type="LICENSE_PLATE",
        name="in context",
        said=("plate", "registration"),
        at_least=3,
        at_most=6,
        reach=(8, 6),
        pattern=Lazy(r"[A-Z\d](?<![\w-].)[A-Z\d]{1,4}[ -]?[A-Z\d]{2,5}(?!\w)", I),
        check=both(
            _mixed,
            near(
                r"\b(?:licen[cs]e|number|registration|car'?s?) plates?\b|\bplate(?: number|s)?(?: is|:)|\bregistration(?: number| is)\b",
                40,
            ),
        ),
        score=0.9,
    ),
)

# around a word that mixes letters and digits: keys, tokens, plates and papers
GLUED = (
    Recogniser(
        type="API_KEY",
        name="prefix",
        pattern=Lazy(
            r"(?:sk|pk|rk)[-_](?:live[-_]|test[-_]|proj-|ant-|or-)?[\w-]{16,200}|gh[pousr]_\w{30,255}|github_pat_\w{22,255}|glpat-[\w-]{20,64}|xox[abposr]-[\w-]{10,250}|(?:AKIA|ASIA|AGPA|AIDA)[A-Z0-9]{16}|AIza[\w-]{35}|ya29\.[\w-]{20,400}|hf_\w{30,64}|SG\.[\w-]{16,32}\.[\w-]{16,64}|npm_\w{36}|dop_v1_\w{64}|shp(?:at|ca|pa|ss)_\w{32}|EAA\w{40,300}|eyJ[\w-]{8,2000}\.[\w-]{8,4000}(?:\.[\w-]{8,1000})?"
        ),
        score=0.99,
    ),
    Recogniser(
        type="API_KEY",
        name="in context",
        pattern=Lazy(r"(?<![\w/+-])[\w+/-]{16,200}={0,2}(?![\w/+-])"),
        check=both(_mixed, _SECRET),
        score=0.9,
    ),
    Recogniser(
        type="CRYPTO_WALLET",
        name="ethereum",
        pattern=Lazy(r"(?<!\w)0x[0-9a-fA-F]{40}(?!\w)"),
        score=0.98,
    ),
    Recogniser(
        type="CRYPTO_WALLET",
        name="segwit",
        pattern=Lazy(r"(?<!\w)(?:bc1|tb1|ltc1)[02-9ac-hj-np-z]{25,71}(?!\w)", I),
        score=0.98,
    ),
    Recogniser(
        type="CRYPTO_WALLET",
        name="base58",
        pattern=Lazy(r"(?<!\w)[13LMD][1-9A-HJ-NP-Za-km-z]{25,34}(?!\w)"),
        check=lambda text, a, b: is_base58_check(text[a:b]),
        score=0.98,
    ),
    Recogniser(
        type="IP",
        name="v6 in full",
        pattern=Lazy(r"[0-9A-Fa-f](?<![\w:].)[0-9A-Fa-f]{0,3}(?::[0-9A-Fa-f]{1,4}){7}(?![\w:])"),
        score=0.95,
    ),
    Recogniser(
        type="MAC",
        name="six pairs",
        pattern=Lazy(
            r"[0-9A-Fa-f](?<![\w:-].)[0-9A-Fa-f]([:-])(?:[0-9A-Fa-f]{2}\1){4}[0-9A-Fa-f]{2}(?![\w:-])"
        ),
        score=0.95,
    ),
    Recogniser(
        type="PASSPORT",
        name="in context",
        pattern=Lazy(r"(?<!\w)[A-Z]{1,2}\d{6,9}(?!\w)", I),
        check=near(r"\bpassport\b", 50),
        score=0.95,
    ),
)

# around a sign or a word
WORDS = (
    Recogniser(
        type="EMAIL",
        name="address",
        words=("@",),
        reach=(66, 200),
        pattern=Lazy(
            r"[^\W_](?<![\w.@]\w)[\w.%+'-]{0,63}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){0,5}\.[A-Za-z]{2,24}(?![A-Za-z])"
        ),
        score=0.99,
    ),
    Recogniser(
        type="EMAIL",
        name="spaced",
        words=("@",),
        reach=(66, 90),
        pattern=Lazy(
            r"\b[\w.%+-]{1,64}\s?@\s?[A-Za-z0-9-]{1,63}\s?\.\s?(?:com|org|net|edu|gov|io|co|us|uk|de)\b",
            I,
        ),
        score=0.9,
    ),
    Recogniser(
        type="EMAIL",
        name="spelt",
        words=("dot", "at]", "at)"),
        reach=(90, 60),
        pattern=Lazy(
            r"\b[\w.%+-]{1,64}(?:\s(?:dot|underscore|dash)\s[\w-]{1,30}){0,3}\s?(?:@|\[at\]|\(at\)|\bat\b|at-sign)\s?[A-Za-z0-9-]{1,63}(?:\s?(?:\.|\[dot\]|\(dot\)|\bdot\b)\s?[A-Za-z0-9-]{1,30}){0,2}\s?(?:\.|\[dot\]|\(dot\)|\bdot\b)\s?(?:com|org|net|edu|gov|io|co|us|uk|de|info|me|ca|fr|es|it)\b",
            I,
        ),
        score=0.9,
    ),
    Recogniser(
        type="URL",
        name="scheme",
        words=("://",),
        reach=(8, 2100),
        pattern=Lazy(
            r"(?<![A-Za-z])(?:https?|ftp|wss?)://[^\s<>\"'\0]{1,2000}[^\s<>\"'\0.,;:!?)\]]", I
        ),
        score=0.99,
    ),
    Recogniser(
        type="URL",
        name="www",
        words=("www.",),
        reach=(1, 510),
        pattern=Lazy(r"(?<![\w/])www\.[^\s<>\"'\0]{2,500}[^\s<>\"'\0.,;:!?)\]]", I),
        score=0.95,
    ),
    Recogniser(
        type="URL",
        name="with a path",
        words=("/",),
        before=re.compile(r"\.(?:com|org|net|io|ly|me|co)\Z", I),
        reach=(70, 510),
        pattern=Lazy(
            r"(?<![\w@/.-])(?:[A-Za-z0-9-]{1,63}\.){1,4}(?:com|org|net|io|ly|me|co)/[^\s<>\"'\0]{1,500}[^\s<>\"'\0.,;:!?)\]]",
            I,
        ),
        score=0.9,
    ),
    Recogniser(
        type="IP",
        name="v6",
        words=("::",),
        reach=(40, 42),
        pattern=Lazy(
            r"[0-9A-Fa-f:](?<![\w:].)[0-9A-Fa-f:]{1,44}(?:\d{1,3}(?:\.\d{1,3}){3})?(?![\w:])"
        ),
        check=both(
            lambda text, a, b: "::" in text[a:b] and b - a > 3 and is_ip(text[a:b]), no(_VERSION)
        ),
        score=0.95,
    ),
    Recogniser(
        type="PASSWORD",
        name="said",
        words=("pass", "pwd"),
        reach=(1, 110),
        pattern=Lazy(
            r"\b(?:pass ?word|passcode|passphrase|pwd)(?: (?:is|was|will be|should be|to))?(?:[:=]| is| =)?\s?[\"'“‘]?([^\s\0\"'”’]{4,64})",
            I,
        ),
        group=1,
        check=lambda text, a, b: (
            _SECRETIVE.search(text, a, b) is not None
            or _PASSWORD_IS.search(text[max(0, a - 12) : a]) is not None
        ),
        score=0.9,
    ),
    Recogniser(
        type="SECURITY_ANSWER",
        name="said",
        words=("maiden", " pet"),
        reach=(1, 90),
        pattern=Lazy(
            r"\b(?:maiden name|(?:first|childhood) pet(?:'s name)?|pet's name|first (?:school|car)|favou?rite teacher)(?: (?:is|was)|:|, it's)\s(?:called |named )?([A-Za-z'-]{2,30})",
            I,
        ),
        group=1,
        check=lambda text, a, b: text[a:b].lower() not in _NO_ANSWER,
        score=0.85,
    ),
    Recogniser(
        type="SECURITY_ANSWER",
        name="mentioned",
        words=("maiden", "pet ", "security q", "dog was", "cat was"),
        reach=(10, 60),
        pattern=Lazy(
            r"\b(?:maiden(?: name)?(?: is)?|[Pp]et (?:is|was)|(?:pet|dog|cat) (?:is|was) (?:called|named)|security questions? answer(?: which)? is)\s([A-Z][A-Za-z'-]{1,29})"
        ),
        group=1,
        check=lambda text, a, b: text[a:b].lower() not in _NO_ANSWER,
        score=0.8,
    ),
    Recogniser(
        type="SECURITY_ANSWER",
        name="asked",
        words=("maiden", " pet", "security "),
        reach=(40, 190),
        pattern=Lazy(
            rf"(?:maiden name|(?:childhood|first) pet|pet's name|name of (?:the|your)(?: \w{{1,12}})? pet|security (?:question|answer))[^\0]{{0,90}}\0\s?(?:{_ANSWERING}[\s,.:!…]{{1,4}}){{0,12}}([A-Za-z'-]{{2,30}})",
            I,
        ),
        group=1,
        check=lambda text, a, b: text[a:b].lower() not in _NO_ANSWER,
        score=0.75,
    ),
    Recogniser(
        type="PHONE",
        name="in words",
        words=("five", "six", "seven", "nine", "zero"),
        reach=(90, 110),
        pattern=Lazy(rf"\b{_DIGIT_WORD}(?:[\s,.-]{{1,3}}{_DIGIT_WORD}){{6,19}}\b", I),
        check=lambda text, a, b: len(set(re.split(r"[\s,.-]+", text[a:b].lower()))) > 2,
        score=0.85,
    ),
    Recogniser(
        type="ADDRESS",
        name="po box",
        words=("box ",),
        reach=(10, 80),
        pattern=Lazy(rf"\bP\.?\s?O\.?\s?Box\s#?\d{{1,8}}\b{_PLACE}", I),
        score=0.95,
    ),
    Recogniser(
        type="API_KEY",
        name="private key",
        words=("---",),
        reach=(1, 5000),
        pattern=Lazy(
            r"-----BEGIN [A-Z ]{0,30}PRIVATE KEY-----[A-Za-z0-9+/=\s]{0,4900}(?:-----END [A-Z ]{0,30}PRIVATE KEY-----)?"
        ),
        score=0.99,
    ),
    Recogniser(
        type="LICENSE_PLATE",
        name="said",
        words=(" plate",),
        reach=(1, 40),
        pattern=Lazy(
            r"\bplates?(?: number)?(?: is| was|:| are| of)?\s((?!of\b)[A-Z0-9]{1,4}[ -]?[A-Z0-9]{1,5})(?!\w)",
            I,
        ),
        group=1,
        check=_mixed,
        score=0.9,
    ),
)

# from every number on: a house number and a street
STREETS = (
    Recogniser(
        type="ADDRESS",
        name="street",
        pattern=Lazy(
            rf"[0-9](?<![\w$#.,/:-][0-9])[0-9]{{0,5}}(?:-[0-9]{{1,5}})?[A-Za-z]?(?:\s1/2)?,?\s(?:[NSEW]{{1,2}}\.?\s|(?:North|South|East|West|Northeast|Northwest|Southeast|Southwest)\s)?(?:[A-Z0-9][\w'’.-]{{0,30}}\s){{1,5}}?(?i:{_STREET})\b\.?(?:\s(?:[NSEW]{{1,2}}|North|South|East|West|Northeast|Northwest|Southeast|Southwest)\b\.?)?(?:\s\d{{1,4}}\b(?!\s(?:people|adults|guests|kids|pm|am)))?(?:{_UNIT}){{0,2}}{_PLACE}(?:{_UNIT})?"
        ),
        check=no(near(r"\b(?:for|party of)\s$", 10, turns=0)),
        score=0.92,
    ),
    Recogniser(
        type="ADDRESS",
        name="street before its name",
        pattern=Lazy(
            rf"[0-9](?<![\w$#.,/:-][0-9])[0-9]{{0,5}}(?:\s?bis|\s?ter|[A-Za-z])?,?\s(?:Rue|Jalan|Jln|Lorong|Avenue|Boulevard|Place|Quai|Via|Viale|Piazza|Calle|Avenida|Rua|Chemin|Camino|Paseo|Plaza|Impasse|Cours)\s(?:(?:d[eu]s?|la|le|les|l'|del?|della|di|da|do)\s){{0,2}}[A-Z0-9][\w'’/.-]{{0,20}}(?:\s(?:d[eu]s?\s|la\s)?[A-Z0-9][\w'’/.-]{{1,20}}){{0,4}}(?:{_UNIT})?{_PLACE}"
        ),
        score=0.9,
    ),
    Recogniser(
        type="ADDRESS",
        name="street without a kind",
        pattern=Lazy(
            rf"[0-9](?<![\w$#.,/:-][0-9])[0-9]{{0,5}}\s(?:[NSEW]\.?\s|(?:North|South|East|West)\s)?(?:Broadway|El Camino Real|Avenue [A-Z]|Highway \d{{1,4}}|(?:[A-Z][\w'’.-]{{1,20}}\s){{1,3}}(?:#\s?\w{{1,6}}|Suite \w{{1,6}}|Ste\.? \w{{1,6}}|Apt\.? \w{{1,6}}))\b{_PLACE}"
        ),
        score=0.85,
    ),
    Recogniser(
        type="ADDRESS",
        name="lower case",
        pattern=Lazy(
            r"[0-9](?<![\w$#.,/:-][0-9])[0-9]{0,5}\s(?:(?!(?:min|minutes?|hours?|hrs?|miles?|blocks?|people|guests?|adults?|kids?|more|different|days?|of|on|in|at|the|pm|am|stars?|bed|bath|bedrooms?|seats?|tickets?|options?|and|or|is|are|for|from|to|with|my|your|the|this|that)\b|[0-9]+\s)[A-Za-z0-9][\w'.-]{0,30}\s){1,4}?(?i:street|avenue|ave|road|rd|boulevard|blvd|lane|ln|drive|court|terrace|parkway|pkwy|circle|way(?! to))\b(?:,? ?(?:apt|unit|suite|#)\.? ?\w{1,6})?"
        ),
        score=0.72,
    ),
)
AFTER = 24  # a cue may also stand this close after a number
# the highest score first
NUMBERS = tuple(sorted(_NUMBERS, key=lambda recogniser: -recogniser.score))
STREET_WORDS = frozenset(
    [
        *re.findall(r"[a-z]{2,}", _STREET.lower()),
        "garden",
        "gardens",
        "common",
        "commons",
        "rue",
        "jalan",
        "jln",
        "lorong",
        "quai",
        "via",
        "viale",
        "piazza",
        "calle",
        "avenida",
        "rua",
        "chemin",
        "paseo",
        "impasse",
        "cours",
        "suite",
        "apt",
        "#",
    ]
)
RECOGNISERS = (*NUMBERS, *GLUED, *WORDS, *STREETS)
TYPES = tuple(dict.fromkeys(["PERSON", *(r.type for r in RECOGNISERS)]))
