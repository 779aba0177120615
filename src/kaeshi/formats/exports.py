"""Writing conversations to files: JSON lines that can be imported again, or a table for analysis.

A Parquet file has a row for each message. It needs the extra `parquet` (pyarrow).
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

from kaeshi.errors import InvalidInput, MissingExtra
from kaeshi.files import sync_folder

Json = Mapping[str, Any]
FORMATS = ("jsonl", "parquet")
SUFFIXES = {
    ".parquet": "parquet",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "jsonl",
    "": "jsonl",
}
TEXTS = ("conversation_id", "assistant", "customer_id", "consent", "source", "experiment", "arm")


class Writer(Protocol):
    """Takes records, some hundreds at a time."""

    def __call__(self, records: Sequence[Json]) -> None: ...


def format_of(path: Path, name: str | None) -> str:
    """The format that is asked for, or that the file's name says. Raises InvalidInput."""
    chosen = name or SUFFIXES.get(path.suffix.lower(), path.suffix)
    if chosen not in FORMATS:
        msg = f"format {chosen!r} is none of {', '.join(FORMATS)}; name one with --format"
        raise InvalidInput(msg)
    return chosen


@contextmanager
def writing(path: Path, form: str) -> Iterator[Writer]:
    """A writer of a file, which is there when the block ends, whole, or not at all.

    The file can be read by its owner alone. Raises MissingExtra without pyarrow.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.part")
    opened = _parquet(part) if form == "parquet" else _lines(part)
    try:
        part.unlink(missing_ok=True)
        part.touch(mode=0o600)
        with opened as write:
            yield write
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
    sync_folder(path.parent)


@contextmanager
def _lines(path: Path) -> Iterator[Writer]:
    with path.open("wb") as stream:

        def write(records: Sequence[Json]) -> None:
            stream.writelines(line(record) for record in records)

        yield write


def line(record: Json) -> bytes:
    """A record as a line of JSON."""
    return json.dumps(record, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


def _parquet(path: Path) -> AbstractContextManager[Writer]:
    try:
        import pyarrow as pa
        from pyarrow import parquet
    except ImportError as error:
        msg = "Parquet needs pyarrow, which is not installed; type: pip install 'kaeshi[parquet]'"
        raise MissingExtra(msg) from error
    time = pa.timestamp("us", tz="UTC")
    schema = pa.schema(
        [
            *((name, pa.string()) for name in TEXTS),
            ("started_at", time),
            ("closed", pa.bool_()),
            ("outcome", pa.string()),
            ("position", pa.int32()),
            ("message_id", pa.string()),
            ("role", pa.string()),
            ("content", pa.string()),
            ("message", pa.string()),
            ("at", time),
            ("model", pa.string()),
            ("confidence", pa.float64()),
            ("latency_ms", pa.float64()),
            ("cost_usd", pa.float64()),
            ("feedback", pa.string()),
        ]
    )

    @contextmanager
    def opened() -> Iterator[Writer]:
        with parquet.ParquetWriter(path, schema, compression="zstd") as table:

            def write(records: Sequence[Json]) -> None:
                rows = [row for record in records for row in rows_of(record)]
                table.write_table(pa.Table.from_pylist(rows, schema=schema))

            yield write

    return opened()


def rows_of(record: Json) -> Iterator[dict[str, Any]]:
    """A row for each message: its own fields, and those of its conversation.

    `content`: the text alone; `message`: OpenAI's whole message, and `outcome` and `feedback`, as
    JSON.
    """
    head = {name: record.get(name) for name in TEXTS}
    head["started_at"] = datetime.fromisoformat(record["started_at"])
    head["closed"] = record["closed"]
    head["outcome"] = _dumps(record["outcome"])
    for position, message in enumerate(record["messages"]):
        content = message.get("content")
        cost = message.get("cost_usd")
        yield head | {
            "position": position,
            "message_id": message["message_id"],
            "role": message["role"],
            "content": content if isinstance(content, str) else None,
            "message": _dumps({k: v for k, v in message.items() if k not in BESIDE}),
            "at": datetime.fromisoformat(message["at"]),
            "model": message.get("model"),
            "confidence": message.get("confidence"),
            "latency_ms": message.get("latency_ms"),
            "cost_usd": None if cost is None else float(cost),
            "feedback": _dumps(message.get("feedback", [])),
        }


# kaeshi's own fields beside OpenAI's
BESIDE = frozenset(
    {"message_id", "at", "confidence", "model", "latency_ms", "cost_usd", "act", "feedback"}
)


def _dumps(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True)
