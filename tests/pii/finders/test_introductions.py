"""Claims about pii/finders/introductions.py: how people say their names in other languages."""

import pytest

from kaeshi import scrub


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("hola, me llamo Zorana Quispe y quiero una mesa", "Zorana Quispe"),
        ("ich heiße Zorblax und möchte bestellen", "Zorblax"),
        ("je m'appelle Odile Quenneville", "Odile Quenneville"),
        ("mi chiamo Zeno Quadri", "Zeno Quadri"),
        ("meu nome é Zuleide Quaresma", "Zuleide Quaresma"),
        ("mijn naam is Zwaantje de Quay", "Zwaantje de Quay"),
        ("меня зовут Олег Шевчук", "Олег Шевчук"),
        ("我叫王小明。", "王小明"),
        ("मेरा नाम राम कुमार है", "राम कुमार"),
        ("제 이름은 김민준입니다", "김민준"),
        ("اسمي أحمد حسن", "أحمد حسن"),
    ],
)
def test_a_name_that_is_introduced_goes(text: str, name: str) -> None:
    assert name not in scrub(text).texts[0]
