"""Claims about pii/national_phones.py: phones in the forms of their countries."""

import phonenumbers
import pytest

from kaeshi import Policy, scrub
from kaeshi.pii.national_phones import national_phone

SAID = {
    "BR": "oi, meu número é {} obrigado",
    "FR": "bonjour, je suis au {} merci",
    "DE": "ich bin unter {} zu erreichen, danke",
    "ES": "hola, mi número es {} gracias",
    "MX": "hola, quiero que me llamen al {} por favor",
    "IT": "ciao, sono al {} grazie",
    "NL": "ik ben op {} te bereiken, bedankt",
    "PL": "proszę dzwonić {} dziękuję",
    "IN": "mera number {} hai bhai",
    "AU": "my number is {}",
    "ZA": "you can reach me on {}",
    "GB": "call me on {}",
    "US": "text {} please",
}


@pytest.mark.parametrize("region", sorted(SAID))
@pytest.mark.parametrize(
    "kind", [phonenumbers.PhoneNumberType.MOBILE, phonenumbers.PhoneNumberType.FIXED_LINE]
)
def test_the_example_numbers_of_every_country_are_found_in_its_language(
    region: str, kind: int
) -> None:
    number = phonenumbers.example_number_for_type(region, kind)
    written = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.NATIONAL)
    found = scrub(SAID[region].format(written))
    assert not any(c.isdigit() for c in found.texts[0].replace("[PHONE_1]", ""))


@pytest.mark.parametrize(
    ("region", "written"), [("MX", "55 1234 5678"), ("IN", "98200 12345"), ("BR", "11 98765-4321")]
)
def test_the_countries_of_the_policy_need_no_cue(region: str, written: str) -> None:
    text = f"guest list: {written}, table 4"
    at = text.index(written)
    assert list(national_phone(text, at, at + len(written), ("US",))) == []
    assert [hit[2] for hit in national_phone(text, at, at + len(written), (region,))] == ["PHONE"]
    assert written not in scrub(text, Policy(regions=(region,))).texts[0]


@pytest.mark.parametrize("written", ["0612345678", "07911123456", "0412345678"])
def test_a_mobile_with_its_trunk_zero_needs_no_country(written: str) -> None:
    assert scrub(f"té:{written}").counts == {"PHONE": 1}


@pytest.mark.parametrize(
    "text",
    [
        "order 55 1234 5678",
        "lot 98200 12345 of 3",
        "2024 1231",
        "10 200 3000 4000",
        "it weighs 12 345 678 kg",
    ],
)
def test_other_numbers_in_groups_stay(text: str) -> None:
    assert scrub(text).texts == (text,)


@pytest.mark.parametrize(
    "written", ["612 34 56 78", "081234 56789", "06 12345678", "512 345 678", "(11) 96123-4567"]
)
def test_a_phone_at_the_beginning_of_a_text_is_found(written: str) -> None:
    assert scrub(f"{written} is the best number").texts == ("[PHONE_1] is the best number",)
