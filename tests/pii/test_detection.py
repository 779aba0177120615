"""Claims about pii/detection.py."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kaeshi import Policy, detect, pii, scrub
from kaeshi.nouns import Finding
from kaeshi.pii.validators import is_card
from pii_samples import texts


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
        ("Transfer 20 dollars to Khadija", "PERSON"),
        ("the routing number is 021000021", "ROUTING"),
        ("my passport is K1234567", "PASSPORT"),
        ("driver's license D1234567", "DRIVER_LICENSE"),
        ("license plate 7ABC123", "LICENSE_PLATE"),
        ("use sk-abcdEFGH1234567890abcdEFGH", "API_KEY"),
        ("the printer is 00:1a:2b:3c:4d:5e", "MAC"),
        ("pay to 1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa", "CRYPTO_WALLET"),
        ("the last four of my social are 8145", "SSN"),
        ("call five five five one two three four", "PHONE"),
        ("john at gmail dot com", "EMAIL"),
        ("write to ann [at] example [dot] com", "EMAIL"),
        ("mail ann@\u200bexample.com", "EMAIL"),
        ("card ４１１１ １１１１ １１１１ １１１１", "CREDIT_CARD"),
        ("mail ann&#64;example.com", "EMAIL"),
        ("call 4 1 5 5 5 5 0 1 3 2", "PHONE"),
        ("we moved to 19 Rue Mermoz, 75008", "ADDRESS"),
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
        "I'd like tickets for the Bryan Adams concert",
        "Will it be windy, and is the place pricey?",
        "The restaurant serves General Tso chicken",
        "Will it rain on Sunday in Oakland?",
        "room 412 has 2 beds, flight UA1234 lands at 9:45",
        "the account opens at nine",
    ],
)
def test_a_quote_is_left_alone(text: str) -> None:
    assert scrub(text).texts == (text,)


def test_a_name_given_when_asked_for_is_a_name() -> None:
    assert scrub(["May I have your name, please?", "Zorblax"]).texts[1] == "[PERSON_1]"


@pytest.mark.parametrize(
    "turns",
    [
        ["And what was the name of the pet you had as a child?", "Buddy. He was a good dog."],
        ["What was your mother's maiden name?", "I forgot. My pet was called Buddy"],
    ],
)
def test_what_proves_who_somebody_is_goes(turns: list[str]) -> None:
    assert "Buddy" not in " ".join(scrub(turns).texts)


def test_numbers_in_turns_that_follow_each_other_are_no_card() -> None:
    turns = ["We are 12 adults, budget 1500", "and how many kids?", "3, on May 5 2026", "table 12"]
    assert scrub(turns).texts == tuple(turns)


@given(st.lists(texts, min_size=1, max_size=4))
def test_findings_never_overlap_and_lie_inside_the_text(several: list[str]) -> None:
    for text in several:
        last = 0
        for finding in detect(text):
            assert last <= finding.start < finding.end <= len(text)
            last = finding.end


@given(
    st.from_regex(r"[2-9](?:[ -]?[0-9]){12,17}", fullmatch=True),
    st.sampled_from(["", "my card is ", "pay with "]),
)
def test_no_digit_of_a_valid_card_survives(number: str, before: str) -> None:
    if is_card(number):
        assert not any(c.isdigit() for c in scrub(before + number).texts[0].replace("CARD_1", ""))


@given(
    st.sampled_from(["10 ", "536-22-8145 ", "table 7, ", "2025 "]),
    st.sampled_from([" 12", "", " 2025 ", "-7"]),
)
def test_other_numbers_around_a_card_do_not_hide_it(before: str, after: str) -> None:
    assert "1111" not in scrub(f"{before}4111 1111 1111 1111{after}").texts[0]


def test_references_are_found_only_where_asked_for() -> None:
    assert not detect("booking 12345678 please")
    assert [f.type for f in detect("booking 12345678 please", Policy(off=()))] == ["BOOKING"]
    assert not detect("call 555-1234", Policy(thresholds={"PHONE": 0.9}))


@settings(max_examples=20, deadline=None)
@given(
    st.sampled_from(
        ["1-", "a@", "1 ", "My name is ", "((", "1.", "a.", "12 Oak ", "::", "+1 ", "x@y.", "Anna "]
    )
)
def test_the_work_grows_with_the_text_and_not_faster(pump: str) -> None:
    def cost(count: int) -> float:
        began = time.process_time()
        scrub(pump * count)
        return time.process_time() - began

    small = max(cost(500), 0.002)
    large = min(cost(4000), cost(4000))
    assert large < small * 8 * 6  # eight times the text; the rest is the machine's noise


def test_two_views_of_one_address_are_one_address() -> None:
    text = "they are at 5050 West El Camino Real #110, call first"
    seen = Finding(start=20, end=41, type="ADDRESS", score=0.75, recogniser="model")
    assert [(text[f.start : f.end], f.type) for f in pii.detect(text, [seen])] == [
        ("5050 West El Camino Real #110", "ADDRESS")
    ]


def test_conversations_looked_at_together_are_scrubbed_as_each_alone() -> None:
    several = [
        ["call 555-1234", "my pin?"],
        ["4321"],
        ["é a@b.com"],
        ["card 4111 1111", "1111 1111"],
        [],
        ["x@", "y.com"],
    ]
    assert pii.scrub_each(several) == [pii.scrub(texts) for texts in several]


@pytest.mark.parametrize(
    ("asked", "said", "scrubbed"),
    [
        (
            "What is your PIN?",
            "I don't know, the current balance is 7583 in credit",
            "I don't know, the current balance is 7583 in credit",
        ),
        (
            "What is your PIN?",
            "about 3000 of it is missing, it was 4321",
            "about 3000 of it is missing, it was [PIN_1]",
        ),
        (
            "And the name of the pet you had as a child?",
            "Oh yea the pet, I believe it was buddy. Buddy!",
            "Oh yea the pet, I believe it was [SECURITY_ANSWER_1]. [SECURITY_ANSWER_1]!",
        ),
        (
            "What was your mother's maiden name?",
            "Oh dear, I never can remember that",
            "Oh dear, I never can remember that",
        ),
        (
            "Which car?",
            "it has a license plate of 313 EA9",
            "it has a license plate of [LICENSE_PLATE_1]",
        ),
        (
            "Which hotel?",
            "I found 10 hotels. 45 Park Lane is one; do it 6 my way",
            "I found 10 hotels. [ADDRESS_1] is one; do it 6 my way",
        ),
    ],
)
def test_an_answer_is_told_from_what_stands_around_it(asked: str, said: str, scrubbed: str) -> None:
    assert scrub([asked, said]).texts[1] == scrubbed
