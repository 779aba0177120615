"""Places of digits in a text, and sets of spans without overlaps.

The first span wins; n spans take O(n log n) time.
"""

from bisect import bisect_right, insort
from collections.abc import Iterable

_ONES = bytes(49 if 48 <= code <= 57 else 48 for code in range(256))  # digits as 1, all else as 0


def digit_runs(text: str) -> list[tuple[int, int]]:
    """Runs of digits.

    Searching for one byte value is many times faster than an expression.
    """
    ones = text.encode("latin-1", "replace").translate(_ONES)
    runs = []
    at = ones.find(b"1")
    while at >= 0:
        end = ones.find(b"0", at)
        if end < 0:
            end = len(ones)
        runs.append((at, end))
        at = ones.find(b"1", end)
    return runs


class Taken:
    """Spans without overlaps, in order."""

    def __init__(self, spans: Iterable[tuple[int, int]] = ()) -> None:
        self.spans: list[tuple[int, int]] = []
        for start, end in spans:
            self.take(start, end)

    def take(self, start: int, end: int) -> bool:
        """Add a span unless it overlaps one of its two neighbours."""
        place = bisect_right(self.spans, (start, end))
        if place and self.spans[place - 1][1] > start:
            return False
        if place < len(self.spans) and self.spans[place][0] < end:
            return False
        insort(self.spans, (start, end))
        return True

    def rest(self, start: int, end: int) -> list[tuple[int, int]]:
        """The part of a span that does not overlap, without the character at the border."""
        found = []
        at = start
        for a, b in self.spans[max(bisect_right(self.spans, (start, start)) - 1, 0) :]:
            if a >= end:
                break
            if b > start:
                found.append((at, a))
                at = b
        found.append((at, end))
        return [(a + (a > start), b - (b < end)) for a, b in found if b > a]
