"""`kaeshi jobs`: list the scheduled jobs, run one."""

import typer

from kaeshi.cli.opening import with_loop
from kaeshi.cli.output import AsJson, Database, Who, group, show, table
from kaeshi.jobs.overview import overview
from kaeshi.jobs.runner import run_now
from kaeshi.jobs.schedule import jobs as table_of

app = group()
SHOWN = 60  # characters of what a job said


@app.command("list")
def list_(db: Database = None, assistant: Who = None, as_json: AsJson = False) -> None:
    """Each job, when it is due next, and how its last run went."""
    found = with_loop(db, assistant, overview)
    rows = [
        (
            j["job"],
            j["cron"],
            j["next"][:16],
            (j["last"] or {}).get("slot", "-")[:16],
            (j["last"] or {}).get("state", "-"),
            _short((j["last"] or {}).get("detail", "")),
        )
        for j in found
    ]
    show(
        found,
        as_json=as_json,
        text=table(("job", "crontab (UTC)", "next", "last", "state", "detail"), rows),
    )


def _short(said: str) -> str:
    return said if len(said) <= SHOWN else f"{said[: SHOWN - 1]}…"


@app.command("run")
def run(name: str, db: Database = None, assistant: Who = None, as_json: AsJson = False) -> None:
    """Run a job now."""
    said = with_loop(
        db, assistant, lambda loop: run_now(loop, table_of(loop.settings), name, "command line")
    )
    show({"job": name, "result": said}, as_json=as_json, text=said)
    if said.startswith("failed"):
        raise typer.Exit(1)
