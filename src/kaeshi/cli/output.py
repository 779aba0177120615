"""Command output.

JSON or plain tables on stdout, progress on a terminal's stderr, one line for an error.
"""

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer

T = TypeVar("T")
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Database = Annotated[
    str | None,
    typer.Option(
        "--db", help="Database URL. Default: DATABASE_URL, else a file in the data directory."
    ),
]
Who = Annotated[
    str | None,
    typer.Option("--assistant", help="The assistant. Default: KAESHI_ASSISTANT, else main."),
]
Files = Annotated[list[Path], typer.Argument(help="Files; .gz and .zst are read as they are.")]
Host = Annotated[str, typer.Option(help="Address to listen on.")]
Port = Annotated[int, typer.Option(min=1, max=65535)]
By = Annotated[str, typer.Option("--by", help="Name of the person who decides.")]


def group() -> typer.Typer:
    """An app for the commands of one word."""
    return typer.Typer(no_args_is_help=True, rich_markup_mode=None, add_completion=False)


def show(value: object, *, as_json: bool, text: str | Callable[[], str] = "") -> None:
    """Print a result: as JSON, or in words."""
    if as_json:
        sys.stdout.write(json.dumps(plain(value), ensure_ascii=False, indent=1) + "\n")
    else:
        words = text() if callable(text) else text
        if words:
            sys.stdout.write(words.rstrip("\n") + "\n")


def plain(value: Any) -> Any:
    """Our values as JSON-compatible ones."""
    if hasattr(value, "model_dump"):
        return value.model_dump(mode="json")
    if isinstance(value, dict):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [plain(v) for v in value]
    return value if isinstance(value, str | int | float | bool) or value is None else str(value)


def table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Aligned columns, numbers to the right; an empty table says so."""
    if not rows:
        return "nothing"
    cells = [[str(c) for c in row] for row in (head, *rows)]
    right = _right_aligned(head, rows)
    widths = [max(len(row[i]) for row in cells) for i in range(len(head))]
    lines = [
        "  ".join(
            c.rjust(w) if r else c.ljust(w) for c, w, r in zip(row, widths, right, strict=True)
        ).rstrip()
        for row in cells
    ]
    return "\n".join(lines)


def _right_aligned(head: Sequence[str], rows: Sequence[Sequence[object]]) -> list[bool]:
    return [
        all(isinstance(row[i], int | float) or row[i] is None for row in rows)
        for i in range(len(head))
    ]


def counts(found: dict[str, int]) -> str:
    """A 3, b 2"""
    return (
        ", ".join(
            f"{name} {count}"
            for name, count in sorted(found.items(), key=lambda item: (-item[1], item[0]))
        )
        or "none"
    )


@contextmanager
def progress() -> Iterator[Callable[[str, float], None]]:
    """A progress line on a terminal; nothing in a pipe."""
    if not sys.stderr.isatty():
        yield lambda _stage, _share: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    with Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        TimeElapsedColumn(),
        console=Console(stderr=True),
        transient=True,
    ) as bar:
        task = bar.add_task("starting", total=None)
        yield lambda stage, share: bar.update(
            task, description=stage, total=1.0 if share else None, completed=share
        )
