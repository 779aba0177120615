"""Cues for names, and words that are not names."""

import re

NAME = r"[^\W\d_](?:[^\W\d_]|['’-](?=[^\W\d_])){0,30}"


TOKENS = re.compile(NAME)


DIGIT = re.compile(r"[0-9]")


PARTS = re.compile(r"[^\W\d_]+")


COMMENT = re.compile(r"^#.*$", re.MULTILINE)


RUN = rf"({NAME}(?:[ ]{{1,2}}(?:{NAME}|[A-Z]\.)){{0,3}})"


INTRODUCED = re.compile(
    rf"\b(?:my (?:full |first |last |legal )?name(?: is|'s|’s|:| was)|(?:the |under the |full |first |last )?name(?: is|'s|’s|:)|names? on the (?:account|booking|reservation) is|"
    rf"(?:under|for) the name(?: of)?|(?:call|calls) me|(?:i am|i'm|i’m) called|name of|accounts? (?:of|belonging to|owned by))[ :]{{1,3}}(?:is )?{RUN}",
    re.IGNORECASE,
)


PRESENTED = re.compile(
    rf"\b(?:i['’]?m|i am|this is|it['’]?s|it is|that is|my (?:son|daughter|wife|husband|brother|sister|friend|mother|father|boss)|"
    rf"rsvp (?:for|to|at)|under|me and|driver (?:is|will be)|driven by)[ ]{{1,2}}({NAME})",
    re.IGNORECASE,
)


OWN_NAME = re.compile(
    r"my (?:full |first |last )?name|accounts? ", re.IGNORECASE
)  # or whose account it is


CUES = frozenset(
    [
        "am",
        "i'm",
        "i’m",
        "im",
        "is",
        "it's",
        "it’s",
        "its",
        "that's",
        "here's",
        "name",
        "hi",
        "hello",
        "hey",
        "dear",
        "thanks",
        "you",
        "regards",
        "sincerely",
        "cheers",
        "with",
        "for",
        "from",
        "meet",
        "see",
        "and",
        "ask",
        "tell",
        "friend",
        "brother",
        "sister",
        "wife",
        "husband",
        "son",
        "daughter",
        "buddy",
        "bro",
        "sis",
        "mom",
        "dad",
        "boss",
        "colleague",
        "driver",
        "doctor",
        "host",
        "by",
        "to",
        "me",
    ]
)


TITLED = re.compile(
    rf"\b(?:mr|mrs|ms|miss|dr|doctor|prof|professor)\.?[ ]{{1,2}}({NAME}(?:[ ]{NAME})?)",
    re.IGNORECASE,
)


ASKS_NAME = re.compile(
    r"\b(?:your|full|first|last|the|customer'?s?|guest'?s?|driver'?s?|whose|what|which) ?(?:full |first |last )?name\b|(?:\A|[.?!,;-]\s?|\b(?:and|know|ask|say|me|so|then)\s)who(?:'s| is| am i| are you| would| will| should| do)\b|\bwhich doctor\b|\bname (?:please|of)",
    re.IGNORECASE,
)


PLACE_BEFORE = re.compile(r"\b(?:San|Santa|St\.?|Saint|Fort|Port|Mount|Mt\.?|Lake|New|Los|Las) $")


SAINT_BEFORE = re.compile(r"\b(?:san|santa|los|las|são|saint) \Z", re.IGNORECASE)


LAST_WORD = re.compile(r"([^\W\d_]+) \Z")


NEXT_WORD = re.compile(r" ([^\W\d_]+)")


PLACE_AFTER = re.compile(
    r" (?:Street|St|Avenue|Ave|Road|Rd|Boulevard|Blvd|Lane|Drive|Court|Place|Way|Park|Inn|Hotel|Hall|Center|Centre|House|Hospital|Airport|University|Hill|Island|Beach|Bridge|County|City)\b"
)


FILLER = frozenset(
    [
        "it",
        "its",
        "it's",
        "is",
        "it’s",
        "that",
        "that's",
        "i",
        "am",
        "i'm",
        "im",
        "my",
        "name",
        "the",
        "yes",
        "yeah",
        "sure",
        "ok",
        "okay",
        "hi",
        "hello",
        "here",
        "this",
        "for",
        "under",
        "and",
        "please",
        "of",
        "course",
        "a",
        "an",
        "thanks",
        "thank",
        "you",
        "well",
        "so",
        "um",
        "uh",
        "oh",
        "full",
        "first",
        "last",
        "would",
        "be",
        "sorry",
        "no",
        "not",
        "don't",
        "know",
        "remember",
        "also",
        "but",
        "with",
        "need",
        "want",
        "help",
        "dr",
        "mr",
        "mrs",
        "ms",
    ]
)


STOP_AFTER = frozenset(
    [
        "your",
        "host",
        "driver",
        "think",
        "party",
        "guests",
        "doctor",
        "friend",
        "dumb",
        "yup",
        "his",
        "he",
        "she",
        "they",
        "asap",
        "and",
        "or",
        "but",
        "i",
        "my",
        "the",
        "a",
        "an",
        "from",
        "at",
        "in",
        "on",
        "to",
        "for",
        "with",
        "calling",
        "here",
        "speaking",
        "by",
        "is",
        "was",
        "can",
        "could",
        "would",
        "please",
        "is",
        "will",
        "has",
        "have",
        "i'm",
        "im",
        "it",
        "want",
        "need",
        "not",
        "we",
        "our",
        "who",
        "that",
        "this",
        "account",
        "number",
        "pin",
    ]
)


NO_NAME = re.compile(
    r"(?:may (?:i|we)|will (?:you|it|that|there)|mark (?:it|the|that|this)|roger that|more|(?:wise|good|nice) guy|guy)\b",
    re.IGNORECASE,
)


GLUE = frozenset("0123456789_@.-")


GLUE_AFTER = frozenset("0123456789_@-")


DOTTED = re.compile(r"\.\w")


# somebody's relative or friend, by name: "my sister is Sky", "my husband Chase"
KIN = re.compile(
    r"\b(?:my|his|her|our|their|your) (?:late |older |younger |little |big |best )?"
    r"(?:wife|husband|spouse|partner|fianc[eé]e?|(?:boy|girl)friend|sister|brother|sibling|mom|mum|mother|dad|father|son|daughter|kid|baby|aunt|uncle|"
    r"cousin|niece|nephew|grand(?:ma|pa|mother|father|son|daughter)|friend|roommate|flatmate|neighbou?r|boss|manager|colleague|assistant|nanny|"
    r"doctor|lawyer|agent)(?:'s name)?(?: is| was|,| named| called|:)? "
    r"([A-Z][a-z][\w'’-]{0,20}(?: [A-Z][a-z][\w'’-]{0,20})?)"
)
KINSHIP = frozenset(
    {
        "wife",
        "husband",
        "partner",
        "sister",
        "brother",
        "mom",
        "mum",
        "mother",
        "dad",
        "father",
        "son",
        "daughter",
        "friend",
        "boss",
        "roommate",
    }
)
