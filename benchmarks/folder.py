"""The files of a data folder whose records have a format, whatever their names.

Every benchmark that takes `--data DIR` reads what it can use there, and says what it does not. A
file is JSON lines, plain, .gz or .zst; one record that fits is enough.
"""

import argparse
import gzip
import io
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any, cast

import zstandard

Record = dict[str, Any]
SUFFIXES = (".jsonl", ".jsonl.gz", ".jsonl.zst")


def add_arguments(parser: argparse.ArgumentParser, *, required: bool = True) -> None:
    """`--data` and `--only`."""
    parser.add_argument(
        "--data", type=Path, required=required, help="a folder; every file that fits is read"
    )
    parser.add_argument("--only", nargs="+", metavar="NAME", help="only these files, by name")


def files(wanted: argparse.Namespace, fits: Callable[[Record], bool], what: str) -> dict[str, Path]:
    """The folder's files of which a record fits, by name without suffix.

    Those that do not are named on stderr. Exits where none is left.
    """
    found: dict[str, Path] = {}
    others = []
    for path in sorted(wanted.data.iterdir()):
        name = path.name.partition(".")[0]
        if wanted.only and name not in wanted.only:
            continue
        if path.name.endswith(SUFFIXES) and any(map(fits, records(path))):
            found[name] = path
        else:
            others.append(path.name)
    if others and not wanted.only:
        print(f"not read, for they hold no {what}: {', '.join(others)}", file=sys.stderr)
    if not found:
        sys.exit(f"{wanted.data} has no file with {what} (JSON lines, .gz or .zst)")
    return found


def lines(path: Path) -> Iterator[bytes]:
    """A file's lines, decompressed."""
    with _opened(path) as stream:
        yield from stream


def records(path: Path) -> Iterator[Record]:
    """A file's records; lines that hold no JSON object are passed over."""
    for line in lines(path):
        try:
            record = json.loads(line)
        except ValueError:
            continue
        if isinstance(record, dict):
            yield record


def by_time(path: Path) -> list[Record]:
    """A log's conversations in the order of their starts."""
    found = [record for record in records(path) if is_conversation(record)]
    return sorted(found, key=lambda r: (r.get("started_at") or "", r["conversation_id"]))


def is_conversation(record: Record) -> bool:
    """Whether it is a conversation with a name and texts, as docs/conversation.md has them."""
    said = record.get("messages")
    return (
        isinstance(record.get("conversation_id"), str)
        and isinstance(said, list)
        and bool(said)
        and all(isinstance(m, dict) and isinstance(m.get("content"), str | None) for m in said)
    )


def _opened(path: Path) -> IO[bytes]:
    if path.suffix == ".gz":
        return cast("IO[bytes]", gzip.open(path, "rb"))
    if path.suffix == ".zst":
        read = zstandard.ZstdDecompressor().stream_reader(path.open("rb"), closefd=True)
        return io.BufferedReader(cast("io.RawIOBase", read))
    return path.open("rb")
