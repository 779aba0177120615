"""Claims about pii/records.py: rows are written back as they were."""

import csv
import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kaeshi.errors import InvalidInput
from kaeshi.pii.records import csv_row, csv_rows, json_row

cells = st.text(st.sampled_from('ab,"\n é[]{}1'), max_size=6)


@given(
    st.lists(st.lists(cells, min_size=2, max_size=3), min_size=1, max_size=3),
    st.sampled_from(["\n", "\r\n"]),
    st.booleans(),
)
def test_a_row_of_csv_that_holds_nothing_keeps_every_byte(
    rows: list[list[str]], end: str, every: bool
) -> None:
    out = io.StringIO()
    csv.writer(
        out, lineterminator=end, quoting=csv.QUOTE_ALL if every else csv.QUOTE_MINIMAL
    ).writerows(rows)
    lines = out.getvalue().split("\n")
    read = list(csv_rows([f"{line}\n" for line in lines[:-1]]))
    assert [values for _, values, _ in read] == rows
    for raw, values, places in read:
        row = csv_row(raw, ["a", "b", "c"], values, places, range(len(values)))
        assert row.written(row.text) == raw
    assert "".join(raw for raw, *_ in read) == out.getvalue()


@given(st.lists(cells, min_size=2, max_size=2), cells)
def test_a_cell_that_changes_is_read_as_written(values: list[str], fresh: str) -> None:
    out = io.StringIO()
    csv.writer(out, lineterminator="\r\n").writerow([*values, "z"])
    raw, read, places = next(csv_rows(out.getvalue().splitlines(keepends=True)))
    row = csv_row(raw, ["a", "b"], read, places, [1])
    written = row.written(json.dumps({"b": fresh}))
    assert next(csv.reader(io.StringIO(written, newline=""))) == [values[0], fresh, "z"]


def test_a_quote_that_never_ends_is_told() -> None:
    with pytest.raises(InvalidInput, match="never ends"):
        list(csv_rows(['a,"b\n', "c\n"]))


def test_only_what_is_inside_the_chosen_fields_may_change() -> None:
    row = json_row('{"id": "555-1234", "messages": [{"content": "x"}]}\r\n', ["messages"])
    assert [row.text[a:b] for a, b in row.within or ()] == ['[{"content": "x"}]']
    assert row.written("{}") == "{}\r\n"
