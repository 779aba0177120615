"""Claims about cli/review_session.py."""

import pytest

from kaeshi.cli.review_session import Session
from kaeshi.loop import Loop
from kaeshi.steps import collection, review
from samples import learnable


class Reviewer:
    """Presses keys, gives words, and reads what is shown."""

    def __init__(self, keys: str, words: str = "") -> None:
        self._keys = list(keys)
        self._words = words
        self.shown: list[str] = []

    async def through(self, loop: Loop, count: int = 20) -> dict[str, int]:
        session = Session(loop, "ann", self._key, lambda _: self._words, self.shown.append)
        return await session.run(count)

    def _key(self) -> str:
        return self._keys.pop(0) if self._keys else "q"


async def waiting(loop: Loop, count: int) -> list[str]:
    await learnable(loop, count)
    await collection.collect(loop)
    return [item.ref for item in await review.queue(loop)]


async def states(loop: Loop) -> dict[str, str]:
    return {item.ref: item.state for item in await review.queue(loop, state=None)}


async def test_one_key_decides_about_one_item(loop: Loop) -> None:
    first, second, third, fourth = await waiting(loop, 4)
    reviewer = Reviewer("acsr", "The right answer.")
    assert await reviewer.through(loop) == {"approved": 1, "corrected": 1, "rejected": 1}
    found = await states(loop)
    assert (found[first], found[second], found[third]) == ("approved", "corrected", "proposed")
    assert fourth not in found  # a rejected example is no longer in the queue
    assert reviewer.shown[-1] == "4 of 4 seen; approved 1, corrected 1, rejected 1"


async def test_the_last_decision_can_be_undone_and_is_not_stored_before_the_next(
    loop: Loop,
) -> None:
    first, second = await waiting(loop, 2)
    reviewer = Reviewer("ruuaaq")
    assert await reviewer.through(loop) == {"approved": 2}
    assert set((await states(loop)).values()) == {"approved"}
    assert "only the last decision can be undone" in reviewer.shown
    assert {first, second} == set(await states(loop))


@pytest.mark.parametrize("end", ["q", "\x03", ""])
async def test_what_was_decided_before_the_end_is_stored(loop: Loop, end: str) -> None:
    first, _, _ = await waiting(loop, 3)
    await Reviewer("a" + end).through(loop)
    assert (await states(loop))[first] == "approved"


async def test_another_key_shows_the_keys(loop: Loop) -> None:
    await waiting(loop, 1)
    reviewer = Reviewer("xa")
    assert await reviewer.through(loop) == {"approved": 1}
    assert any(line.startswith("a approve") for line in reviewer.shown)


async def test_an_empty_queue_says_so(loop: Loop) -> None:
    reviewer = Reviewer("a")
    assert await reviewer.through(loop) == {}
    assert reviewer.shown[0] == "nothing waits for review"
