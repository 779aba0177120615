"""Claims about pii/scripts.py: what a finder cannot read is not learned."""

import pytest

from kaeshi.pii.finders.word_lists import ListedNames
from kaeshi.pii.scripts import LATIN, unread


@pytest.mark.parametrize(
    ("text", "script"),
    [
        ("我叫王小明", "CJK"),
        ("меня зовут Олег", "CYRILLIC"),
        ("मेरा नाम राम है", "DEVANAGARI"),
        ("اسمي أحمد", "ARABIC"),
        ("제 이름은 민준입니다", "HANGUL"),
    ],
)
def test_the_first_script_that_is_not_read_has_a_name(text: str, script: str) -> None:
    assert unread(["hello", text], LATIN) == script
    assert unread([text], None) is None
    assert unread([text], LATIN | {script}) is None


@pytest.mark.parametrize(
    "text",
    ["Zażółć gęślą jaźń", "café ☕ 😀 ™ №5", "ﬁne", "Ｈｅｌｌｏ", "α = 2", "naïve – “ok”", "x² µ"],
)
def test_signs_and_latin_letters_are_read(text: str) -> None:
    assert unread([text], ListedNames.reads) is None
