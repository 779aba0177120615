"""Questions and answers as teams have them: tables, sheets, JSON, Markdown and HTML."""

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path
from typing import NamedTuple

from kaeshi.errors import InvalidInput, MissingExtra
from kaeshi.formats.logs import source

MARKDOWN = (".md", ".markdown")
HTML = (".html", ".htm")
SHEET = (".xlsx",)
RECORDS = (".csv", ".tsv", ".json", ".jsonl", ".ndjson", ".gz", ".zst")
QUESTION = ("question", "q", "title", "query")
ANSWER = ("answer", "a", "text", "body", "content")
LISTS = (*source.LISTS, "articles", "entries", "faqs", "questions")
MOST_CHARACTERS = 10_000
_HEADING = re.compile(r"#{1,6}\s+(.*?)\s*#*\s*$")
_FENCE = re.compile(r"\s*(```|~~~)")
_TAGS = "p div br ul ol li h1 h2 h3 h4 h5 h6 strong em b i a span table tr td"
_TAG = re.compile(rf"</?(?:{'|'.join(_TAGS.split())})\b[^>]*>", re.IGNORECASE)


class Written(NamedTuple):
    """A question with its answer, as a team wrote it: see `Entry`.

    `conversation`: where the question was asked, if it is a customer's.
    """

    question: str
    answer: str
    entity: str = ""
    valid_from: datetime | None = None
    valid_until: datetime | None = None
    conversation: str | None = None


class Pair(NamedTuple):
    """What stands at a place; or what is wrong there."""

    where: str
    pair: Written | InvalidInput


def files(paths: list[Path]) -> list[Path]:
    """The files, and those of folders that are of a known kind, in the order of their names."""
    known = (*MARKDOWN, *HTML, *SHEET, *RECORDS)
    return [
        file
        for path in paths
        for file in (
            sorted(
                each
                for each in path.rglob("*")
                if each.suffix.lower() in known and not each.name.startswith((".", "~$"))
            )
            if path.is_dir()
            else [path]
        )
    ]


def pairs(path: Path) -> Iterator[Pair]:
    """A file's questions with their answers.

    Markdown, HTML and sheets are known by their names: a heading with text below it is a question.
    Any other file holds records, as logs do, with a question and an answer. Raises InvalidInput for
    an unreadable file, and MissingExtra where a library is not installed.
    """
    kind = path.suffix.lower()
    if kind in MARKDOWN:
        lines = (raw.decode("utf-8", "replace") for raw in source.lines(path))
        yield from _of_markdown(lines, str(path))
    elif kind in HTML:
        text = b"\n".join(source.lines(path)).decode("utf-8", "replace")
        yield from _of_markdown(iter(_plain(text).splitlines()), str(path))
    elif kind in SHEET:
        yield from _of_sheets(path)
    else:
        for found in source.records(path, LISTS):
            for record in _listed(found.record):
                yield Pair(found.where, _of_record(record))


def _listed(record: object) -> list[object]:
    """A document's records, where it is written in one line."""
    if isinstance(record, Mapping):
        for name in LISTS:
            if isinstance(record.get(name), list):
                return list(record[name])
    return [record]


def _of_record(record: object) -> Written | InvalidInput:
    if isinstance(record, InvalidInput):
        return record
    if not isinstance(record, Mapping):
        return InvalidInput(f"a record must be an object, not {type(record).__name__}")
    named = {str(name).strip().lower(): value for name, value in record.items()}
    question = _first(named, QUESTION)
    answer = _first(named, ANSWER)
    if _TAG.search(answer):
        answer = _plain(answer)
    try:
        times = [_moment(name, named.get(name)) for name in ("valid_from", "valid_until")]
    except InvalidInput as error:
        return error
    return _checked(question, answer, str(named.get("entity") or "").strip(), *times)


def _first(named: Mapping[str, object], names: tuple[str, ...]) -> str:
    """The first of these fields that holds a text; empty without one."""
    return next((said for n in names if isinstance(said := named.get(n), str)), "")


def _moment(name: str, value: object) -> datetime | None:
    if value is None or value == "":
        return None
    try:
        at = value if isinstance(value, datetime) else datetime.fromisoformat(str(value).strip())
    except ValueError as error:
        msg = f"its {name} {str(value)[:40]!r} is not a date such as 2026-03-31"
        raise InvalidInput(msg) from error
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def _checked(
    question: str,
    answer: str,
    entity: str = "",
    since: datetime | None = None,
    until: datetime | None = None,
) -> Written | InvalidInput:
    found = Written(" ".join(question.split()), answer.strip(), entity[:200], since, until)
    for name, text in (("question", found.question), ("answer", found.answer)):
        if not text:
            return InvalidInput(f"it has no {name}")
        if len(text) > MOST_CHARACTERS:
            return InvalidInput(f"its {name} has {len(text)} characters; at most {MOST_CHARACTERS}")
    return found


def _of_markdown(lines: Iterator[str], name: str) -> Iterator[Pair]:
    """Headings that text follows; those that only other headings follow are chapters."""
    heading = ""
    where = ""
    below: list[str] = []
    is_code = False
    for number, raw in enumerate(lines, 1):
        line = raw.rstrip("\r\n")
        is_code ^= _FENCE.match(line) is not None
        found = None if is_code else _HEADING.match(line)
        if found is None:
            below.append(line)
            continue
        yield from _section(where, heading, below)
        heading = found[1]
        where = f"{name}, line {number}"
        below = []
    yield from _section(where, heading, below)


def _section(where: str, heading: str, below: list[str]) -> Iterator[Pair]:
    text = "\n".join(below).strip()
    if heading and text:
        yield Pair(where, _checked(heading, text))


def _plain(html: str) -> str:
    """HTML as Markdown, headings as #. Raises MissingExtra."""
    try:
        from bs4 import BeautifulSoup
        from markdownify import markdownify
    except ImportError as error:
        raise _missing("HTML", "markdownify") from error
    page = BeautifulSoup(html, "html.parser")
    for hidden in page(["script", "style", "head", "template"]):
        hidden.decompose()
    text: str = markdownify(str(page), heading_style="ATX", strip=["a", "img"])
    return text.strip()


def _of_sheets(path: Path) -> Iterator[Pair]:
    """The rows of every sheet whose first row names a question and an answer."""
    try:
        from openpyxl import load_workbook
    except ImportError as error:
        raise _missing("XLSX", "openpyxl") from error
    try:
        book = load_workbook(path, read_only=True, data_only=True)
    except Exception as error:  # a foreign file may break its reader in any way
        msg = f"{path} cannot be read as a sheet: {type(error).__name__}; save it again as XLSX"
        raise InvalidInput(msg) from error
    for sheet in book.worksheets:
        rows = sheet.iter_rows(values_only=True)
        head = [str(name or "") for name in next(rows, ())]
        for number, row in enumerate(rows, 2):
            if any(value is not None for value in row):
                record = dict(zip(head, row, strict=False))
                yield Pair(f"{path}, {sheet.title}, row {number}", _of_record(record))


def _missing(kind: str, library: str) -> MissingExtra:
    return MissingExtra(
        f"{kind} needs {library}, which is not installed; type: pip install 'kaeshi[documents]'"
    )


def every(paths: list[Path]) -> Iterator[Pair]:
    """The questions of all files and folders."""
    return chain.from_iterable(map(pairs, files(paths)))
