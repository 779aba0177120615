"""Lines of JSON and of CSV that are scrubbed value by value and written back as they were.

A row is one conversation, its values the turns, each with its field's name as the context. What is
not replaced keeps its bytes: spaces, escapes, quotes and line ends.
"""

import csv
import io
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

from kaeshi.errors import InvalidInput
from kaeshi.pii.fields import Leaf, leaves

LONGEST = 10_000_000  # characters of a row of CSV, which a quote that never ends would exceed


class Row(NamedTuple):
    """One row. `text`: what is scrubbed, as JSON. `within`: the places that may change; None: all.

    `cells`: where each value stands in `raw`, for CSV; a JSON line is its own text.
    """

    raw: str
    text: str
    within: tuple[tuple[int, int], ...] | None = None
    cells: tuple[tuple[int, int], ...] | None = None

    def written(self, text: str, safe: Callable[[str], str] = str) -> str:
        """The row with its text replaced. `safe`: what makes a cell harmless to a spreadsheet."""
        if self.cells is None:
            return text + self.raw[len(self.raw.rstrip("\r\n")) :]
        fresh = (
            (place, safe(value), old)
            for place, value, old in zip(self.cells, _values(text), _values(self.text), strict=True)
        )
        return self._with_cells([(place, value) for place, value, old in fresh if value != old])

    def _with_cells(self, changed: Sequence[tuple[tuple[int, int], str]]) -> str:
        pieces = []
        last = 0
        for (start, end), value in changed:
            quoted = self.raw[start : start + 1] == '"'
            pieces += [self.raw[last:start], _cell(value, quoted=quoted)]
            last = end
        return "".join([*pieces, self.raw[last:]])


def _values(text: str) -> list[str]:
    return [value for _, value in json.loads(text, object_pairs_hook=list)]


def json_row(line: str, fields: Sequence[str] = ()) -> Row:
    """A line of JSON. `fields`: names of those that may change; empty: all.

    Raises ValueError for what is not JSON.
    """
    text = line.rstrip("\r\n")
    json.loads(text)
    return Row(line, text, tuple(_within(text, fields)) if fields else None)


def _within(text: str, fields: Sequence[str]) -> Iterator[tuple[int, int]]:
    """Where the values of the fields stand, whatever is inside them."""
    decoder = json.JSONDecoder()
    for name in fields:
        sought = json.dumps(name, ensure_ascii=False)
        at = text.find(sought)
        while at >= 0:
            rest = text[at + len(sought) :].lstrip(" \t\r\n")
            if rest.startswith(":"):
                start = len(text) - len(rest[1:].lstrip(" \t\r\n"))
                _, end = decoder.raw_decode(text, start)
                yield start, end
            at = text.find(sought, at + 1)


def csv_rows(lines: Iterable[str]) -> Iterator[tuple[str, list[str], list[tuple[int, int]]]]:
    """Each row of CSV as it stands, with its cells' values and places.

    A cell in quotes may hold line ends. Raises InvalidInput for a quote that never ends.
    """
    held = ""
    for line in lines:
        held += line
        if held.count('"') % 2 == 0:
            yield held, *_cells(held)
            held = ""
        elif len(held) > LONGEST:
            break
    if held:
        msg = f"CSV: a quote begins in {held[:60]!r} and never ends"
        raise InvalidInput(msg)


def _cells(row: str) -> tuple[list[str], list[tuple[int, int]]]:
    values = []
    places = []
    end = len(row.rstrip("\r\n")) if not row.rstrip("\r\n").endswith('"') else row.rindex('"') + 1
    start = 0
    while True:
        stop = _cell_end(row, start, end)
        values.append(
            next(csv.reader(io.StringIO(row[start:stop], newline="")), [""])[0]
            if stop > start
            else ""
        )
        places.append((start, stop))
        if stop >= end:
            return values, places
        start = stop + 1


def _cell_end(row: str, start: int, end: int) -> int:
    at = start
    if row[start : start + 1] == '"':
        at = start + 1
        while (quote := row.find('"', at)) >= 0:
            if row[quote + 1 : quote + 2] != '"':
                at = quote + 1
                break
            at = quote + 2
    comma = row.find(",", at, end)
    return comma if comma >= 0 else end


def csv_row(
    raw: str,
    head: Sequence[str],
    values: Sequence[str],
    places: Sequence[tuple[int, int]],
    columns: Sequence[int],
) -> Row:
    """A row of CSV, of which `columns` may change."""
    there = [i for i in columns if i < len(values)]
    fields = (f"{_string(head[i] if i < len(head) else '')}: {_string(values[i])}" for i in there)
    return Row(raw, "{" + ", ".join(fields) + "}", None, tuple(places[i] for i in there))


def _string(value: str) -> str:
    return json.dumps(value, ensure_ascii=False)


def _cell(value: str, *, quoted: bool) -> str:
    if quoted or any(sign in value for sign in ',"\r\n'):
        return '"' + value.replace('"', '""') + '"'
    return value


def leaf_at(text: str, start: int, end: int) -> tuple[Leaf | None, int, int]:
    """The value of a JSON text in which a finding lies, and its place in the value."""
    for leaf in leaves(text):
        if leaf.places[0] <= start and end <= leaf.places[-1]:
            first = next(i for i, place in enumerate(leaf.places) if place >= start)
            last = next(i for i, place in enumerate(leaf.places) if place >= end)
            return leaf, first, last
    return None, start, end
