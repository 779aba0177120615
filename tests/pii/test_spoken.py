"""Claims about pii/spoken.py: numbers said in words."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kaeshi import scrub
from kaeshi.pii.spoken import spoken

UNITS = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
TEENS = [
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
]
TENS = ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]


def _pair(pair: str) -> str:
    if pair[0] in "01" or pair[1] == "0":
        return (
            TEENS[int(pair[1])]
            if pair[0] == "1"
            else f"{UNITS[int(pair[0])]} {UNITS[int(pair[1])]}"
        )
    return f"{TENS[int(pair[0]) - 2]} {UNITS[int(pair[1])]}"


def _said(digits: str, grouping: int) -> str:
    """Digit by digit, with doubles, in pairs, or with "uh" between groups."""
    if grouping == 1:
        return " ".join(
            f"double {UNITS[int(d)]}" if d == e else f"{UNITS[int(d)]} {UNITS[int(e)]}"
            for d, e in zip(digits[::2], digits[1::2], strict=True)
        )
    if grouping == 2:
        return " ".join(_pair(digits[i : i + 2]) for i in range(0, len(digits), 2))
    gap = ", uh " if grouping == 3 else " "
    return gap.join(
        " ".join(UNITS[int(d)] for d in digits[i : i + 4]) for i in range(0, len(digits), 4)
    )


@given(
    st.from_regex(r"[2-9]01[2-9]55(?!1212)[1-9]2[0-9]3", fullmatch=True),
    st.integers(0, 3),
    st.sampled_from(["my number is {}", "call me at {} please", "{}"]),
)
def test_a_phone_in_words_goes_in_any_grouping(digits: str, grouping: int, around: str) -> None:
    said = _said(digits, grouping)
    found = scrub(around.format(said))
    assert found.texts[0] == around.format("[PHONE_1]")


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("my social is one two three, four five, six seven eight nine", "SSN"),
        ("the pin is four eight two one", "PIN"),
        ("gate code is four eight two one", "ACCESS_CODE"),
        ("card four one one one one one one one one one one one one one one one", "CREDIT_CARD"),
        ("mi pin es cuatro ocho dos uno", "PIN"),
        ("account number nine five three eight one nine zero one", "BANK_ACCOUNT"),
    ],
)
def test_what_a_number_is_follows_from_what_is_said_before_it(text: str, kind: str) -> None:
    assert dict(scrub(text).counts) == {kind: 1}


@pytest.mark.parametrize(
    "text",
    [
        "one two three four five six seven eight nine ten",
        "transfer one thousand three hundred and forty bucks",
        "we are two adults and three kids at seven thirty",
        "two hundred and fifty five people",
    ],
)
def test_counts_and_sums_stay(text: str) -> None:
    assert scrub(text).texts == (text,)
    assert not list(spoken(text, text.lower()))
