"""Claims about pii/operators.py."""

import pytest

from kaeshi import Policy, scrub
from kaeshi.errors import InvalidInput


def test_surrogates_are_nobodys_and_keep_the_format() -> None:
    text = [
        "I'm Anna Bennett, (916) 555-1234, 4111 1111 1111 1111",
        "ANNA? I am at 12 Oak Street, ann@corp.com, 10.1.2.3",
    ]
    first, second = scrub(text, Policy(operator="surrogate"), key=b"k").texts
    assert "Bennett" not in first
    assert "(916) 555-01" in first
    assert "4242 4242 4242 4242" in first
    name = first.split("I'm ")[1].split(" ")[0]
    assert name.upper() in second
    assert "@example.com" in second
    assert "192.0.2." in second


def test_a_pseudonym_is_the_same_in_every_conversation_and_another_with_another_key() -> None:
    def made(text: str, key: bytes) -> str:
        return scrub(text, Policy(operator="pseudonym"), key=key).texts[0].split()[-1]

    assert (
        made("mail ann@example.com", b"k")
        == made("or to ann@example.com", b"k")
        != made("mail ann@example.com", b"other")
    )
    with pytest.raises(InvalidInput, match="key"):
        scrub("mail ann@example.com", Policy(operator="pseudonym"))
