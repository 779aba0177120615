"""Chat lines made anew for every seed: names of many origins, addresses, phones, ids.

Values are Faker's (MIT) and libphonenumber's. The name model was trained on other lines, and on
names of other places (tools/names/talk.py). No template here was used to develop it.
"""

import random
import re
from collections.abc import Iterator
from typing import Any

import phonenumbers
from faker import Faker

Span = tuple[int, int, str]
Case = tuple[list[str], list[list[Span]], list[list[Span]], frozenset[str]]
EACH = 400
# places whose names the model was not trained on
ORIGINS = (
    "sk_SK",
    "sl_SI",
    "lt_LT",
    "lv_LV",
    "et_EE",
    "sq_AL",
    "az_AZ",
    "fr_BE",
    "nl_BE",
    "de_LU",
    "es_CL",
    "fr_CA",
    "en_PK",
    "ga_IE",
    "es_CA",
    "fr_DZ",
    "uz_UZ",
)
ADDRESSES = (
    "en_US",
    "en_GB",
    "en_AU",
    "en_CA",
    "de_DE",
    "fr_FR",
    "es_ES",
    "it_IT",
    "nl_NL",
    "pt_BR",
    "es_MX",
    "en_IN",
    "sk_SK",
    "fr_CA",
    "es_CL",
)
IDS = {
    "en_CA": ("sin", "my SIN is {}"),
    "en_GB": ("national insurance number", "national insurance number {}"),
    "en_IN": ("aadhaar", "aadhaar no {}"),
    "pt_BR": ("cpf", "meu cpf é {}"),
    "it_IT": ("codice fiscale", "il mio codice fiscale è {}"),
    "es_ES": ("dni", "mi DNI es {}"),
    "pl_PL": ("pesel", "mój PESEL to {}"),
    "nl_NL": ("bsn", "mijn BSN is {}"),
    "es_MX": ("curp", "mi CURP es {}"),
    "fr_FR": ("numéro de sécurité sociale", "mon numéro de sécurité sociale : {}"),
    "sv_SE": ("personnummer", "mitt personnummer är {}"),
}
REGIONS = (
    "US",
    "CA",
    "GB",
    "DE",
    "FR",
    "ES",
    "IT",
    "NL",
    "PT",
    "BR",
    "MX",
    "AU",
    "IN",
    "ZA",
    "IE",
    "PL",
)
NAMED = (
    "could you check whether {n} already paid",
    "hiya, {n} calling about yesterday's order",
    "the keys are with {n}, not with me",
    "book it for {n} and leave my name out",
    "{n} asked me to write to you",
    "i need the invoice made out to {n}",
    "we met {n} at the counter, very kind",
    "is {n} still working with you?",
    "Please forward this to {n} in accounting.",
    "My colleague {n} will join us at eight",
    "{n}: when does it start?\nme: at noon",
    "good evening, {n} on the line",
    "that was {n} who called earlier",
    "Reservation holder {n}, party of six",
    "whats up its {n} again",
    "Signed by {n} on delivery",
    "have {n} call me back pls",
    "the surprise is for {n}, so keep quiet",
)
PLACED = (
    "drop the crates at {a} before ten",
    "our new office: {a}",
    "the driver went to {a} by mistake",
    "can your team come out to {a}?",
    "Invoice address {a}. Thanks!",
    "we rented the hall at {a}",
    "i'm staying at {a} this week",
)
CALLED = (
    "ring me back on {p}",
    "whatsapp {p} is fastest",
    "{p} is the best number",
    "phone {p} after lunch",
    "my husband's mobile: {p}",
    "fax us: {p}",
)
MAILED = (
    "confirmation to {e} please",
    "it bounced, use {e}",
    "{e} is still correct",
    "put {e} in copy",
)
SPOKEN = ("my number is {s}", "you can call {s} any time", "yeah it's {s}", "reach us on {s}")
BENIGN = (
    "the grill was too hot and the rice too cold",
    "do you have a vegan option for {k} of us",
    "we waited {k} minutes at the door",
    "invoice {o} shows the wrong total",
    "Saturday at {k} works, Sunday does not",
    "the Chase branch on the corner was closed",
    "is the Caesar salad made with anchovies",
    "our train leaves Victoria Station at {k}",
    "can I pay with American Express",
    "that was a good joke",
    "the room was {k} square meters",
    "please cancel everything for June",
    "it rained in Charlotte all week",
    "i found a hair in the soup",
    "will you grant us a discount",
    "mark the order as urgent",
    "how long does the battery last",
    "the code on the voucher is expired",
    "we were {k} people, you charged for {k}{k}",
    "Happy Easter to the whole team",
    "I ordered the Margherita, not the Napoli",
    "what is the minimum for delivery to Cambridge",
    "the new version {k}.{k} crashes on start",
    "Thursday was fully booked last time",
    "thanks a million",
    "nein danke, alles gut",
    "merci, à demain",
    "gracias, hasta el viernes",
)
_WORDS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
_SLOT = re.compile(r"\{(\w)\}")


class Values:
    """Values by kind."""

    def __init__(self, seed: int) -> None:
        self._rng = random.Random(seed)
        self._fakers: dict[str, Any] = {}
        for place in sorted({*ORIGINS, *ADDRESSES, *IDS}):
            self._fakers[place] = Faker(place)
            self._fakers[place].seed_instance(self._rng.randrange(1 << 30))

    def name(self) -> str:
        """A given name, a whole name, or one with the family's first, in some way of writing."""
        made = self._fakers[self._rng.choice(ORIGINS)]
        given = made.first_name()
        whole = self._rng.choice(
            [given, f"{given} {made.last_name()}", f"{given} {made.last_name()}"]
        )
        return self._rng.choice([whole, whole, whole.lower()])

    def address(self) -> str:
        """An address in its country's form, in one line or in several."""
        made = self._fakers[self._rng.choice(ADDRESSES)]
        return str(made.address()).replace("\n", self._rng.choice([", ", ", ", "\n"]))

    def phone(self) -> str:
        """A phone of some country, valid there."""
        number = valid_number(self._rng, self._rng.choice(REGIONS))
        forms = phonenumbers.PhoneNumberFormat
        form = self._rng.choice([forms.NATIONAL, forms.NATIONAL, forms.INTERNATIONAL, forms.E164])
        return phonenumbers.format_number(number, form)

    def email(self) -> str:
        """An e-mail address."""
        made = self._fakers[self._rng.choice(ADDRESSES)]
        return str(made.ascii_email())

    def spoken(self) -> str:
        """Ten digits in words."""
        digits = [2 + self._rng.randrange(8), *(self._rng.randrange(10) for _ in range(9))]
        said = [_WORDS[d] for d in digits]
        if self._rng.random() < 0.3:
            said = [self._rng.choice(["oh", "zero"]) if word == "zero" else word for word in said]
        if self._rng.random() < 0.5:
            return f"{' '.join(said[:3])}, {' '.join(said[3:6])}, {' '.join(said[6:])}"
        return " ".join(said)

    def identity(self) -> tuple[str, str]:
        """A line with a national id, and the id."""
        place = self._rng.choice(sorted(IDS))
        made = self._fakers[place]
        value = (
            made.curp()
            if place == "es_MX"
            else made.nif()
            if place == "es_ES"
            else made.aadhaar_id()
            if place == "en_IN"
            else made.ssn()
        )
        return IDS[place][1], str(value)


def valid_number(rng: random.Random, region: str) -> phonenumbers.PhoneNumber:
    """A mobile's number of a country: libphonenumber's example with other digits at its end."""
    example = phonenumbers.example_number_for_type(region, phonenumbers.PhoneNumberType.MOBILE)
    base = phonenumbers.national_significant_number(example)
    for _ in range(50):
        tail = "".join(rng.choice("0123456789") for _ in range(4))
        number = phonenumbers.parse(base[:-4] + tail, region)
        if phonenumbers.is_valid_number(number):
            return number
    return example


def cases(seed: int) -> Iterator[Case]:
    """Documents as (texts, gold, keep, complete types)."""
    rng = random.Random(seed)
    values = Values(seed)
    complete = frozenset({"PERSON", "ADDRESS", "PHONE", "EMAIL", "NATIONAL_ID", "SPOKEN"})
    kinds = (
        (NAMED, "PERSON", values.name),
        (PLACED, "ADDRESS", values.address),
        (CALLED, "PHONE", values.phone),
        (MAILED, "EMAIL", values.email),
        (SPOKEN, "SPOKEN", values.spoken),
    )
    for templates, kind, make in kinds:
        for _ in range(EACH):
            yield case(rng.choice(templates), make(), kind, complete)
    for _ in range(EACH):
        yield case(*values.identity(), "NATIONAL_ID", complete)
    for _ in range(EACH * 2):
        text = rng.choice(BENIGN).format(k=rng.randrange(2, 60), o=rng.randrange(10**4, 10**6))
        yield [rng.choice([text, text.lower(), text[:1].upper() + text[1:]])], [[]], [[]], complete


def case(template: str, value: str, kind: str, complete: frozenset[str]) -> Case:
    """One line with one value in its slot."""
    before, after = re.split(r"\{\w?\}", template)
    text = before + value + after
    return [text], [[(len(before), len(before) + len(value), kind)]], [[]], complete
