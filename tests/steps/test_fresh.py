"""Claims about steps/fresh.py: held-out questions tell what a candidate would have answered."""

from dataclasses import replace
from pathlib import Path

from kaeshi.loop import Loop
from kaeshi.providers.fake import FakeChat
from kaeshi.steps import asking, fresh
from samples import different, example_row

PRICE = ("What does a party of ten cost on Friday night?", "It is 550 dollars for ten adults.")


async def test_an_answer_is_right_when_it_says_the_same_with_the_same_numbers(
    loop: Loop, tmp_path: Path
) -> None:
    rows = [PRICE, *map(different, range(3))]
    held = tmp_path / "validation.jsonl"
    held.write_bytes(b"".join(example_row(*row) for row in rows))
    answers = dict(rows) | {PRICE[0]: "It is 900 dollars for ten adults."}
    good = replace(loop, chat=FakeChat(answers=answers))
    candidate = asking.unregistered(loop.assistant, "new")
    found = await fresh.compare(good, candidate, candidate, held)
    assert found == (4, 3, 3)
    silent = await fresh.compare(loop, candidate, candidate, held)
    assert silent == (4, 0, 0)
