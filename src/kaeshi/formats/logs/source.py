"""Reads a file of logs as records, whatever wraps them.

Compression and encoding are recognised by their first bytes. Then come lines of JSON, one JSON
document with a list in it, or a table of comma-separated values. Memory stays flat: a line, or one
record of a document, is read at a time.
"""

import codecs
import csv
import gzip
import io
import zlib
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, Any, NamedTuple, TypeAlias, cast

import ijson
import zstandard
from pydantic_core import from_json

from kaeshi.errors import InvalidInput

MAX_LINE = 32 * 1024 * 1024
LOOK = 1024 * 1024
GZIP = b"\x1f\x8b"
ZSTD = b"\x28\xb5\x2f\xfd"
SPACE = b" \t\r\n"
# after these, the format's own
LISTS = ("data", "records", "items", "results", "rows")
UTF16 = {codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}
# a brace or bracket in two bytes, where no mark says so
UNMARKED = {b"{\0": "utf-16-le", b"[\0": "utf-16-le", b"\0{": "utf-16-be", b"\0[": "utf-16-be"}


Stream: TypeAlias = "io.BufferedReader[io.RawIOBase]"


class Found(NamedTuple):
    """A record and its place in the file, or what is wrong there.

    `raw`: the line that it was read from, empty for documents and tables.
    """

    where: str
    record: Any
    raw: bytes = b""


def records(path: Path, lists: Sequence[str]) -> Iterator[Found]:
    """The file's records; a bad line comes as an InvalidInput.

    `lists`: paths of lists in a document. Raises InvalidInput for a file that cannot be read to its
    end, with what was read before.
    """
    with _opened(path) as stream:
        yield from _records(stream, str(path), lists)


def lines(path: Path) -> Iterator[bytes]:
    """The file's lines in UTF-8, whatever compresses and encodes them.

    Raises InvalidInput for a file that cannot be read to its end, with what was read before.
    """
    with _opened(path) as stream:
        while line := stream.readline(MAX_LINE):
            yield line


@contextmanager
def _opened(path: Path) -> Iterator[Stream]:
    try:
        with ExitStack() as opened:
            file = opened.enter_context(path.open("rb"))
            plain = opened.enter_context(_decompressed(file))
            yield opened.enter_context(_utf8(plain))
    except (FileNotFoundError, IsADirectoryError) as error:
        what = "is a folder" if isinstance(error, IsADirectoryError) else "does not exist"
        msg = f"file {str(path)!r} {what}"
        raise InvalidInput(msg) from error
    except (OSError, EOFError, zlib.error, zstandard.ZstdError, UnicodeError) as error:
        why = getattr(error, "strerror", None) or str(error)
        msg = f"file {str(path)!r} cannot be read to its end: {why}; what is before it was read"
        raise InvalidInput(msg) from error


def _decompressed(file: io.BufferedReader) -> IO[bytes]:
    start = file.peek(4)
    if start.startswith(GZIP):
        return cast("IO[bytes]", gzip.open(file))
    if start.startswith(ZSTD):
        return cast("IO[bytes]", zstandard.ZstdDecompressor().stream_reader(file))
    return file


def _utf8(plain: IO[bytes]) -> Stream:
    """The stream as UTF-8 without a byte-order mark."""
    stream = io.BufferedReader(cast("io.RawIOBase", plain), LOOK)
    start = stream.peek(4)
    encoding = UTF16.get(start[:2]) or UNMARKED.get(start[:2])
    if encoding is not None:
        recoded = codecs.EncodedFile(stream, "utf-8", encoding)
        return io.BufferedReader(_Readable(recoded), LOOK)
    if start.startswith(codecs.BOM_UTF8):
        stream.read(len(codecs.BOM_UTF8))
    return stream


class _Readable(io.RawIOBase):
    """A recoder as a raw stream, which BufferedReader takes."""

    def __init__(self, recoder: codecs.StreamRecoder) -> None:
        self._recoder = recoder
        self._rest = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        if not self._rest:
            self._rest = self._recoder.read(len(buffer))
        part = self._rest[: len(buffer)]
        self._rest = self._rest[len(part) :]
        buffer[: len(part)] = part
        return len(part)


def _records(stream: Stream, name: str, lists: Sequence[str]) -> Iterator[Found]:
    start = stream.peek(LOOK).lstrip(SPACE)
    if not start:
        return
    if start.startswith(b"["):
        yield from _of_document(stream, name, "item")
    elif not start.startswith(b"{"):
        yield from _of_table(stream, name)
    elif _is_lines(start):
        yield from _of_lines(stream, name)
    else:
        yield from _of_object(stream, name, lists, start)


def _is_lines(start: bytes) -> bool:
    """Whether the first line is a JSON value of its own, or tries to be and fails at once."""
    first, newline, _ = start.partition(b"\n")
    if not newline and len(start) >= LOOK // 2:
        return False
    try:
        from_json(first)
    except ValueError:
        # pretty-printed documents break their first line after a brace, a comma or a bracket
        return first.rstrip()[-1:] not in {b"{", b"[", b","} and bool(newline)
    return True


def _of_lines(stream: Stream, name: str) -> Iterator[Found]:
    number = 0
    while line := stream.readline(MAX_LINE):
        number += 1
        if not line.strip():
            continue
        where = f"{name}, line {number}"
        try:
            yield Found(where, from_json(line, allow_inf_nan=False), line)
        except ValueError as error:
            why = f"not JSON: {error}; NaN, infinities and lone surrogates are not JSON either"
            yield Found(where, InvalidInput(why))


def _of_object(stream: Stream, name: str, lists: Sequence[str], start: bytes) -> Iterator[Found]:
    """The records in one object: of its list, where it has one, and else the object itself."""
    path = _list_in(start, lists)
    if path is None:
        yield from _of_document(stream, name, "")
    else:
        yield from _of_document(stream, name, path)


def _list_in(start: bytes, lists: Sequence[str]) -> str | None:
    """The path of the first known list of objects in the beginning of a document."""
    wanted = {*LISTS, *lists}
    before = ""
    try:
        for prefix, event, _ in ijson.parse(io.BytesIO(start)):
            if event == "start_map" and before in wanted and prefix == f"{before}.item":
                return str(prefix)
            before = prefix if event == "start_array" else ""
    except ijson.JSONError:  # the beginning ends in the middle
        pass
    return None


def _of_document(stream: Stream, name: str, path: str) -> Iterator[Found]:
    found = ijson.items(stream, path, use_float=True, multiple_values=True)
    number = 0
    while True:
        number += 1
        try:
            record = next(found)
        except StopIteration:
            return
        except ijson.JSONError as error:
            why = f"not JSON from here on: {' '.join(str(error).split())[:200]}"
            yield Found(f"{name}, record {number}", InvalidInput(why))
            return
        yield Found(f"{name}, record {number}", record)


def _of_table(stream: Stream, name: str) -> Iterator[Found]:
    with io.TextIOWrapper(stream, encoding="utf-8", newline="") as text:
        sample = text.readline()
        separator = max(",;\t", key=sample.count)
        head = next(csv.reader([sample], delimiter=separator), [])
        rows = csv.DictReader(text, [column.strip() for column in head], delimiter=separator)
        try:
            for row in rows:
                yield Found(f"{name}, line {rows.line_num + 1}", row)
        except csv.Error as error:
            msg = f"line {rows.line_num + 1} is no row of a table: {error}"
            raise InvalidInput(msg) from error
