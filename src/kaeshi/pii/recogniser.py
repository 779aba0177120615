"""A recogniser: one bounded expression, its trigger, and its checks."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

Check = Callable[[str, int, int], bool]


Shorten = Callable[[str, int, int], int | None]


I = re.IGNORECASE  # noqa: E741  # the flag's own short name


class Lazy:
    """An expression that is compiled when it is first tried.

    A single text needs few of them, and compiling all takes as long as loading a model.
    """

    def __init__(self, expression: str, flags: int = 0) -> None:
        self._expression = expression
        self._flags = flags

    @cached_property
    def compiled(self) -> re.Pattern[str]:
        """The compiled expression."""
        return re.compile(self._expression, self._flags)


class Ascii(Lazy):
    """An expression whose letters, digits and word borders are ASCII's."""

    def __init__(self, expression: str, flags: int = 0) -> None:
        super().__init__(expression, flags | re.ASCII)


@dataclass(frozen=True, kw_only=True)
class Recogniser:
    """One way to recognise one type.

    `group`: the personal part. `reach`: how many characters before and after its trigger are
    searched. `at_least`, `at_most`: digits of the number that triggers it. `needs`: what must stand
    in or beside that number. `bare`: True if the number must have no punctuation, False if it must
    have some, None for either. `said`: cues (lower case) of which one must stand at most
    `said_within` characters before, or right after. `words`: cues (lower case) that trigger it
    instead of a number. `shorten`: where a match really ends, or None if it is not one. `before`:
    what must stand right before the cue.
    """

    type: str
    name: str
    pattern: Lazy
    words: tuple[str, ...] = ()
    before: re.Pattern[str] | None = None
    at_least: int = 4
    at_most: int = 1_000_000
    needs: str = ""
    bare: bool | None = None
    said: tuple[str, ...] = ()
    said_within: int = 160
    reach: tuple[int, int] = (6, 12)
    check: Check | None = None
    shorten: Shorten | None = None
    group: int = 0
    score: float = 0.9

    @cached_property
    def said_in_ascii(self) -> tuple[str, ...]:
        """The cues that may stand in a text of ASCII."""
        return tuple(word for word in self.said if word.isascii())


def near(words: str, before: int, *, turns: int = 1, after: int = 0) -> Check:
    """Whether one of `words` is near the match.

    In the `before` characters ahead of it, at most `turns` turns back, or right `after` it.
    """
    said = Lazy(words, I)

    def check(text: str, start: int, end: int) -> bool:
        window = text[max(0, start - before) : start]
        if "\0" in window:
            window = "\0".join(window.rpartition("\0\0")[2].split("\0")[-1 - turns :])
        if said.compiled.search(window) is not None:
            return True
        return (
            after > 0
            and said.compiled.search(text[end : end + after].partition("\0")[0]) is not None
        )

    return check


def both(*checks: Check) -> Check:
    """A check that holds when all of them hold."""
    return lambda text, start, end: all(check(text, start, end) for check in checks)


def no(check: Check) -> Check:
    """A check that holds when that one does not."""
    return lambda text, start, end: not check(text, start, end)
