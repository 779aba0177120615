"""Claims about pii/finders/businesses.py: a place called after somebody is nobody."""

import pytest

from kaeshi.pii.finders.businesses import BUSINESSES, names_business


@pytest.mark.parametrize(
    ("text", "name", "expected"),
    [
        ("a table at Nick's Cove", "Nick", True),
        ("a table at Nick’s Cove", "Nick’s", True),
        ("Bradley's fine Diner, it's there", "Bradley", True),
        ("It is at Ristorante Amoroma tonight", "Amoroma", True),
        ("Hotel Novotel Paris Vaugirard has rooms", "Paris Vaugirard", True),
        ("Tom's house is next to the bar", "Tom", False),
        ("Maria Restaurant called", "Maria", True),
        ("Tom Barber called", "Tom", False),
        ("is Maria at the Restaurant", "Maria", False),
        ("Maria's kitchen needs a plumber", "Maria", False),
    ],
)
def test_a_name_is_a_business_s_where_a_word_for_its_sort_is_written_large(
    text: str, name: str, expected: bool
) -> None:
    at = text.index(name)
    assert names_business(text, at, at + len(name)) is expected


@pytest.mark.parametrize("sort", sorted(BUSINESSES))
def test_each_sort_of_business_is_told_from_a_person_s_own(sort: str) -> None:
    assert names_business(f"Dana's {sort.capitalize()} is open", 0, 4)
    assert not names_business(f"Dana's {sort} is open", 0, 4)
