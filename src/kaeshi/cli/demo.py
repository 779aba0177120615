"""`kaeshi demo`: the whole loop on simulated customers."""

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from kaeshi.cli.output import AsJson, group, progress, show
from kaeshi.cli.serve import serve_on
from kaeshi.demo.play import play
from kaeshi.demo.table import as_text

app = group()


@app.command()
def demo(
    seed: Annotated[int, typer.Option(help="The same seed gives the same table.")] = 2,
    sabotage: Annotated[
        str | None,
        typer.Option(help="model, feedback, pii or same: break one thing and see it refused."),
    ] = None,
    folder: Annotated[
        Path, typer.Option(help="Where the demo's files go; emptied first if a demo made it.")
    ] = Path("kaeshi-demo"),
    serve_after: Annotated[
        bool, typer.Option("--serve", help="Serve the pages on what the demo made.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Run the whole loop on a simulated hibachi concierge.

    It goes to a decision, a refreshed knowledge base and a sent report.
    """
    with progress() as shown:
        result = asyncio.run(play(folder, seed=seed, sabotage=sabotage, progress=shown))
    show(result, as_json=as_json, text=lambda: as_text(result))
    if serve_after:
        serve_on("127.0.0.1", 8000, f"sqlite+aiosqlite:///{folder / 'kaeshi.db'}")
