"""Questions and answers as teams have them: tables, JSON, and Markdown."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from kaeshi.errors import InvalidInput
from kaeshi.formats.logs import source

MARKDOWN = (".md", ".markdown")
QUESTION = ("question", "q", "title", "query")
ANSWER = ("answer", "a", "text", "body", "content")
MOST_CHARACTERS = 10_000
_HEADING = re.compile(r"#{1,6}\s+(.*?)\s*#*\s*$")
_FENCE = re.compile(r"\s*(```|~~~)")


class Pair(NamedTuple):
    """A question with its answer, and where it stands; or what is wrong there."""

    where: str
    pair: tuple[str, str] | InvalidInput


def pairs(path: Path) -> Iterator[Pair]:
    """A file's questions with their answers.

    Markdown is known by its name: a heading with text below it is a question. Any other file holds
    records, as logs do, with a question and an answer. Raises InvalidInput for an unreadable file.
    """
    if path.suffix.lower() in MARKDOWN:
        yield from _of_markdown(path)
        return
    for found in source.records(path, source.LISTS):
        for record in _listed(found.record):
            yield Pair(found.where, _of_record(record))


def _listed(record: object) -> list[object]:
    """A document's records, where it is written in one line."""
    if isinstance(record, Mapping):
        for name in source.LISTS:
            if isinstance(record.get(name), list):
                return list(record[name])
    return [record]


def _of_record(record: object) -> tuple[str, str] | InvalidInput:
    if isinstance(record, InvalidInput):
        return record
    if not isinstance(record, Mapping):
        return InvalidInput(f"a record must be an object, not {type(record).__name__}")
    named = {str(name).strip().lower(): value for name, value in record.items()}
    question = next((named[n] for n in QUESTION if isinstance(named.get(n), str)), "")
    answer = next((named[n] for n in ANSWER if isinstance(named.get(n), str)), "")
    return _checked(question, answer)


def _checked(question: str, answer: str) -> tuple[str, str] | InvalidInput:
    pair = (" ".join(question.split()), answer.strip())
    for name, text in zip(("question", "answer"), pair, strict=True):
        if not text:
            return InvalidInput(f"it has no {name}")
        if len(text) > MOST_CHARACTERS:
            return InvalidInput(f"its {name} has {len(text)} characters; at most {MOST_CHARACTERS}")
    return pair


def _of_markdown(path: Path) -> Iterator[Pair]:
    """Headings that text follows; those that only other headings follow are chapters."""
    heading = ""
    where = ""
    below: list[str] = []
    is_code = False
    for number, raw in enumerate(source.lines(path), 1):
        line = raw.decode("utf-8", "replace").rstrip("\r\n")
        is_code ^= _FENCE.match(line) is not None
        found = None if is_code else _HEADING.match(line)
        if found is None:
            below.append(line)
            continue
        yield from _section(where, heading, below)
        heading = found[1]
        where = f"{path}, line {number}"
        below = []
    yield from _section(where, heading, below)


def _section(where: str, heading: str, below: list[str]) -> Iterator[Pair]:
    text = "\n".join(below).strip()
    if heading and text:
        yield Pair(where, _checked(heading, text))
