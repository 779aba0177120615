"""Claims about pii/finders/known.py: brands and parts of programs name no person."""

import pytest

from kaeshi.pii.finders.known import is_identifier, known_to_all


@pytest.mark.parametrize(
    ("text", "name", "expected"),
    [
        ("I bank with Wells Fargo", "Wells", True),
        ("a Jack Daniel's, neat", "Jack Daniel's", True),
        ("route it to Claude Haiku", "Claude", True),
        ("my friend Claude cooks", "Claude", False),
        ("She named him Oscar", "Oscar", False),
        ("he won an Oscar award", "Oscar", True),
        ("Jack Nicholson called", "Jack Nicholson", False),
    ],
)
def test_a_name_is_a_brand_s_where_its_words_say_so(text: str, name: str, expected: bool) -> None:
    at = text.index(name)
    assert known_to_all(text, at, at + len(name)) is expected


@pytest.mark.parametrize(
    ("text", "name", "expected"),
    [
        ("call mark_paid()", "mark", True),
        ("JuanBuilder", "Juan", True),
        ("Billing.Mark.01", "Mark", True),
        ("_Nikolai Petrov_", "Nikolai Petrov", False),
        ("Ask Mark. Then go", "Mark", False),
    ],
)
def test_a_part_of_an_identifier_is_no_name(text: str, name: str, expected: bool) -> None:
    at = text.index(name)
    assert is_identifier(text, at, at + len(name)) is expected
