"""`kaeshi restore`: a data folder from a backup."""

from pathlib import Path
from typing import Annotated

import typer

from kaeshi.cli.output import AsJson, group, show
from kaeshi.steps import backup as steps

app = group()


@app.command()
def restore(
    path: Annotated[Path, typer.Argument(metavar="FILE", help="A file of `kaeshi backup`.")],
    folder: Annotated[Path, typer.Argument(help="The data folder to make.")],
    as_json: AsJson = False,
) -> None:
    """Make a data folder of a backup, after every file was compared."""
    manifest = steps.restore(path, folder)
    lines = [f"{len(manifest['files'])} files of {manifest['made_at'][:16]} in {folder}"]
    if not manifest["holds_key"]:
        lines.append(
            f"put the master key {manifest['master_key']} beside them: copy master.key, or "
            f"`KAESHI_DATA_DIR={folder} kaeshi keys restore SEALED`"
        )
    lines.append(f"use it: kaeshi serve --db sqlite:///{folder / steps.DATABASE}")
    show(manifest, as_json=as_json, text="\n".join(lines))
