"""`kaeshi demo`: the whole loop on simulated customers."""

import asyncio
from pathlib import Path
from typing import Annotated, Any

import typer

from kaeshi.cli.models import fetch_missing
from kaeshi.cli.output import AsJson, Port, group, progress, show
from kaeshi.cli.serve import check_free, serve_on
from kaeshi.demo import recorded
from kaeshi.demo.play import play
from kaeshi.demo.recorded import RecordedCrowd
from kaeshi.demo.table import as_text
from kaeshi.demo.weeks import play as twelve_weeks
from kaeshi.demo.weeks_table import as_text as weeks_text
from kaeshi.errors import InvalidInput

app = group()
HOST = "127.0.0.1"


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
    weeks: Annotated[
        bool,
        typer.Option("--weeks", help="Twelve weeks by the autopilot instead, in some minutes."),
    ] = False,
    questions: Annotated[
        Path | None,
        typer.Option(help="With --weeks: recorded questions (gzipped JSON lines) instead."),
    ] = None,
    source: Annotated[
        str | None, typer.Option(help="Of the recorded questions; the first by name.")
    ] = None,
    serve_after: Annotated[
        bool, typer.Option("--serve", help="Serve the pages on what the demo made.")
    ] = False,
    port: Port = 8000,
    as_json: AsJson = False,
) -> None:
    """Run the whole loop on a simulated hibachi concierge.

    It goes to a decision, a refreshed knowledge base and a sent report.
    """
    if serve_after:
        check_free(HOST, port)
    fetch_missing()
    _check(weeks=weeks, sabotage=sabotage, questions=questions)
    crowd = _crowd(questions, source, seed)
    with progress() as shown:
        result = asyncio.run(
            twelve_weeks(folder, seed=seed, crowd=crowd, progress=shown)
            if weeks
            else play(folder, seed=seed, sabotage=sabotage, progress=shown)
        )
    database = f"sqlite+aiosqlite:///{folder / 'kaeshi.db'}"
    show(result, as_json=as_json, text=lambda: f"{_table(result)}\n\n{_next_step(folder)}")
    if serve_after:
        typer.echo(f"the pages of the demo: http://{HOST}:{port}/")
        serve_on(HOST, port, database)


def _check(*, weeks: bool, sabotage: str | None, questions: Path | None) -> None:
    if weeks and sabotage is not None:
        msg = f"--sabotage {sabotage} breaks one turn of the loop; leave it out with --weeks"
        raise InvalidInput(msg)
    if questions is not None and not weeks:
        msg = f"--questions {str(questions)!r} is asked over weeks; add --weeks"
        raise InvalidInput(msg)


def _crowd(questions: Path | None, source: str | None, seed: int) -> RecordedCrowd | None:
    """Who asks the recorded questions; None where customers are simulated."""
    if questions is None:
        return None
    return recorded.crowd(questions, source or recorded.sources(questions)[0], seed)


def _table(result: dict[str, Any]) -> str:
    return weeks_text(result) if "weeks" in result else as_text(result)


def _next_step(folder: Path) -> str:
    return (
        f"look at it: `kaeshi serve --db sqlite:///{folder / 'kaeshi.db'}` and open "
        f"http://{HOST}:8000/\nyour own: `kaeshi conversation import FILE` brings your logs, "
        "`kaeshi serve --model MODEL` logs what your app asks"
    )
