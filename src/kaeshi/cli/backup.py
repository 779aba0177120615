"""`kaeshi backup`: everything on this machine in one file."""

from pathlib import Path
from typing import Annotated

import typer

from kaeshi.app import SystemClock
from kaeshi.cli.output import AsJson, Database, group, show
from kaeshi.settings import load
from kaeshi.steps import backup as steps

app = group()


@app.command()
def backup(
    out: Annotated[Path, typer.Argument(help="The file to write, such as kaeshi.tar.")],
    with_key: Annotated[
        bool,
        typer.Option("--with-key", help="The master key, too: who has the file can read it all."),
    ] = False,
    db: Database = None,
    as_json: AsJson = False,
) -> None:
    """Back up the database and its files while they are in use, and read the backup again."""
    manifest = steps.backup(load(db), out, SystemClock().now(), with_key=with_key)
    size = sum(about["bytes"] for about in manifest["files"].values())
    lines = [f"{len(manifest['files'])} files, {size / 1e6:.1f} MB in {out}, each compared"]
    if not manifest["holds_key"]:
        lines.append(
            f"the master key {manifest['master_key']} is not in it: keep a sealed copy elsewhere "
            "(`kaeshi keys escrow FILE`)"
        )
    show(manifest, as_json=as_json, text="\n".join(lines))
