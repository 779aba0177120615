"""Words and partial expressions that several recognisers share."""

import re

from kaeshi.pii.recogniser import Check, near
from kaeshi.pii.validators import digits


def many(least: int, most: int) -> Check:
    """A check that the match has so many digits."""
    return lambda text, start, end: least <= len(digits(text[start:end])) <= most


def mixed(text: str, start: int, end: int) -> bool:
    """Whether it mixes letters and digits, with enough of both."""
    count = len(digits(text[start:end]))
    return count >= 2 and any(c.isalpha() for c in text[start:end])


REFERENCE = near(
    r"\b(?:order|booking|confirmation|reservation|reference|ref|tracking|invoice|ticket|flight|ride|case|item|model|part|room|table|id)\b(?! is your)",
    40,
    turns=0,
)


ZIP = near(r"\b(?:in|to|near|zip|zip code|is it|around|year|for|until|since)\s$", 10, turns=0)


VERSION = near(r"(?:\bv|version|release|build|section)\s?$", 10, turns=0)


PHONE = near(
    r"phone|\banswer|messages? to|\boffice\b|\bcall|\btext(?:ing)?\b|\bcell|mobile|\breach|contact|\btel\b|\btel[:.]|number is|whatsapp|\bfax|\bring\b|\bdial|landline|hotline|\bsms\b",
    70,
    after=11,
)


ACCOUNT = near(r"\b(?:account|acct|a/c|iban|routing|card)\b", 45)


MONEY = near(r"[$€£]\s?$|\b(?:usd|eur|gbp|rs\.?)\s$", 5, turns=0)


SUM = near(
    r"\bbalance\b[^\0.?!0-9]{0,30}$|\b(?:credit|deposit|withdr[ae]w\w*|stole\w*|missing|worth|total\w*)\b[^\0.?!,;0-9]{0,12}$|\b(?:about|around|over|under|least|than|a) $|^ (?:short|missing|more|dollars|bucks|in credit)\b",
    40,
    turns=0,
    after=12,
)


SSN = near(r"\bssn\b|social security|\bsocial\b|\bs\.s\.n", 60)


BORN = near(r"\bborn\b|\bbirth|\bd\.?o\.?b\b", 160, after=24)


MONTH = r"(?:Jan(?:uary)?|Feb(?:ruary)?|Mar(?:ch)?|Apr(?:il)?|May|June?|July?|Aug(?:ust)?|Sept?(?:ember)?|Oct(?:ober)?|Nov(?:ember)?|Dec(?:ember)?)"


DATE = rf"(?:\d{{1,4}}[/. -]\d{{1,2}}[/. -]\d{{1,4}}|(?:\d{{1,2}}(?:st|nd|rd|th)?\s(?:of\s)?)?{MONTH}\.?,?\s\d{{1,4}}(?:st|nd|rd|th)?(?:,?\s\d{{2,4}})?)"


EXTENSION = r"(?:,?\s?(?:x|ext\.?|extension|#)\s?\d{1,6})?"


STREET = r"(?:Street|Str|St|Avenue|Ave|Av|Road|Rd|Boulevard|Blvd|Lane|Ln|Drive|Dr|Court|Ct|Circle|Cir|Place|Pl|Terrace|Ter|Way|Parkway|Pkwy|Highway|Hwy|Square|Sq|Trail|Trl|Row|Alley|Plaza|Expressway|Expy|Freeway|Fwy|Loop|Crescent|Cres|Close|Mews|Path|Pike|Turnpike|Walk|Broadway|Causeway|Esplanade|Real|Camino|Promenade|Embarcadero|Wharf|Quay|Crossing|Xing|Ridge|Heights|Hts|Mall|Center|Ctr|Gardens?|Commons?|Yard|Grove|Circus|Green|Gate|Vista|Glen|Landing|Bend|Cove|Run|View|Hill)"


UNIT = r"(?:,?\s(?:#\s?|(?:Apt|Apartment|Suite|Ste|Unit|Room|Rm|Floor|Fl|Bldg|Building|No)\b\.?\s?#?)[\w-]{1,6}|\s?#\s?\w{1,6})"


STATE = r"(?:A[KLRZ]|C[AOT]|D[CE]|FL|GA|HI|I[ADLN]|K[SY]|LA|M[ADEINOST]|N[CDEHJMVY]|O[HKR]|PA|RI|S[CD]|T[NX]|UT|V[AT]|W[AIVY]|California|New York|Texas|Florida|Nevada|Washington|Oregon|Arizona|Illinois|Massachusetts)"


CITY = r"[A-Z][\w'.-]{1,20}(?:\s[A-Z][\w'.-]{1,20}){0,2}"


PART = r"(?:\d{4,6}(?:-\d{4})?|(?!(?:I|It|The|And|But|Thanks?|Please|We|You|Can|Is|Are|Do|What|Monday|Tuesday|Wednesday|Thursday|Friday|Saturday|Sunday|Yes|No|So|They|There|This|That|Will|Would|How|Or)\b)(?:[A-Z][a-zà-ÿ'’.-][\w'’.-]{0,19}|[A-Z]{2}\b))"


PLACE = rf"(?:,?\s{CITY},?\s{STATE}\b(?:,?\s\d{{5}}(?:-\d{{4}})?)?)?(?:,\s{PART}(?:\s(?:of\s)?{PART}){{0,3}}){{0,4}}"


DIGIT_WORD = r"(?:zero|oh|one|two|three|four|five|six|seven|eight|nine|double|triple|\d)"


SECRET = near(
    r"\b(?:api[ _-]?key|access[ _-]?key|secret|token|bearer|authorization|credential|client[ _-]?secret|private key|license key)",
    40,
)


DATE_ALONE = re.compile(
    r"(?:\d{1,2}[/. -]\d{1,2}[/. -](?:19|20)?\d{2}|(?:19|20)\d{2}[/. -]?\d{1,2}[/. -]?\d{1,2})(?!\d)(?:[ T]\d{1,2})?\Z"
)


STAMP = re.compile(r"(?:19|20)\d{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])(?:\d{4}|\d{6})?\Z")


SECRETIVE = re.compile(r"\d|[^\w\s.,;:!?'-]|[a-z][A-Z]")


PASSWORD_IS = re.compile(r"(?:\bis|[:=])\s?[\"'“‘]?$")


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
