"""Claims about pii/split.py."""

import pytest

from kaeshi import scrub


@pytest.mark.parametrize(
    "turns",
    [
        ["my card is 4111 1111", "1111 1111 thanks"],
        ["it's 4111 1111", "go on", "11111111"],
        ["4111", "1111", "1111", "1111"],
        ["my social is 536", "22", "8145"],
        ["write to ann@", "example.com"],
        ["what number can we reach you at?", "415", "555", "and then 0132"],
        ["write to ann.bennett", "@example.com please"],
    ],
)
def test_a_value_in_pieces_is_found_in_each(turns: list[str]) -> None:
    scrubbed = " ".join(scrub(turns).texts)
    assert not any(
        piece in scrubbed
        for piece in ("1111", "536", "8145", "415", "0132", "example.com", "bennett")
    )
