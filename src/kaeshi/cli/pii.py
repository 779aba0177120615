"""`kaeshi pii`: find and replace personal data in files."""

import re
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import Annotated, Any

import typer

from kaeshi.cli.output import AsJson, Database, Host, Port, Who, counts, group, show, table
from kaeshi.errors import InvalidInput
from kaeshi.formats.logs.source import lines
from kaeshi.nouns import NameFinder
from kaeshi.pii import detect_texts
from kaeshi.pii.api import ScrubStream, finder, policy, scrub_rows
from kaeshi.pii.policy import Policy
from kaeshi.pii.records import Row, csv_row, csv_rows, json_row, leaf_at
from kaeshi.pii.vault import Kept, Vault, put_back, sha256_of

_FORMULA = re.compile(r"\s*(?:[=@\uff1d\uff20]|[+\-\uff0b\uff0d](?![\d\s().,-]*$))|[\t\r]")
app = group()


Source = Annotated[
    str, typer.Argument(help="A file of text, .jsonl or .csv (also .gz), or - for standard input.")
]


Shape = Annotated[
    str | None,
    typer.Option("--format", help="text, jsonl or csv. Default: by the file's name, else text."),
]


Fields = Annotated[
    list[str] | None,
    typer.Option(
        "--field", help="Column or JSON field to scrub; repeat for more. Default: all texts."
    ),
]


VaultKey = Annotated[
    str, typer.Option(envvar="KAESHI_VAULT_KEY", help="32 bytes in base64 that seal the vault.")
]


@app.command()
def scrub(
    source: Source = "-",
    shape: Shape = None,
    field: Fields = None,
    operator: Annotated[
        str | None, typer.Option(help="placeholder, surrogate, mask or pseudonym.")
    ] = None,
    key: Annotated[
        str,
        typer.Option(
            envvar="KAESHI_PII_KEY", help="Secret that makes pseudonyms and chooses surrogates."
        ),
    ] = "",
    vault: Annotated[
        Path | None,
        typer.Option(help="Keep what was replaced in this file, sealed, for `kaeshi pii restore`."),
    ] = None,
    vault_key: VaultKey = "",
    as_json: AsJson = False,
) -> None:
    """Print a text with personal data replaced; counts by type go to stderr.

    A row of JSONL or CSV is one conversation.
    """
    wanted = policy(operator)
    kept = _vault(vault, vault_key) if vault else None
    found: Counter[str] = Counter()
    replaced: list[Kept] = []
    written: list[str] = []
    for piece in _scrubbed(
        source,
        _shape(source, shape),
        field or [],
        wanted,
        key.encode(),
        found,
        replaced if kept else None,
    ):
        if as_json:
            written.append(piece)
        else:
            sys.stdout.write(piece)
    if kept:
        kept.write(replaced)
    if as_json:
        show({"text": "".join(written), "counts": dict(found)}, as_json=True)
    else:
        sys.stderr.write(f"replaced: {counts(dict(found))}\n")


@app.command()
def restore(
    source: Source,
    vault: Annotated[Path, typer.Option(help="The file that `kaeshi pii scrub --vault` wrote.")],
    vault_key: VaultKey = "",
    shape: Shape = None,
    field: Fields = None,
    as_json: AsJson = False,
) -> None:
    """Print a scrubbed text with its personal data restored from the vault."""
    kept = list(_vault(vault, vault_key).read())
    pieces = list(_restored(source, _shape(source, shape), field or [], kept))
    if as_json:
        show({"text": "".join(pieces)}, as_json=True)
    else:
        sys.stdout.write("".join(pieces))


@app.command()
def detect(
    source: Source = "-", shape: Shape = None, field: Fields = None, as_json: AsJson = False
) -> None:
    """List the personal data in a text by type and place, without its values."""
    names = finder()
    wanted = policy(None)
    rows: list[dict[str, object]] = []
    rows = _found_rows(source, shape, field, names, wanted, rows)
    show(
        rows,
        as_json=as_json,
        text=lambda: table(tuple(rows[0]) if rows else (), [tuple(row.values()) for row in rows]),
    )
    sys.stderr.write(f"found: {counts(dict(Counter(str(row['type']) for row in rows)))}\n")


def _found_rows(
    source: Source,
    shape: Shape,
    field: Fields,
    names: NameFinder,
    wanted: Policy,
    rows: list[dict[str, object]],
) -> list[dict[str, object]]:
    kind = _shape(source, shape)
    if kind == "text":
        texts = [line.rstrip("\n") for line in _lines(source)]
        for number, hits in enumerate(detect_texts(texts, names.find(texts), wanted), 1):
            rows += [_place(number, str(number), *hit) for hit in hits]
        return rows
    for number, row in _rows(source, kind, field or []):
        only = row.within
        for hit in detect_texts([row.text], names.find([row.text]), wanted)[0]:
            if only is None or any(a <= hit[0] and hit[1] <= b for a, b in only):
                leaf, start, end = leaf_at(row.text, hit[0], hit[1])
                rows.append(_place(number, leaf.key if leaf else "", start, end, *hit[2:]))
    return rows


def _place(
    line: int, field: str, start: int, end: int, kind: str, score: float, by: str
) -> dict[str, object]:
    return {
        "line": line,
        "field": field,
        "start": start,
        "end": end,
        "type": kind,
        "score": round(score, 2),
        "recogniser": by,
    }


@app.command()
def serve(host: Host = "127.0.0.1", port: Port = 8200) -> None:
    """Serve the scrubber over Presidio's HTTP interface: /analyze and /anonymize."""
    from kaeshi.cli.privacy import served  # loads the server; the others do not

    finder().find(["Ann"])  # a model that is missing is said here, not to the first caller
    served(host, port)


@app.command()
def report(
    sample: Annotated[
        int, typer.Option(min=0, help="How many scrubbed conversations to show.")
    ] = 5,
    db: Database = None,
    assistant: Who = None,
    as_json: AsJson = False,
) -> None:
    """Show what was replaced in the training examples, and how much may remain.

    By type and recogniser.
    """
    from kaeshi.cli.privacy import reported  # opens a database; the others do not

    reported(db, assistant, sample, as_json=as_json)


def _shape(source: str, shape: str | None) -> str:
    name = source.removesuffix(".gz")
    chosen = shape or (
        "jsonl"
        if name.endswith((".jsonl", ".ndjson"))
        else "csv"
        if name.endswith(".csv")
        else "text"
    )
    if chosen not in {"text", "jsonl", "csv"}:
        msg = f"format {chosen!r} is none of text, jsonl, csv"
        raise InvalidInput(msg)
    return chosen


def _lines(source: str) -> Iterator[str]:
    """The source's lines with their line ends. Raises InvalidInput for invalid UTF-8."""
    raw = iter(sys.stdin.buffer.readline, b"") if source == "-" else lines(Path(source))
    for number, line in enumerate(raw, 1):
        try:
            yield line.decode("utf-8")
        except UnicodeDecodeError as error:
            msg = f"{source!r}, line {number}: not UTF-8 text (byte {error.start} of the line)"
            raise InvalidInput(msg) from error


def _rows(source: str, shape: str, fields: Sequence[str]) -> Iterator[tuple[int, Row]]:
    """(line, row) of each record of a JSONL or CSV file. Raises InvalidInput for a damaged one."""
    if shape == "jsonl":
        for number, line in enumerate(_lines(source), 1):
            if line.strip():
                try:
                    yield number, json_row(line, fields)
                except ValueError as error:
                    msg = f"{source!r}, line {number}: not JSON: {error}"
                    raise InvalidInput(msg) from error
        return
    rows = csv_rows(_lines(source))
    raw, head, places = next(rows, ("", [], []))
    columns = _columns(head, fields, source)
    yield 1, Row(raw, "{}", (), ())
    number = 1 + raw.count("\n")
    for raw, values, places in rows:
        yield number, csv_row(raw, head, values, places, columns)
        number += raw.count("\n")


def _columns(head: Sequence[str], fields: Sequence[str], source: str) -> list[int]:
    missing = next((name for name in fields if name not in head), None)
    if missing is not None:
        msg = f"{source!r} has no column {missing!r}; it has {', '.join(head)}"
        raise InvalidInput(msg)
    return [i for i, name in enumerate(head) if not fields or name in fields]


def _scrubbed(
    source: str,
    shape: str,
    fields: Sequence[str],
    policy: Any,
    key: bytes,
    found: Counter[str],
    replaced: "list[Kept] | None",
) -> Iterator[str]:
    """Every row with its texts scrubbed; the replaced values go to `replaced`."""
    if shape == "text":
        stream = ScrubStream(policy, key=key, keep=replaced is not None)
        written = list[str]()
        for line in chain(_lines(source), [None]):
            ready = stream.close() if line is None else stream.feed(line)
            written += [ready] if replaced is not None else []
            yield ready
        found.update(stream.counts)
        if replaced is not None:
            replaced.append(Kept([sha256_of(written)], [stream.originals]))
        return
    rows = (row for _, row in _rows(source, shape, fields))
    for row, done in scrub_rows(rows, policy, key=key):
        found.update(done.counts)
        if replaced is not None:
            replaced.append(Kept([sha256_of([text]) for text in done.texts], done.originals))
        # a vault gives back exactly what was there, so that nothing may be added
        yield row.written(done.texts[0], str if replaced is not None else _inert)


def _restored(
    source: str, shape: str, fields: Sequence[str], kept: Sequence[Kept]
) -> Iterator[str]:
    """Every row with what the vault kept of it.

    Raises InvalidInput if they do not belong together.
    """
    if shape == "text":
        there: list[tuple[str, Callable[[str], str]]] = [("".join(_lines(source)), str)]
    else:
        there = [(row.text, row.written) for _, row in _rows(source, shape, fields)]
    if len(there) != len(kept):
        msg = (
            f"{source!r} has {len(there)} conversations and the vault {len(kept)}; "
            "they do not belong together"
        )
        raise InvalidInput(msg)
    for (text, written), one in zip(there, kept, strict=True):
        yield written(put_back([text], one)[0])


def _inert(cell: str) -> str:
    """The cell, with an apostrophe before what a spreadsheet would run as a formula.

    Numbers with a sign stay as they are. https://owasp.org/www-community/attacks/CSV_Injection
    """
    return f"'{cell}" if _FORMULA.match(cell) else cell


def _vault(path: Path, key: str) -> "Vault":

    return Vault(path, key)
