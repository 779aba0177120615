"""Patterns of structured personal data.

A recogniser is one bounded expression, its trigger, and sometimes a check. Most text holds nothing,
so an expression is tried only around numbers, around words that mix letters and digits, or around a
cue. Every repetition is bounded, so that matching is linear in the text. Turns of a conversation
are joined by NUL, which an expression crosses only to look at the turn before; conversations are
joined by two NULs, which none crosses.
"""

import re

from kaeshi.pii import cue_words
from kaeshi.pii.address_patterns import ELSEWHERE
from kaeshi.pii.national_patterns import NATIONAL, NATIONAL_GLUED, POSTCODES
from kaeshi.pii.number_patterns import UNORDERED_NUMBERS
from kaeshi.pii.recogniser import Ascii, I, Lazy, Recogniser, both, near, no
from kaeshi.pii.secret_patterns import SECRETS
from kaeshi.pii.validators import is_base58_check, is_somebodys_ip
from kaeshi.pii.vocabulary import (
    DATE,
    PLACE,
    SECRET,
    SPOKEN_DATE,
    STREET,
    UNIT,
    VERSION,
    is_mailbox,
    is_token,
    mixed,
)

LETTER = "A-Za-z\u00c0-\u024f"
MAILERS = (
    "gmail|googlemail|yahoo|hotmail|outlook|icloud|aol|proton|protonmail|live|msn|gmx|web|mail|me"
)

# around a word that mixes letters and digits: keys, tokens, plates and papers
GLUED = (
    Recogniser(
        type="API_KEY",
        name="prefix",
        pattern=Ascii(
            r"(?:sk|pk|rk)[-_](?:live[-_]|test[-_]|proj-|ant-|or-)?[\w-]{16,200}|gh[pousr]_\w{30,255}|github_pat_\w{22,255}|glpat-[\w-]{20,64}|xox[abposr]-[\w-]{10,250}|(?:AKIA|ASIA|AGPA|AIDA)[A-Z0-9]{16}|AIza[\w-]{35}|ya29\.[\w-]{20,400}|hf_\w{30,64}|SG\.[\w-]{16,32}\.[\w-]{16,64}|npm_\w{36}|dop_v1_\w{64}|shp(?:at|ca|pa|ss)_\w{32}|EAA\w{40,300}|eyJ[\w-]{8,2000}\.[\w-]{8,4000}(?:\.[\w-]{8,1000})?"
        ),
        score=0.99,
    ),
    Recogniser(
        type="API_KEY",
        name="in context",
        pattern=Ascii(r"(?<![\w/+-])[\w+/-]{16,200}={0,2}(?![\w/+-])"),
        check=both(is_token, SECRET),
        score=0.9,
    ),
    Recogniser(
        type="CRYPTO_WALLET",
        name="ethereum",
        pattern=Ascii(r"(?<!\w)0x[0-9a-fA-F]{40}(?!\w)"),
        score=0.98,
    ),
    Recogniser(
        type="CRYPTO_WALLET",
        name="segwit",
        pattern=Ascii(r"(?<!\w)(?:bc1|tb1|ltc1)[02-9ac-hj-np-z]{25,71}(?!\w)", I),
        score=0.98,
    ),
    Recogniser(
        type="CRYPTO_WALLET",
        name="base58",
        pattern=Ascii(r"(?<!\w)[13LMD][1-9A-HJ-NP-Za-km-z]{25,34}(?!\w)"),
        check=lambda text, a, b: is_base58_check(text[a:b]),
        score=0.98,
    ),
    Recogniser(
        type="IP",
        name="v6 in full",
        pattern=Ascii(r"[0-9A-Fa-f](?<![\w:].)[0-9A-Fa-f]{0,3}(?::[0-9A-Fa-f]{1,4}){7}(?![\w:])"),
        score=0.95,
    ),
    Recogniser(
        type="MAC",
        name="six pairs",
        pattern=Ascii(
            r"[0-9A-Fa-f](?<![\w:-].)[0-9A-Fa-f]([:-])(?:[0-9A-Fa-f]{2}\1){4}[0-9A-Fa-f]{2}(?![\w:-])"
        ),
        score=0.95,
    ),
    Recogniser(
        type="PASSPORT",
        name="in context",
        pattern=Ascii(r"(?<!\w)[A-Z]{1,2}\d{6,9}(?!\w)", I),
        check=near(cue_words.PASSPORT, 50),
        score=0.95,
    ),
    *NATIONAL_GLUED,
)

# around a sign or a word
WORDS = (
    Recogniser(
        type="EMAIL",
        name="address",
        words=("@",),
        reach=(66, 200),
        pattern=Lazy(
            rf"[{LETTER}0-9](?<![{LETTER}0-9_.@][{LETTER}0-9])[{LETTER}0-9_.%+'-]{{0,63}}@[{LETTER}0-9-]{{1,63}}(?:\.[{LETTER}0-9-]{{1,63}}){{0,5}}\.[A-Za-z]{{2,24}}(?![A-Za-z])"
        ),
        check=is_mailbox,
        score=0.99,
    ),
    Recogniser(
        type="EMAIL",
        name="mistyped",
        words=("@",),
        reach=(66, 60),
        pattern=Ascii(
            rf"[A-Za-z0-9](?<![\w.@]\w)[\w.%+-]{{0,63}}@(?:{MAILERS})(?:[,;]\s?|\s?\.\s?)?(?:com|org|net|co|de|fr|es|it|br|in|uk)\b",
            I,
        ),
        score=0.95,
    ),
    Recogniser(
        type="NATIONAL_ID",
        name="upi",
        words=("@",),
        reach=(66, 30),
        pattern=Ascii(
            r"[A-Za-z0-9](?<![\w.@]\w)[\w.-]{1,63}@(?:ok(?:hdfcbank|hdfc|axis|icici|sbi)|ybl|ibl|axl|upi|paytm|apl|hdfcbank|sbi|icici|axisbank|kotak)(?![\w.])",
            I,
        ),
        score=0.95,
    ),
    Recogniser(
        type="HANDLE",
        name="in context",
        words=("@",),
        reach=(40, 40),
        pattern=Ascii(r"@(?<![\w@.]@)[A-Za-z][\w.]{1,29}\w(?!@|\w)"),
        check=near(
            r"\binsta|telegram|twitter|tiktok|\bsnap|\bhandle|\bdm\b|\bfollow|\btag\b|\bdiscord|\bthreads\b|\bvenmo|cash ?app|\big\b|username|\bfind (?:me|us)",
            60,
        ),
        score=0.9,
    ),
    Recogniser(
        type="EMAIL",
        name="spaced",
        words=("@",),
        reach=(66, 90),
        pattern=Lazy(
            r"\b[\w.%+-]{1,64}\s?@\s?[A-Za-z0-9-]{1,63}\s?\.\s?(?:com|org|net|edu|gov|io|co|us|uk|de|fr|es|it|nl|br|in|ca|au)\b",
            I,
        ),
        check=is_mailbox,
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
        type="EMAIL",
        name="spelt in other languages",
        words=("arroba", "arobase", "chiocciola", "klammeraffe", "małpa"),
        reach=(90, 60),
        pattern=Lazy(
            r"(?<!\w)[\w.%+-]{1,64}(?:\s(?:punto|ponto|point|punkt|kropka|guion|guión|guion bajo|barra baja|tiret|unterstrich)\s[\w-]{1,30}){0,3}\s"
            r"(?:arroba|arobase|chiocciola|klammeraffe|małpa)\s[A-Za-z0-9-]{1,63}(?:\s(?:punto|ponto|point|punkt|kropka)\s[A-Za-z0-9-]{1,30}){0,2}"
            r"\s?(?:\.|punto|ponto|point|punkt|kropka)\s?(?:com|org|net|es|mx|br|pt|fr|it|de|pl|io|co)\b",
            I,
        ),
        score=0.92,
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
            lambda text, a, b: "::" in text[a:b] and b - a > 3 and is_somebodys_ip(text[a:b]),
            no(VERSION),
        ),
        score=0.95,
    ),
    Recogniser(
        type="DATE_OF_BIRTH",
        name="after its word",
        words=("born", "birth", "dob", "bday"),
        reach=(1, 60),
        pattern=Lazy(
            rf"\b(?:born(?: on| the| in)?|birth ?(?:date|day)?|dob|bday|date of birth)(?: (?:is|was|on))?[\s:,=-]{{1,3}}(?:the )?({DATE}|{SPOKEN_DATE})(?!\w)",
            I,
        ),
        group=1,
        check=lambda text, a, b: not text[a:b].isdigit(),
        score=0.9,
    ),
    Recogniser(
        type="PERSON",
        name="home folder",
        words=("/home/", "/users/"),
        reach=(1, 60),
        pattern=Ascii(r"/(?:home|Users)/([A-Za-z][\w.-]{1,31})(?=/|\b)", I),
        group=1,
        check=lambda text, a, b: (
            text[a:b].lower()
            not in {
                "user",
                "users",
                "ubuntu",
                "root",
                "admin",
                "public",
                "shared",
                "runner",
                "app",
                "node",
                "git",
                "me",
            }
        ),
        score=0.86,
    ),
    Recogniser(
        type="ADDRESS",
        name="po box",
        words=("box ",),
        reach=(10, 80),
        pattern=Lazy(rf"\bP\.?\s?O\.?\s?Box\s#?\d{{1,8}}\b{PLACE}", I),
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
        check=mixed,
        score=0.9,
    ),
    *SECRETS,
    *ELSEWHERE,
)

# from every number on: a house number and a street
STREETS = (
    Recogniser(
        type="ADDRESS",
        name="street",
        pattern=Lazy(
            rf"[0-9](?<![\w$#.,/:-][0-9])[0-9]{{0,5}}(?:-[0-9]{{1,5}})?[A-Za-z]?(?:\s1/2)?,?\s(?:[NSEW]{{1,2}}\.?\s|(?:North|South|East|West|Northeast|Northwest|Southeast|Southwest)\s)?(?:[A-Z0-9][\w'’.-]{{0,30}}\s){{1,5}}?(?i:{STREET})\b\.?(?:\s(?:[NSEW]{{1,2}}|North|South|East|West|Northeast|Northwest|Southeast|Southwest)\b\.?)?(?:\s\d{{1,4}}\b(?!\s(?:people|adults|guests|kids|pm|am)))?(?:{UNIT}){{0,2}}{PLACE}(?:{UNIT})?"
        ),
        check=no(near(r"\b(?:for|party of)\s$", 10, turns=0)),
        score=0.92,
    ),
    Recogniser(
        type="ADDRESS",
        name="street before its name",
        pattern=Lazy(
            rf"[0-9](?<![\w$#.,/:-][0-9])[0-9]{{0,5}}(?:\s?bis|\s?ter|[A-Za-z])?,?\s(?:Rue|Jalan|Jln|Lorong|Avenue|Boulevard|Place|Quai|Via|Viale|Piazza|Calle|Avenida|Rua|Chemin|Camino|Paseo|Plaza|Impasse|Cours)\s(?:(?:d[eu]s?|la|le|les|l'|del?|della|di|da|do)\s){{0,2}}[A-Z0-9][\w'’/.-]{{0,20}}(?:\s(?:d[eu]s?\s|la\s)?[A-Z0-9][\w'’/.-]{{1,20}}){{0,4}}(?:{UNIT})?{PLACE}"
        ),
        score=0.9,
    ),
    Recogniser(
        type="ADDRESS",
        name="street without a kind",
        pattern=Lazy(
            rf"[0-9](?<![\w$#.,/:-][0-9])[0-9]{{0,5}}\s(?:[NSEW]\.?\s|(?:North|South|East|West)\s)?(?:Broadway|El Camino Real|Avenue [A-Z]|Highway \d{{1,4}}|(?:[A-Z][\w'’.-]{{1,20}}\s){{1,3}}(?:#\s?\w{{1,6}}|Suite \w{{1,6}}|Ste\.? \w{{1,6}}|Apt\.? \w{{1,6}}))\b{PLACE}"
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
AFTER = 36  # a cue may also stand this close after a number
# the highest score first
NUMBERS = tuple(sorted((*UNORDERED_NUMBERS, *NATIONAL), key=lambda recogniser: -recogniser.score))
STREET_WORDS = frozenset(
    [
        *re.findall(r"[a-z]{2,}", STREET.lower()),
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
RECOGNISERS = (*NUMBERS, *GLUED, *WORDS, *STREETS, *POSTCODES)
TYPES = tuple(dict.fromkeys(["PERSON", *(r.type for r in RECOGNISERS)]))
