"""Words and partial expressions that several recognisers share."""

import re

from kaeshi.pii import cue_words
from kaeshi.pii.recogniser import Check, I, Lazy, near
from kaeshi.pii.validators import digits


def many(least: int, most: int) -> Check:
    """A check that the match has so many digits."""
    return lambda text, start, end: least <= len(digits(text[start:end])) <= most


def mixed(text: str, start: int, end: int) -> bool:
    """Whether it mixes letters and digits, with enough of both."""
    count = len(digits(text[start:end]))
    return count >= 2 and any(c.isalpha() for c in text[start:end])


REFERENCE = near(cue_words.REFERENCE, 40, turns=0)


# a reference right before the number: "order no. 4711"
IS_REFERENCE = near(
    rf"(?:{cue_words.REFERENCE})(?:\W{{1,3}}(?:numbers?|no|num|nr|id|is|code|the)\b){{0,3}}\W{{0,3}}$",
    44,
    turns=0,
)


# a reference of a business right before the number
BOOKED = near(
    r"\b(?:order|booking|confirmation|reservation|reference|tracking|invoice|ticket)\b[^\0]{0,16}$",
    40,
    turns=0,
)


ACCESS = near(cue_words.ACCESS, 60)


LIMIT = near(
    r"\b(?:balance(?: is| was| of|:)|limit|line|minimum|maximum|credit line|points|gets|earn\w*|bonus)\b[^\0.?!0-9]{0,14}$",
    40,
    turns=0,
)


UNITS = near(cue_words.UNITS, 0, turns=0, after=14)


def named_field(text: str, start: int, end: int) -> bool:  # noqa: ARG001  # a Check's form
    """Whether it is the value of a field, as `ts=1764280000` or "seq: 18" at a line's beginning."""
    return _FIELD_BEFORE.compiled.search(text, max(0, start - 40), start) is not None


_FIELD_BEFORE = Lazy(
    r"(?:[A-Za-z_][\w.]{0,30}=|(?:\A|[\n{,;|]\s?)[\"']?[A-Za-z_][\w .-]{0,30}[\"']?:[ \t]?)[\"']?\Z"
)


ZIP = near(r"\b(?:in|to|near|zip|zip code|is it|around|year|for|until|since)\s$", 10, turns=0)


VERSION = near(
    r"(?:\bv|\bver\.?|version|release|build|section|firmware|upgraded? to|update to|\w/|[a-z]-)\s?$",
    14,
    turns=0,
)


PHONE = near(cue_words.PHONE, 70, after=26)


ACCOUNT = near(
    r"\b(?:account|acct|a/c|iban|routing|card|cuenta|conto|konto|compte|conta|rekening|tarjeta|karte|carte)\b",
    45,
)


CARD_TOLD = near(
    r"\b(?:cards?|visa|mastercard|amex|cvv|cvc|tarjeta|karte|carte|cart[aã]o|carta)\b|\d{4}[ -]?\d{4}[ -]?\d{2,4}\D{0,12}$",
    160,
    turns=3,
)


def LONG_ACCOUNT(text: str, start: int, end: int) -> bool:  # noqa: N802  # used as the others are
    """Whether it is too long for a PIN, and no code that was sent."""
    return len(digits(text[start:end])) > 6 and not _CODE_NAMED(text, start, end)


_CODE_NAMED = near(
    r"code|\botp\b|clave|c[oó]digo|senha|codice|kod\b|код|验证码|驗證碼|인증번호", 60, after=34
)


ACCOUNT_NAMED = near(r"\b(?:accounts?|acct|cuenta|konto\w*|compte|conto|conta)\b", 60)


CARD_NAMED = near(
    r"\b(?:card|visa|mastercard|amex|discover|tarjeta|karte\w*|carte|cart[aã]o|carta)\b", 60
)


PIN_NAMED = near(cue_words.PIN, 60)


ROUTING_NAMED = near(r"\b(?:routing|aba|rtn|transit|sort code)\b", 50)


MONEY = near(r"[$€£]\s?$|\b(?:usd|eur|gbp|rs\.?)\s$", 5, turns=0)


SUM = near(
    r"\bbalance\b[^\0.?!0-9]{0,30}$|\b(?:credit|deposit|withdr[ae]w\w*|stole\w*|missing|worth|total\w*)\b[^\0.?!,;0-9]{0,12}$|\b(?:about|around|over|under|least|than|a) $|^ (?:short|missing|more|dollars|bucks|in credit)\b",
    40,
    turns=0,
    after=12,
)


SSN = near(r"\bssn\b|social security|\bsocial\b|\bs\.s\.n", 60)


_BORN = near(cue_words.BORN, 160, after=24)


def born(text: str, start: int, end: int) -> bool:
    """Whether a cue for a birth date stands near, and no other date or its cue between them."""
    if not _BORN(text, start, end):
        return False
    before = text[max(0, start - 160) : start]
    cue = None
    for cue in _BORN_CUE.compiled.finditer(before):  # noqa: B007  # the last one
        pass
    if cue is None:
        return True
    between = before[cue.end() :]
    if _OTHER_DATE.compiled.search(between) or _A_DATE.compiled.search(between):
        return False
    # "a firm born in 2019. The sale starts ..."
    return not (_YEAR_TOLD.compiled.search(between) and "\0" not in between)


_BORN_CUE = Lazy(cue_words.BORN, I)
_OTHER_DATE = Lazy(cue_words.OTHER_DATE, I)
_YEAR_TOLD = Lazy(r"\b(?:19|20)\d\d\b[.!?]\s")


_MONTH = rf"(?:{cue_words.MONTHS})"


DATE = (
    r"(?:\d{1,4}[/. -]\d{1,2}[/. -]\d{1,4}|\d{4}年\d{1,2}月\d{1,2}日?"
    rf"|(?:\d{{1,2}}(?:st|nd|rd|th|\.|º|er)?\s?(?:of\s|de\s|del\s)?)?{_MONTH}\.?,?(?:\s(?:de|del)\s|\s)?(?:\d{{1,2}}(?:st|nd|rd|th)?,?\s)?(?:19|20|')?\d{{2}}"
    rf"|{_MONTH}\.?\s\d{{1,2}}(?:st|nd|rd|th)?)"
)
_A_DATE = Lazy(r"\d{1,4}[/.-]\d{1,2}[/.-]\d{1,4}")


EXTENSION = r"(?:,?\s?(?:x|ext\.?|extension|#)\s?\d{1,6})?"


STREET = r"(?:Street|Str|St|Avenue|Ave|Av|Road|Rd|Boulevard|Blvd|Lane|Ln|Drive|Dr|Court|Ct|Circle|Cir|Place|Pl|Terrace|Ter|Way|Parkway|Pkwy|Highway|Hwy|Square|Sq|Trail|Trl|Row|Alley|Plaza|Expressway|Expy|Freeway|Fwy|Loop|Crescent|Cres|Close|Mews|Path|Pike|Turnpike|Walk|Broadway|Causeway|Esplanade|Real|Camino|Promenade|Embarcadero|Wharf|Quay|Crossing|Xing|Ridge|Heights|Hts|Mall|Center|Ctr|Gardens?|Commons?|Yard|Grove|Circus|Green|Gate|Vista|Glen|Landing|Bend|Cove|Run|View|Hill)"


UNIT = r"(?:,?\s(?:#\s?|(?:Apt|Apartment|Suite|Ste|Unit|Room|Rm|Floor|Fl|Bldg|Building|No)\b\.?\s?#?)[\w-]{1,6}|\s?#\s?\w{1,6})"


STATE = r"(?:A[KLRZ]|C[AOT]|D[CE]|FL|GA|HI|I[ADLN]|K[SY]|LA|M[ADEINOST]|N[CDEHJMVY]|O[HKR]|PA|RI|S[CD]|T[NX]|UT|V[AT]|W[AIVY]|California|New York|Texas|Florida|Nevada|Washington|Oregon|Arizona|Illinois|Massachusetts)"


CITY = r"[A-Z][\w'.-]{1,20}(?:\s[A-Z][\w'.-]{1,20}){0,2}"


PART = r"(?:\d{4,6}(?:-\d{4})?|(?!(?:I|It|The|And|But|Thanks?|Please|We|You|Can|Is|Are|Do|What|Monday|Tuesday|Wednesday|Thursday|Friday|Saturday|Sunday|Yes|No|So|They|There|This|That|Will|Would|How|Or)\b)(?:[A-Z][a-zà-ÿ'’.-][\w'’.-]{0,19}|[A-Z]{2}\b))"


PLACE = rf"(?:,?\s{CITY},?\s{STATE}\b(?:,?\s\d{{5}}(?:-\d{{4}})?)?)?(?:,\s{PART}(?:\s(?:of\s)?{PART}){{0,3}}){{0,4}}"


_ORDINAL = r"(?:(?:twenty|thirty)[ -])?(?:first|second|third|fourth|fifth|sixth|seventh|eighth|ninth|tenth|eleventh|twelfth|thirteenth|fourteenth|fifteenth|sixteenth|seventeenth|eighteenth|nineteenth|twentieth|thirtieth)"
_YEAR = r"(?:nineteen|twenty|two thousand)(?:[ -](?:and |oh )?[a-z]{3,9}){0,2}"
# "the ninth of october nineteen seventy two"
SPOKEN_DATE = rf"(?:{_ORDINAL} (?:of )?{_MONTH}|{_MONTH} (?:the )?{_ORDINAL})(?:,? {_YEAR})?"


def is_mailbox(text: str, start: int, end: int) -> bool:
    """Whether it is a person's: not the `git@host:` of a repository."""
    return not (text.startswith("git@", start) and text[end : end + 1] == ":")


def is_token(text: str, start: int, end: int) -> bool:
    """Whether it mixes letters and digits, or small and capital letters with other signs."""
    value = text[start:end]
    return mixed(text, start, end) or (
        any(c.islower() for c in value)
        and any(c.isupper() for c in value)
        and any(c in "/+=" for c in value)
    )


def no_stop(text: str, start: int, end: int) -> bool:
    """Whether it is none of the words that follow "password" in talk about passwords."""
    return text[start:end].strip(".,;:!?").lower() not in _NO_PASSWORD


_NO_PASSWORD = frozenset(
    "reset resets change changed changing changes again please manager managers required protected link links page email expired expires forgot "
    "forgotten does doesn't doesnt isn't isnt needs must should will would when which that this your with from field incorrect wrong invalid "
    "different correct same something string true false null none olvidada nueva vergessen oublié esquecida".split()
)


SECRET = near(
    r"(?:\b|_)(?:api[ _-]?key|access[ _-]?key|secret|token|bearer|authorization|credential|client[ _-]?secret|private key|license key)",
    40,
)


DATE_ALONE = re.compile(
    r"(?:(?:(?:0?[1-9]|[12]\d|3[01])[/. -](?:0?[1-9]|1[0-2])|(?:0?[1-9]|1[0-2])[/. -](?:0?[1-9]|[12]\d|3[01]))[/. -](?:19|20)?\d{2}|(?:19|20)\d{2}[/. -]?\d{1,2}[/. -]?\d{1,2})(?!\d)(?:[ T]\d{1,2})?\Z"
)


STAMP = re.compile(r"(?:19|20)\d{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])(?:\d{4}|\d{6})?\Z")


SECRETIVE = re.compile(r"\d|[^\w\s.,;:!?'-]|[a-z][A-Z]")


PASSWORD_IS = re.compile(rf"(?:(?<![^\W_]){cue_words.IS}|[:=：])\s?[\"'“‘]?$", re.IGNORECASE)


# fillers at the beginning of an answer
ANSWERING = r"(?:it|it['’]?s|that|that['’]?s|she|he|my|mine|her|his|the|mothers?|mother['’]s|mama['’]?s|mom['’]?s|maiden|pet|pet['’]?s|childhood|first|name|answer|is|was|['’]s|i|i['’]m|i['’]d|think|thought|believe|used|guess|oh|so|yes|yea|yeah|yep|um+|uh+|ah+|hm+|well|would|be|called|named|sure|ok|okay|easy|let['’]?s|see|maybe|probably|dear|boy|goodness|gosh|gee|big|a|an|old|had|have|to)"


NO_ANSWER = frozenset(
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
