"""An interactive session of review: one item after another, one key each."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

from kaeshi.cli.output import counts
from kaeshi.loop import Loop
from kaeshi.nouns import ReviewItem, ReviewState
from kaeshi.steps import controls
from kaeshi.steps import review as steps

KEYS = "a approve  c correct  r reject  h should hand over  s skip  u undo  q quit"
_STATES: dict[str, ReviewState] = {"a": "approved", "c": "corrected", "r": "rejected"}
HAND_OVER = "should hand over"


class Decision(NamedTuple):
    """What a reviewer decided about an item; it is stored when the next one is made."""

    item: ReviewItem
    state: ReviewState
    answer: str | None = None
    note: str = ""


@dataclass
class Session:
    """Items that wait, and what was decided about them.

    `key` asks for one key, `words` for a line; `say` shows a line. A decision about an item is one
    about all that ask the same and say the same.
    """

    loop: Loop
    by: str
    key: Callable[[], str]
    words: Callable[[str], str]
    say: Callable[[str], None]
    done: dict[str, int] = field(default_factory=dict)
    controls: dict[str, ReviewState] = field(default_factory=dict)
    pending: Decision | None = None
    can_undo: bool = False

    async def run(self, count: int) -> dict[str, int]:
        """Go through the first `count` items; how many were decided, by state."""
        waiting = await steps.queue(self.loop, limit=count)
        items, self.controls = await controls.with_controls(self.loop, waiting, self.by)
        if not items:
            self.say("nothing waits for review")
        place = 0
        while place < len(items):
            pressed = await self._asked(items, place)
            if pressed == "q":
                break
            place = (
                self._undone(place) if pressed == "u" else await self._next(items, place, pressed)
            )
        await self._store()
        self.say(f"{place} of {len(items)} seen; {counts(self.done) or 'nothing decided'}")
        return self.done

    async def _next(self, items: list[ReviewItem], place: int, pressed: str) -> int:
        """Store the decision before; keep this one until the next, so that it can be undone."""
        await self._store()
        self.pending = await self._decided(items[place], pressed)
        self.can_undo = True
        return place + 1

    async def _asked(self, items: list[ReviewItem], place: int) -> str:
        """Show an item and wait for one of the keys."""
        for line in _lines(items[place], place, len(items)):
            self.say(line)
        while True:
            pressed = (await asyncio.to_thread(self.key)).lower()
            if pressed in "acrhsuq" and len(pressed) == 1:
                return pressed
            if pressed in {"", "\x03", "\x04"}:
                return "q"
            self.say(KEYS)

    def _undone(self, place: int) -> int:
        if not self.can_undo:
            self.say("only the last decision can be undone")
            return place
        self.pending = None
        self.can_undo = False
        return place - 1

    async def _decided(self, item: ReviewItem, pressed: str) -> Decision | None:
        if pressed == "s":
            return None
        if pressed == "h":
            return Decision(item, "rejected", note=HAND_OVER)
        if pressed == "c":
            answer = await asyncio.to_thread(self.words, item.answer)
            return Decision(item, "corrected", answer) if answer.strip() else None
        return Decision(item, _STATES[pressed])

    async def _store(self) -> None:
        if self.pending is None:
            return
        item, state, answer, note = self.pending
        self.pending = None
        self.done[state] = self.done.get(state, 0) + 1 + len(item.alike)
        expected = self.controls.get(item.ref)
        if expected is not None:
            await controls.answered(self.loop, item.ref, state, expected, self.by)
            return
        for ref in (item.ref, *item.alike):
            await steps.decide(self.loop, ref, state, by=self.by, note=note, answer=answer)


def _lines(item: ReviewItem, place: int, count: int) -> list[str]:
    right = "" if item.right is None else f"  likely right {item.right:.0%}"
    alike = f"  and {len(item.alike)} alike" if item.alike else ""
    return [
        "",
        f"{place + 1}/{count}  {item.kind}{right}{alike}",
        f"  question  {item.title}",
        f"  answer    {item.answer}",
        f"  why       {item.why}",
        f"  [{KEYS}]",
    ]
