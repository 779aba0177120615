"""`kaeshi serve`: the gateway, the HTTP API, the pages and the scheduler."""

import errno
import socket
from typing import Annotated

import typer

from kaeshi.cli.opening import with_loop
from kaeshi.cli.output import Database, Host, Port, group
from kaeshi.errors import Conflict, Misconfigured
from kaeshi.loop import Loop
from kaeshi.serving import serving
from kaeshi.steps import rollout

app = group()


@app.command()
def serve(
    host: Host = "127.0.0.1",
    port: Port = 8000,
    model: Annotated[
        str | None,
        typer.Option(
            "--model", help="The first production, where there is none: a model of your provider."
        ),
    ] = None,
    processes: Annotated[
        int, typer.Option(min=1, max=64, help="Server processes; each has a spool of its own.")
    ] = 1,
    db: Database = None,
) -> None:
    """Serve the gateway, the HTTP API, the pages and the scheduler."""
    check_free(host, port)

    async def first(loop: Loop) -> str | None:
        return await _production(loop, model)

    # opened here first, so that what is wrong with settings, folder and database is said once
    found = with_loop(db, None, first)
    typer.echo(_next_step(found, f"http://{host}:{port}"))
    serve_on(host, port, db, processes)


def serve_on(host: str, port: int, db: str | None, processes: int = 1) -> None:
    """Serve until stopped, with the gateway's worker in a process beside."""
    serving(
        host, port, "kaeshi.web.app:create", db, processes=processes, beside=("gateway", "work")
    )


def check_free(host: str, port: int) -> None:
    """Raise Conflict for a port in use: a second server would share its requests.

    Raises Misconfigured for an address that is not this machine's.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
            probe.listen()
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                msg = (
                    f"port {port} of {host} is in use; end the other server, or name another port "
                    "with --port"
                )
                raise Conflict(msg) from error
            msg = (
                f"cannot listen at {host}:{port}: {error.strerror or error}; see --host and --port"
            )
            raise Misconfigured(msg) from error


async def _production(loop: Loop, model: str | None) -> str | None:
    """The model in production, after `model` was put there if nothing was."""
    async with loop.store.read() as tx:
        current = await tx.rollouts.production(loop.assistant)
    if current is None and model is not None:
        current = await rollout.set_production(loop, model)
    return None if current is None else current.model


def _next_step(production: str | None, address: str) -> str:
    if production is None:
        return (
            "nothing is in production, so the gateway answers 503: stop, and name your provider's "
            "model with `kaeshi serve --model MODEL`"
        )
    return (
        f"production: {production}. Point your app at {address}/v1 and ask for the model "
        "concierge; `kaeshi conversation list` shows what it said"
    )
