"""Claims about pii/finders/spelt.py: names said letter by letter."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kaeshi.pii.finders.spelt import spelt


@given(
    st.sampled_from(["Kowalczyk", "Raghunathan", "Bennett"]),
    st.sampled_from([" ", "-", ", ", ". "]),
    st.sampled_from([str.upper, str.lower]),
)
def test_a_name_is_found_letter_by_letter(name: str, sign: str, case: object) -> None:
    letters = sign.join(case(name))  # type: ignore[operator]
    text = f"it's {name}, that's {letters} ok"
    assert [text[a:b] for a, b in spelt(text, {name.lower()})] == [letters]


def test_a_name_is_found_by_its_telephone_alphabet() -> None:
    text = "it is k as in kilo, o as in oscar, and w as in whiskey"
    assert [text[a:b] for a, b in spelt(text, set())] == [text[6:]]


@pytest.mark.parametrize("text", ["gate a b c", "plan B or C", "U.S.A. and the U.K.", "x as in y"])
def test_other_letters_are_no_names(text: str) -> None:
    assert not list(spelt(text, set()))
