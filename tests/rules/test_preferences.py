"""Training rows from rated answers, in OpenAI's and TRL's formats."""

from typing import Any

import pytest

from kaeshi.errors import InvalidInput
from kaeshi.nouns import Opinion
from kaeshi.rules.preferences import Rated, liked, rows

TALK = (
    {"role": "system", "content": "the log's own prompt"},
    {"role": "user", "content": "Open on Sunday?"},
    {"role": "assistant", "content": "No."},
    {"role": "user", "content": "And on Monday?"},
    {"role": "assistant", "content": "Until nine."},
)
PROMPT = {"role": "system", "content": "Be brief."}


def opinion(**said: Any) -> Opinion:
    return Opinion(message_id="m", **said)


def made(kind: Any, form: Any, **rated: Any) -> list[dict[str, Any]]:
    return rows(Rated(messages=TALK, **rated), kind, form, "Be brief.")


@pytest.mark.parametrize(
    ("said", "found"),
    [
        ({"vote": "up"}, True),
        ({"vote": "down"}, False),
        ({"vote": "down", "rating": 5}, False),  # a thumb goes before stars
        ({"rating": 4}, True),
        ({"rating": 2}, False),
        ({"rating": 3}, None),
        ({"helpful": True}, None),
    ],
)
def test_a_thumb_says_whether_an_answer_was_liked_else_stars(said: Any, found: bool | None) -> None:
    assert liked([(2, opinion(**said))]) == ({} if found is None else {2: found})


def test_where_people_contradict_each_other_neither_counts() -> None:
    said = [(2, opinion(vote="up")), (2, opinion(vote="down")), (4, opinion(rating=5))]
    assert liked(said) == {4: True}


def test_weighted_rows_read_a_disliked_answer_and_do_not_learn_it() -> None:
    (row,) = made("sft", "openai", liked={2: False, 4: True})
    assert row["messages"] == [
        PROMPT,
        TALK[1],
        {**TALK[2], "weight": 0},
        TALK[3],
        {**TALK[4], "weight": 1},
    ]


def test_trls_rows_end_before_the_first_disliked_answer() -> None:
    assert made("sft", "trl", liked={2: False, 4: True}) == []
    (row,) = made("sft", "trl", liked={2: True, 4: False})
    assert row == {"messages": [PROMPT, TALK[1], TALK[2]]}


@pytest.mark.parametrize("form", ["openai", "trl"])
def test_without_a_liked_answer_there_is_no_weighted_row(form: str) -> None:
    assert made("sft", form, liked={2: False}) == []


def test_a_correction_is_preferred_to_the_answer_it_corrects() -> None:
    right = {"role": "assistant", "content": "Yes, until ten."}
    (row,) = made("dpo", "openai", corrections={4: "Yes, until ten."})
    assert row == {
        "input": {"messages": [PROMPT, *TALK[1:4]], "tools": [], "parallel_tool_calls": True},
        "preferred_output": [right],
        "non_preferred_output": [TALK[4]],
    }
    (row,) = made("dpo", "trl", corrections={4: "Yes, until ten."})
    assert row == {"prompt": [PROMPT, *TALK[1:4]], "chosen": [right], "rejected": [TALK[4]]}


def test_every_rated_answer_is_a_labelled_row_for_trl() -> None:
    first, second = made("kto", "trl", liked={4: True, 2: False})
    assert (first["label"], first["completion"], first["prompt"]) == (
        False,
        [TALK[2]],
        [PROMPT, TALK[1]],
    )
    assert (second["label"], second["completion"]) == (True, [TALK[4]])
    with pytest.raises(InvalidInput, match="--format trl"):
        made("kto", "openai", liked={4: True})
