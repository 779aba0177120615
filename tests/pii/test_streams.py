"""Claims about scrub_stream: nothing is cut in two."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kaeshi.pii.api import LINE, scrub_stream

VALUES = [
    "4111 1111 1111 1111",
    "jay.smith@mailbox.org",
    "+1 (415) 555-0132",
    "DE89 3704 0044 0532 0130 00",
]
FILL = "we would like the grill for the garden "


@settings(max_examples=25)
@given(st.sampled_from(VALUES), st.integers(-40, 10), st.sampled_from([1, 7, 997, 100_000]))
def test_a_value_across_the_cut_is_found_however_the_pieces_come(
    value: str, at: int, size: int
) -> None:
    before = (FILL * 200)[: LINE + at - 1] + " "
    text = f"{before}{value} thanks {FILL * 100}"
    made = "".join(scrub_stream(text[i : i + size] for i in range(0, len(text), size)))
    assert value not in made
    assert made.startswith(before)
    assert made.count("[") == 1
    assert made == "".join(scrub_stream([text]))


@pytest.mark.parametrize(
    "text",
    ["my card is 4111-1111-\n1111-1111\nok\n", "phone 212-555-\n0144\n", "SSN: 231-\n45-6678"],
)
def test_a_number_that_wraps_is_one(text: str) -> None:
    for pieces in ([text], [*text]):
        made = "".join(scrub_stream(pieces))
        assert not any(c.isdigit() for c in made.replace("_1]", ""))


def test_one_value_longer_than_a_line_goes_whole() -> None:
    token = "eyJ" + "aB3" * 600 + "." + "cD4" * 1_300
    made = "".join(scrub_stream([f"the token is {token} end"]))
    assert "aB3" not in made
    assert "cD4" not in made
