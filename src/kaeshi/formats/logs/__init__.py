"""Logs as teams have them: each file is read as log records, whatever wrote it."""

from collections.abc import Iterator, Mapping
from itertools import chain
from pathlib import Path
from typing import NamedTuple

from kaeshi.errors import InvalidInput
from kaeshi.formats.logs import (
    alpaca,
    completions,
    intercom,
    langfuse,
    otel,
    own,
    sharegpt,
    table,
    zendesk,
)
from kaeshi.formats.logs.grouping import MOST_PIECES, grouped
from kaeshi.formats.logs.shape import Format, Json, Log, Piece
from kaeshi.formats.logs.source import LISTS, Found, records

# the first that recognises one of a file's first records reads the file
FORMATS: tuple[Format, ...] = tuple(
    module.FORMAT
    for module in (own, sharegpt, alpaca, completions, intercom, zendesk, otel, langfuse)
)
NAMES = (*(each.name for each in FORMATS), "csv")
_LISTS = tuple(path for each in FORMATS for path in each.lists)


LOOKED_AT = 20  # records in which a file's format is looked for


class Read(NamedTuple):
    """A conversation and its place in the file, or what is wrong there.

    `raw`: the line that it was read from; empty for a document and a table.
    """

    where: str
    log: Log | InvalidInput
    raw: bytes = b""


def read(path: Path, name: str | None = None, columns: str | None = None) -> Iterator[Read]:
    """A file's conversations; a record that cannot be read comes as an InvalidInput.

    `name`: one of NAMES, for a file that is not recognised; `columns`: of a table, as in
    `conversation=ticket,content=words`. Raises InvalidInput for a file that is unreadable, or a
    name that is none.
    """
    chosen = None if name is None else _named(name, columns)
    if chosen is None and columns is not None:
        chosen = table.format_of(table.named(columns))
    found = _unfolded(records(path, _LISTS))
    form = None
    unknown: list[Found] = []
    for each in found:
        if not isinstance(each.record, dict):
            yield _refused(each)
            continue
        form = chosen or _form_of(each)
        if form is not None:
            break
        unknown.append(each)
        if len(unknown) == LOOKED_AT:
            break
    yield from _unknown(unknown, form)
    if form is not None:
        yield from _read(form, chain([each], found))


def _unknown(first: list[Found], form: Format | None) -> Iterator[Read]:
    """What is said of records before the first that is known; once where none is."""
    for each in first:
        if form is not None:
            yield Read(
                each.where, InvalidInput(f"it is no record of {form.name}, as later ones are")
            )
            continue
        fields = ", ".join(map(str, each.record))[:200]
        why = (
            f"none of the known formats: it has the fields {fields}; name the format with --format "
            f"({', '.join(NAMES)})"
        )
        yield Read(each.where, InvalidInput(why))
        return


def _named(name: str, columns: str | None) -> Format:
    if name == "csv":
        return table.format_of(table.named(columns) if columns else None)
    found = next((each for each in FORMATS if each.name == name), None)
    if found is None:
        msg = f"--format {name!r} is none of {', '.join(NAMES)}"
        raise InvalidInput(msg)
    return found


def _form_of(first: Found) -> Format | None:
    found = next((each for each in FORMATS if each.recognises(first.record)), None)
    is_table = found is None and _is_row(first.record)
    return table.format_of() if is_table else found


def _is_row(record: Mapping[str, object]) -> bool:
    """Whether all of it is text, as a table's rows are."""
    return bool(record) and all(isinstance(cell, str) or cell is None for cell in record.values())


def _unfolded(found: Iterator[Found]) -> Iterator[Found]:
    """The records; of an object on one line that only holds a list of them, those of the list."""
    for each in found:
        # a document and a table were unfolded as they were read
        inner = _inner(each.record) if each.raw else None
        if inner is None:
            yield each
            continue
        for number, record in enumerate(inner, 1):
            yield Found(f"{each.where}, record {number}", record)


def _inner(record: object) -> list[object] | None:
    if not isinstance(record, dict) or any(each.recognises(record) for each in FORMATS):
        return None
    for name in (*LISTS, *_LISTS):
        listed = record.get(name)
        if isinstance(listed, list) and listed and isinstance(listed[0], dict):
            return listed
    return None


def _refused(each: Found) -> Read:
    if isinstance(each.record, InvalidInput):
        return Read(each.where, each.record)
    why = f"a record must be a JSON object, not {type(each.record).__name__}"
    return Read(each.where, InvalidInput(why))


def _read(form: Format, found: Iterator[Found]) -> Iterator[Read]:
    if form.log is not None:
        for each in found:
            yield _one(form, form.log, each)
        return
    bad: list[Read] = []
    for where, conversation, pieces in grouped(_pieces(form, found, bad)):
        assert form.together is not None  # a format has either
        if len(pieces) > MOST_PIECES:
            why = f"conversation {conversation[:60]!r} has more than {MOST_PIECES} pieces"
            yield Read(where, _as_taken(form, InvalidInput(why)))
            continue
        try:
            yield Read(where, form.together(conversation, pieces))
        except (InvalidInput, TypeError, ValueError, KeyError, AttributeError) as error:
            yield Read(where, _as_taken(form, error))
    yield from bad


def _pieces(form: Format, found: Iterator[Found], bad: list[Read]) -> Iterator[tuple[str, Piece]]:
    assert form.pieces is not None  # a format has either
    for each in found:
        if not isinstance(each.record, dict):
            bad.append(_refused(each))
            continue
        try:
            for piece in form.pieces(each.record):
                yield each.where, piece
        except (InvalidInput, TypeError, ValueError, KeyError, AttributeError) as error:
            bad.append(Read(each.where, _as_taken(form, error)))


def _one(form: Format, log: object, each: Found) -> Read:
    if not isinstance(each.record, dict):
        return _refused(each)
    assert callable(log)
    try:
        return Read(each.where, log(each.record), each.raw)
    except (InvalidInput, TypeError, ValueError, KeyError, AttributeError) as error:
        return Read(each.where, _as_taken(form, error))


def _as_taken(form: Format, error: Exception) -> InvalidInput:
    """What is wrong, with the format that the record was taken for."""
    why = str(error) if isinstance(error, InvalidInput) else f"{type(error).__name__}: {error}"
    return InvalidInput(f"taken for {form.name}: {why}")


__all__ = ["FORMATS", "NAMES", "Format", "Json", "Log", "Piece", "Read", "read"]
