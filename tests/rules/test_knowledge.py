"""Claims about rules/knowledge.py."""

import json

import pytest

from kaeshi.nouns import (
    Drop,
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
