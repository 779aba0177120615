"""`kaeshi pii`: find and replace personal data in files."""

import csv
import io
import json
import re
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import chain, tee
from pathlib import Path
from typing import Annotated, Any

import typer

from kaeshi.cli.output import AsJson, Database, Who, counts, group, show, table
from kaeshi.errors import InvalidInput
from kaeshi.formats.logs.source import lines
from kaeshi.nouns import NameFinder
from kaeshi.pii import detect_texts
from kaeshi.pii.api import ScrubStream, finder, policy, scrub_conversations
from kaeshi.pii.policy import Policy
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
    rows = list(_rewritten(source, _shape(source, shape), field or []))
    if len(rows) != len(kept):
        msg = (
            f"{source!r} has {len(rows)} conversations and vault {str(vault)!r} {len(kept)}; "
            "they do not belong together"
        )
        raise InvalidInput(msg)
    pieces = [
        write(put_back(texts, there)) for (texts, write), there in zip(rows, kept, strict=True)
    ]
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
    for line, texts in _conversations(source, _shape(source, shape), field or []):
        for place, hits in zip(
            texts,
            detect_texts([t for _, t in texts], names.find([t for _, t in texts]), wanted),
            strict=True,
        ):
            rows += [
                {
                    "line": line,
                    "field": place[0],
                    "start": a,
                    "end": b,
                    "type": kind,
                    "score": round(score, 2),
                    "recogniser": by,
                }
                for a, b, kind, score, by in hits
            ]
    return rows


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
    from kaeshi.cli.opening import with_loop  # opens a database; the others do not
    from kaeshi.steps import privacy  # as above

    found = with_loop(db, assistant, lambda loop: privacy.report(loop, sample=sample))
    left = found["residual"]["at_most_by_type"]
    lines = _report_lines(found, left)
    show(found, as_json=as_json, text="\n\n".join(lines[:3]) + "\n".join(lines[3:]))


def _report_lines(found: dict[str, Any], left: Any) -> list[str]:
    return [
        (
            f"{found['examples']} examples, scrubber {', '.join(found['scrubber']) or 'none'}, "
            f"settings {found['settings_sha256'][:12]}"
        ),
        table(
            ("type", "replaced", "left at most"),
            [
                (kind, count, "unknown" if left.get(kind) is None else left[kind])
                for kind, count in found["replaced"].items()
            ],
        ),
        table(("recogniser", "replaced"), list(found["by_recogniser"].items())),
        *(
            f"\n{one['example']}\n"
            + "\n".join(f"  {m['role']}: {m['text']}" for m in one["messages"])
            for one in found["sample"]
        ),
    ]


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


def _rows(source: str) -> Iterator[list[str]]:
    try:
        yield from csv.reader(_lines(source))
    except csv.Error as error:
        msg = f"{source!r} is not CSV: {error}"
        raise InvalidInput(msg) from error


def _columns(head: Sequence[str], fields: Sequence[str], source: str) -> list[int]:
    missing = next((name for name in fields if name not in head), None)
    if missing is not None:
        msg = f"{source!r} has no column {missing!r}; it has {', '.join(head)}"
        raise InvalidInput(msg)
    return [i for i, name in enumerate(head) if not fields or name in fields]


def _record(line: str, number: int, source: str) -> Any:
    try:
        return json.loads(line)
    except ValueError as error:
        msg = f"{source!r}, line {number}: not JSON: {error}"
        raise InvalidInput(msg) from error


def _texts(
    value: Any, fields: Sequence[str], key: str = "", *, inside: bool = False
) -> Iterator[tuple[str, str]]:
    """The texts of a JSON value with their field names: all, or those under `fields`."""
    inside = inside or not fields or key in fields
    if isinstance(value, str):
        if inside:
            yield key, value
    elif isinstance(value, dict):
        for name, item in value.items():
            yield from _texts(item, fields, name, inside=inside)
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item, fields, key, inside=inside)


def _with(
    value: Any, fields: Sequence[str], texts: Iterator[str], key: str = "", *, inside: bool = False
) -> Any:
    inside = inside or not fields or key in fields
    if isinstance(value, str):
        return next(texts) if inside else value
    if isinstance(value, dict):
        return {
            name: _with(item, fields, texts, name, inside=inside) for name, item in value.items()
        }
    if isinstance(value, list):
        return [_with(item, fields, texts, key, inside=inside) for item in value]
    return value


def _conversations(
    source: str, shape: str, fields: Sequence[str]
) -> Iterator[tuple[int, list[tuple[str, str]]]]:
    """(line, [(field, text)]) of each row. A text file is one conversation, its lines the turns."""
    if shape == "text":
        yield 1, [(str(number), line.rstrip("\n")) for number, line in enumerate(_lines(source), 1)]
        return
    if shape == "jsonl":
        for number, line in enumerate(_lines(source), 1):
            if line.strip():
                yield number, list(_texts(_record(line, number, source), fields))
        return
    rows = _rows(source)
    head = next(rows, [])
    columns = _columns(head, fields, source)
    for number, row in enumerate(rows, 2):
        yield number, [(head[i], row[i]) for i in columns if i < len(row)]


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
    ahead, rows = tee(_rewritten(source, shape, fields))
    for done, (_, write) in zip(
        scrub_conversations((texts for texts, _ in ahead), policy, key=key), rows, strict=True
    ):
        found.update(done.counts)
        if replaced is not None:
            replaced.append(Kept([sha256_of([text]) for text in done.texts], done.originals))
        yield write(done.texts)


def _rewritten(
    source: str, shape: str, fields: Sequence[str]
) -> Iterator[tuple[list[str], Callable[[Sequence[str]], str]]]:
    """Each conversation's texts, and a function that writes its row with other texts.

    The header of a CSV file is a row without texts.
    """
    if shape == "text":
        yield ["".join(_lines(source))], "".join
        return
    if shape == "jsonl":
        for number, line in enumerate(_lines(source), 1):
            if line.strip():
                record = _record(line, number, source)
                yield (
                    [text for _, text in _texts(record, fields)],
                    partial(_json_line, record, fields),
                )
        return
    rows = _rows(source)
    head = next(rows, [])
    columns = _columns(head, fields, source)
    yield [], partial(_csv_line, head, [])
    for row in rows:
        there = [i for i in columns if i < len(row)]
        yield [row[i] for i in there], partial(_csv_line, row, there)


def _json_line(record: Any, fields: Sequence[str], texts: Sequence[str]) -> str:
    return json.dumps(_with(record, fields, iter(texts)), ensure_ascii=False) + "\n"


def _csv_line(row: Sequence[str], columns: Sequence[int], texts: Sequence[str]) -> str:
    fresh = dict(zip(columns, texts, strict=True))
    return _csv([_inert(fresh.get(i, cell)) for i, cell in enumerate(row)])


def _inert(cell: str) -> str:
    """The cell, with an apostrophe before what a spreadsheet would run as a formula.

    Numbers with a sign stay as they are. https://owasp.org/www-community/attacks/CSV_Injection
    """
    return f"'{cell}" if _FORMULA.match(cell) else cell


def _vault(path: Path, key: str) -> "Vault":

    return Vault(path, key)


def _csv(row: Sequence[str]) -> str:
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerow(row)
    return out.getvalue()
