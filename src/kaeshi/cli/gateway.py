"""`kaeshi gateway`: store and mirror what the gateways logged."""

import asyncio
import os
import signal
from typing import Annotated

import typer

from kaeshi.cli.opening import with_loop
from kaeshi.cli.output import AsJson, counts, group, show
from kaeshi.gateway.worker import take
from kaeshi.serving import gateway_worker

app = group()


@app.command()
def work(
    once: Annotated[bool, typer.Option("--once", help="Store what is there, then exit.")] = False,
    as_json: AsJson = False,
) -> None:
    """Store what gateways on this machine have logged, and mirror to candidates.

    `kaeshi serve` runs this as a process of its own.
    """
    if not once:
        _work()
        return
    taken = with_loop(None, None, take)
    found = {
        "requests": taken.requests,
        "edited": taken.edited,
        "refused": taken.refused,
        "dropped": taken.dropped,
    }
    show(found, as_json=as_json, text=counts(found))


def _work() -> None:
    """Work until a signal, or until the parent process is gone.

    At the lowest priority: requests of customers come first.
    """

    async def go() -> None:
        await _run_until_signalled()

    os.nice(19)
    if hasattr(os, "SCHED_IDLE"):
        os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
    asyncio.run(go())


async def _run_until_signalled() -> None:
    over = asyncio.Event()
    parent = os.getppid()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, over.set)
    working = asyncio.create_task(gateway_worker(over))
    while not working.done():
        await asyncio.wait({working}, timeout=1)
        if os.getppid() != parent:
            over.set()
    await working
