"""Claims about pii/normal.py."""

from hypothesis import given
from hypothesis import strategies as st

from kaeshi import detect


@given(
    st.sampled_from(["ann@example.com", "4111 1111 1111 1111", "415-555-0132"]),
    st.sampled_from(["", "\u200b", "\u00ad", "\ufeff"]),
    st.booleans(),
    st.sampled_from(["", "é ", "😀 &amp; ", "\u200b\u200b "]),
)
def test_places_are_exact_through_every_disguise(
    value: str, hidden: str, wide: bool, before: str
) -> None:
    written = hidden.join(chr(ord(c) + 0xFEE0) if wide and c.isdigit() else c for c in value)
    found = [
        f
        for f in detect(f"{before}it is {written} ok")
        if f.type in {"EMAIL", "CREDIT_CARD", "PHONE"}
    ]
    assert [f"{before}it is {written} ok"[f.start : f.end] for f in found] == [written]
