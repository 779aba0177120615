"""Claims about pii/finders/name_model.py."""

from typing import Any

import pytest

from kaeshi.pii.finders.name_model import NameModel
from kaeshi.pii.finders.word_lists import ListedNames
from kaeshi.settings import load

TURNS = [
    "Transfer 20 dollars to Khadija, please",
    "I'd like tickets for the Bryan Adams concert",
    "come to 1433 Taraval Street",
    "sounds good",
]


@pytest.fixture(params=[NameModel, ListedNames])
def finder(request: pytest.FixtureRequest) -> Any:
    return NameModel(load().models_dir) if request.param is NameModel else ListedNames()


def test_a_finder_looks_at_many_conversations_as_at_each(finder: Any) -> None:
    many = [["my name is Anna Bennett", "hello anna"], TURNS]
    assert finder.find_each(many) == [finder.find(texts) for texts in many]
    assert [[(f.start, f.end, f.type) for f in found] for found in finder.find(many[0])] == [
        [(11, 23, "PERSON")],
        [(6, 10, "PERSON")],
    ]


def test_the_model_knows_a_name_by_what_stands_around_it() -> None:
    found = NameModel(load().models_dir).find(TURNS)
    assert [[TURNS[i][f.start : f.end] for f in there] for i, there in enumerate(found)] == [
        ["Khadija"],
        [],
        ["1433 Taraval Street"],
        [],
    ]


def test_what_the_model_sees_in_a_text_is_not_changed_by_its_neighbours() -> None:
    neighbours = [
        "it's 5 pm",
        "$$$ 99999999 @@@@ Zürich!!",
        "we had Rice and soup. " * 40,
        "Ask for Rosalind Achterberg at 12 Low Row",
    ]
    alone = [NameModel(load().models_dir)._compute([text])[text] for text in TURNS]
    together = NameModel(load().models_dir)._compute([*neighbours, *TURNS])
    assert [
        [(p.start, p.end, p.type, pytest.approx(p.score, abs=1e-4)) for p in found]
        for found in alone
    ] == [[(p.start, p.end, p.type, p.score) for p in together[text]] for text in TURNS]


def test_a_long_text_is_read_in_windows_that_overlap() -> None:
    text = (
        "we had rice and soup. " * 300
        + "Please transfer it to Khadija. "
        + "we had rice and soup. " * 300
    )
    (found,) = NameModel(load().models_dir).find([text])
    assert [text[f.start : f.end] for f in found] == ["Khadija"]
