"""`kaeshi report`: show or send the weekly report."""

from typing import Annotated, Any

import typer

from kaeshi.cli.opening import with_loop
from kaeshi.cli.output import AsJson, Database, Who, group, show
from kaeshi.loop import Loop
from kaeshi.nouns import Report
from kaeshi.steps import report as steps
from kaeshi.steps.report_mail import render, text

app = group()


LogClock = Annotated[
    bool,
    typer.Option(
        "--log-clock",
        help="The last week that was complete at the log's latest conversation, instead of today.",
    ),
]


@app.command("show")
def show_(
    log_clock: LogClock = False, db: Database = None, assistant: Who = None, as_json: AsJson = False
) -> None:
    """Show the last complete week against the one before.

    Where it has no conversations, the latest week that has.
    """

    async def composed(loop: Loop) -> Report:
        return await steps.compose(loop, by_log_clock=log_clock, or_latest=True)

    found = with_loop(db, assistant, composed)
    show(found, as_json=as_json, text=lambda: text(found))


@app.command()
def send(
    log_clock: LogClock = False, db: Database = None, assistant: Who = None, as_json: AsJson = False
) -> None:
    """Mail the report; the same report is mailed once."""

    async def go(loop: Loop) -> Any:
        return await steps.send(loop, await steps.compose(loop, by_log_clock=log_clock), render)

    done = with_loop(db, assistant, go)
    show(
        done,
        as_json=as_json,
        text=_sent(done),
    )


def _sent(done: dict[str, Any]) -> str:
    if not done["sent"]:
        return f"not sent: {done['why']}"
    if str(done["to"]).endswith(".eml"):
        return f"written to {done['to']}, not mailed: SMTP_HOST names no mail server"
    return f"sent to {done['to']}"
