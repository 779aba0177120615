"""Claims about rules/knowledge.py."""

import json

import numpy as np
import pytest

from kaeshi.nouns import (
    HAND_OVER,
    Drop,
    Entry,
    Example,
)
from kaeshi.rules import knowledge
from rule_samples import NOW, SIGNALS


def example(question: str, answer: str) -> Example:
    messages = ({"role": "user", "content": question}, {"role": "assistant", "content": answer})
    return Example(
        id="e",
        conversation="c",
        body=json.dumps(messages),
        intent="",
        started_at=NOW,
        signals=SIGNALS,
        consent="granted",
        scrubber="1",
    )


@pytest.mark.parametrize(
    ("question", "answer", "reason"),
    [
        ("How much is the deposit?", "A deposit of 100 dollars holds it.", None),
        ("My name is [PERSON_1], how much?", "It is 100 dollars.", "placeholder"),
        ("How much is the deposit?", "It is 100, [PERSON_1].", "placeholder"),
        ("How much is the deposit?", "You are welcome!", "small_talk"),
        ("How much is the deposit?", "For which date is it?", "answers_with_a_question"),
        ("Friday maybe", "It is 100 dollars.", "too_short"),
    ],
)
def test_only_what_stands_on_its_own_becomes_knowledge(
    question: str, answer: str, reason: str | None
) -> None:
    verdict = knowledge.choose(example(question, answer))
    assert (verdict.reason if isinstance(verdict, Drop) else None) == reason


def entries(*pairs: tuple[str, str]) -> list[Entry]:
    return [
        Entry(
            id=f"e{i}",
            assistant="main",
            question=question,
            answer=answer,
            state="proposed" if i else "approved",
            at=NOW,
        )
        for i, (question, answer) in enumerate(pairs)
    ]


@pytest.mark.parametrize(
    ("known", "new"),
    [
        ("Kids pay $5 a plate.", "Kids pay €5 a plate."),
        ("We take 3.5 percent.", "We take 3 5 percent."),
        ("You get 10 dollars.", "You get -10 dollars."),
    ],
)
def test_a_sign_or_a_currency_makes_another_answer(known: str, new: str) -> None:
    both = entries(("What do kids pay?", known), ("what do kids pay", new))
    assert knowledge.opposed(both, np.eye(2, dtype=np.float32)) == {"e1"}
    same = entries(("What do kids pay?", known), ("what do kids pay", known.upper() + " "))
    assert knowledge.opposed(same, np.eye(2, dtype=np.float32)) == set()


def test_letters_that_look_like_others_wait_for_a_person() -> None:
    disguised = entries(
        ("Are you open on Sundays?", "Yes, we are open."),
        ("\u0410re you open on Sund\u0430ys?", "No, never open."),
        ("Работаете ли вы по воскресеньям?", "Да, мы открыты."),
    )
    assert knowledge.opposed(disguised, np.eye(3, dtype=np.float32)) == {"e1"}


def test_the_answer_to_what_was_handed_over_is_the_colleagues() -> None:
    asked = {"role": "user", "content": "Do you cook on Sundays?"}
    over = {"role": "assistant", "content": HAND_OVER}
    reply = {"role": "assistant", "content": "Yes, from noon on."}
    assert knowledge.question_and_answer([asked, over, reply]) == (
        "Do you cook on Sundays?",
        "Yes, from noon on.",
    )
    assert knowledge.question_and_answer([asked, over]) == ("Do you cook on Sundays?", HAND_OVER)
