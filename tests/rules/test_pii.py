import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kaeshi import detect, scrub
from kaeshi.errors import InvalidInput
from kaeshi.rules.pii import analyze, restore
from kaeshi.rules.pii.validators import is_card

SEED = "Hi, I'm John Doe. Email me at john@email.com or call 555-1234"
pieces = st.sampled_from(
    ["my name is ", "Anna Bennett", " call 415-555-0132 ", "ann@example.com", " 4111 1111 1111 1111 ", " card ", "[PERSON_1]", " at 12 Oak Street ", "536-22-8145", " ok ", ". ", "10 adults in 95630", " account 95381901 ", "\n", "é", "😀"]
)  # fmt: skip
texts = st.lists(pieces, max_size=8).map(" ".join)  # glued words are for the scrubber's own depth


def test_the_seeds_example() -> None:
    assert scrub(SEED).texts == ("Hi, I'm [PERSON_1]. Email me at [EMAIL_1] or call [PHONE_1]",)


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("mail ann.b+x@mail.example.co.uk now", "EMAIL"),
        ("call (916) 555-0199", "PHONE"),
        ("call +49 30 1234567", "PHONE"),
        ("my cell is 9165550199", "PHONE"),
        ("SSN is 536228145", "SSN"),
        ("123-45-6789", "SSN"),
        ("4111-1111-1111-1111", "CREDIT_CARD"),
        ("DE89 3704 0044 0532 0130 00", "IBAN"),
        ("from 192.168.17.4 today", "IP"),
        ("from 2001:db8::8a2e:370:7334 today", "IP"),
        ("see https://example.com/a?token=1", "URL"),
        ("we are at 123 Maple Street, Apt 4", "ADDRESS"),
        ("send it to P.O. Box 77", "ADDRESS"),
        ("my PIN is 4321", "PIN"),
        ("account number is 95381901", "BANK_ACCOUNT"),
        ("born on 04/04/1990", "DATE_OF_BIRTH"),
        ("my password is hunter22!", "PASSWORD"),
        ("my name is Katarina Miller", "PERSON"),
    ],
)
def test_each_type_is_found(text: str, kind: str) -> None:
    assert kind in {finding.type for finding in detect(text)}


@pytest.mark.parametrize(
    "text",
    [
        "Quote for 10 adults in 95630: $918 total, Saturday 6:30 pm, order 2024-000123",
        "We are 12 adults and 3 kids on May 5 at 18:30, table 7",
        "version 1.2.3.4 of the menu",
        "order 20240001234 is ready",
        "Will you grill salmon or the Chicken?",
        "In April we were in San Francisco at Craig Street",
    ],
)
def test_a_quote_is_left_alone(text: str) -> None:
    assert scrub(text).texts == (text,)


def test_the_same_person_has_the_same_number_throughout() -> None:
    found = scrub(["I'm Anna Bennett", "Hello Anna, and who else comes?", "ANNA BENNETT and Brian Castillo", "anna again"])
    assert found.texts == ("I'm [PERSON_1]", "Hello [PERSON_1], and who else comes?", "[PERSON_1] and [PERSON_2]", "[PERSON_1] again")


def test_a_name_given_when_asked_for_is_a_name() -> None:
    assert scrub(["May I have your name, please?", "Zorblax"]).texts[1] == "[PERSON_1]"


@given(st.lists(texts, min_size=1, max_size=4))
def test_scrubbing_twice_changes_nothing(several: list[str]) -> None:
    once = scrub(several).texts
    assert scrub(list(once)).texts == once


@given(st.lists(texts, min_size=1, max_size=4))
def test_findings_never_overlap_and_lie_inside_the_text(several: list[str]) -> None:
    for text in several:
        last = 0
        for finding in detect(text):
            assert last <= finding.start < finding.end <= len(text)
            last = finding.end


@given(st.from_regex(r"[2-9](?:[ -]?[0-9]){12,17}", fullmatch=True), st.sampled_from(["", "my card is ", "pay with "]))
def test_no_digit_of_a_valid_card_survives(number: str, before: str) -> None:
    if is_card(number):
        assert not any(c.isdigit() for c in scrub(before + number).texts[0].replace("CARD_1", ""))


@given(st.sampled_from(["10 ", "536-22-8145 ", "table 7, ", "2025 "]), st.sampled_from([" 12", "", " 2025 ", "-7"]))
def test_other_numbers_around_a_card_do_not_hide_it(before: str, after: str) -> None:
    assert "1111" not in scrub(f"{before}4111 1111 1111 1111{after}").texts[0]


@given(texts)
def test_a_placeholder_that_somebody_typed_keeps_its_number(text: str) -> None:
    scrubbed = scrub([f"[PERSON_1] {text}"])
    assert scrubbed.texts[0].startswith("[PERSON_1]")


def test_restoring_gives_the_text_back() -> None:
    found = scrub([SEED])
    assert restore(found.texts[0], found.found) == SEED


def test_nul_is_refused_instead_of_shifting_texts() -> None:
    with pytest.raises(InvalidInput, match="NUL"):
        scrub(["a\0b", "c"])


def test_the_risk_level_follows_the_worst_type() -> None:
    assert analyze({"SSN": 1, "EMAIL": 2})["risk_level"] == "high"
    assert analyze({"EMAIL": 2}) == analyze({"EMAIL": 2}) | {"emails_found": 2, "risk_level": "medium"}
    assert analyze({})["risk_level"] == "low"


@settings(max_examples=20, deadline=None)
@given(st.sampled_from(["1-", "a@", "1 ", "My name is ", "((", "1.", "a.", "12 Oak ", "::", "+1 ", "x@y.", "Anna "]))
def test_the_work_grows_with_the_text_and_not_faster(pump: str) -> None:
    def cost(count: int) -> float:
        began = time.process_time()
        scrub(pump * count)
        return time.process_time() - began

    small, large = max(cost(500), 0.002), cost(4000)
    assert large < small * 8 * 6  # eight times the text; the rest is the machine's noise
