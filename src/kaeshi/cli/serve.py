"""`kaeshi serve`: the gateway, the HTTP API, the pages and the scheduler."""

from typing import Annotated

import typer

from kaeshi.cli.output import Database, Host, Port, group
from kaeshi.serving import serving

app = group()


@app.command()
def serve(
    host: Host = "127.0.0.1",
    port: Port = 8000,
    processes: Annotated[
        int, typer.Option(min=1, max=64, help="Server processes; each has a spool of its own.")
    ] = 1,
    db: Database = None,
) -> None:
    """Serve the gateway, the HTTP API, the pages and the scheduler."""
    serve_on(host, port, db, processes)


def serve_on(host: str, port: int, db: str | None, processes: int = 1) -> None:
    """Serve until stopped, with the gateway's worker in a process beside."""
    serving(
        host, port, "kaeshi.web.app:create", db, processes=processes, beside=("gateway", "work")
    )
