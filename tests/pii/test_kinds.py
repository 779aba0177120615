"""Claims about kinds of faults that users of scrubbers report, each tried with drawn values."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kaeshi import pii, restored, scrub
from kaeshi.pii import restore
from kaeshi.pii.finders.word_lists import ListedNames

CARD = "4111111111111111"
phones = st.from_regex(r"[2-9]1[0-9]-[2-9][0-9]{2}-[0-9]{4}", fullmatch=True)


@given(st.lists(phones, min_size=2, max_size=3, unique=True))
def test_two_phones_never_share_a_placeholder(numbers: list[str]) -> None:
    text = "call " + " or ".join(numbers)
    found = scrub(text)
    assert found.texts[0] == "call " + " or ".join(f"[PHONE_{i + 1}]" for i in range(len(numbers)))
    assert restore(found.texts[0], found.found) == text


@given(st.permutations(["James Smith", "James Brown", "Anna Brown"]))
def test_people_who_share_a_part_of_their_names_are_different_people(names: list[str]) -> None:
    text = f"{names[0]} pays for {names[1]}, not for {names[2]}"
    found = pii.scrub([text], ListedNames().find([text]))
    assert found.texts[0] == "[PERSON_1] pays for [PERSON_2], not for [PERSON_3]"
    assert restore(found.texts[0], found.found) == text


@given(
    st.sampled_from([" ", "-", "\t", "\n", "/", ", ", "_", ".", "|", "•"]),
    st.sampled_from(["card {}", "{}", "卡号{}", "naïve{} ", "pay with {} now"]),
)
def test_a_card_goes_however_its_groups_are_parted(sign: str, around: str) -> None:
    written = sign.join(CARD[i : i + 4] for i in range(0, 16, 4))
    text = around.format(written)
    assert "1111" not in scrub(text).texts[0]
    assert restored(scrub(text)) == (text,)


@settings(max_examples=30)
@given(
    st.integers(4, 12),
    st.sampled_from(["", "the rest is ", "and then "]),
    st.sampled_from([[], ["ok"], ["go on"]]),
)
def test_a_card_in_two_turns_goes_whole(cut: int, led: str, between: list[str]) -> None:
    turns = [f"it's {CARD[:cut]}", *between, led + CARD[cut:]]
    assert not any(CARD[:4] in text or "1111" in text for text in scrub(turns).texts)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("mi fecha de nacimiento es el 14/03/1987", "14/03/1987"),
        ("ich bin geboren am 14.03.1987", "14.03.1987"),
        ("née le 14/03/1987 à Lyon", "14/03/1987"),
        ("mi contraseña es Sol#2291", "Sol#2291"),
        ("mein Passwort lautet Sol#2291", "Sol#2291"),
        ("mot de passe : Sol#2291", "Sol#2291"),
        ("a minha senha é Sol#2291", "Sol#2291"),
        ("密码是Sol#2291", "Sol#2291"),
        ("mi pasaporte es XDA123456", "XDA123456"),
        ("Reisepass C01X00T47", "C01X00T47"),
        ("mi DNI es 12345678Z", "12345678Z"),
        ("meu CPF é 111.444.777-35", "111.444.777-35"),
        ("il mio codice fiscale è RSSMRA85T10A562S", "RSSMRA85T10A562S"),
        ("aadhaar 2345 6789 0123", "2345 6789 0123"),
        ("my NI number is QQ 12 34 56 C", "QQ 12 34 56 C"),
        ("身份证号11010519491231002X", "11010519491231002X"),
        ("postcode SW1A 2AA", "SW1A 2AA"),
        ("I live at k1a0b1", "k1a0b1"),
        ("my zip code is 98547", "98547"),
        ("VIN 1HGCM82633A004352", "1HGCM82633A004352"),
        ("we are at 37.774929, -122.419416", "37.774929"),
        ("gate code 4821#", "4821#"),
        ("follow me on insta @tanya.cooks", "tanya.cooks"),
        ("visa 4111 1111 1111 1111 exp 09/27", "09/27"),
        ("user@gmail,com is mine", "user@gmail"),
        ("payload: aGFucy5tdWVsbGVyQGdteC5kZQ==", "aGFucy5tdWVsbGVyQGdteC5kZQ"),
        ("mail ann%40example.com", "ann"),
        ("mi correo es carla punto ruiz arroba hotmail punto com", "ruiz arroba"),
        ("contact: \\u0061nn@example.com", "nn@example"),
        ("PSC 3117, Box 609, APO AA 34044", "3117"),
        ("ship it to four fifteen maple avenue", "maple"),
        ("收件地址：北京市朝阳区建国路88号", "建国路88号"),
        ("Ich wohne in der Lindenstraße 14, 80331 München", "Lindenstraße 14"),
        ("vivo en Calle Mayor 12, 28013 Madrid", "Mayor 12"),
    ],
)
def test_what_is_announced_in_any_language_goes(text: str, value: str) -> None:
    assert value not in scrub(text).texts[0]


@given(st.integers(10**8, 10**12))
def test_an_id_a_count_and_a_time_are_no_accounts(number: int) -> None:
    for around in (
        "order {}",
        "ts={}",
        "{} bytes",
        "took {} ms",
        "batch {} is done",
        '{{"seq": {}}}',
    ):
        text = around.format(number)
        assert scrub(text).texts == (text,)


@pytest.mark.parametrize(
    "text",
    [
        "I bank with Wells Fargo",
        "a glass of Jack Daniel's please",
        "set it in Times New Roman",
        "mark my words",
        "it listens at 127.0.0.1 and 0.0.0.0",
        "version 10.2.31.4 is out",
        "0.4111111111111111 of it",
        "123e4567-e89b-12d3-a456-426614174000",
        "the party on 14/03/2026 starts at six",
        "the firm was born in 2019. The sale starts 03/04/2026",
    ],
)
def test_what_only_looks_like_a_person_s_stays(text: str) -> None:
    assert scrub(text).texts == (text,)
