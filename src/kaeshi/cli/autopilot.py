"""`kaeshi autopilot`: what the loop does by itself, and a person's yes or no."""

from typing import Annotated, Any

import typer

from kaeshi.cli.opening import with_loop
from kaeshi.cli.output import AsJson, By, Database, Who, group, show
from kaeshi.steps import autopilot as steps

app = group()
NONE_YET = "nothing was tried yet; `kaeshi autopilot plan` looks for something to learn"


@app.command()
def status(db: Database = None, assistant: Who = None, as_json: AsJson = False) -> None:
    """Show what is under way, what was tried, and whether forecasts held."""
    found = with_loop(db, assistant, steps.status)
    lines = [f"AUTOPILOT is {found['mode']}"]
    for run in found["runs"]:
        lines += _run_lines(run)
    lines += [found["calibration"]] if found["calibration"] else []
    lines += [] if found["runs"] else [NONE_YET]
    show(found, as_json=as_json, text="\n".join(lines))


def _run_lines(run: dict[str, Any]) -> list[str]:
    plan = run["plan"]
    held = f", held by {run['held_by']}" if run["held_by"] else ""
    made = f"  {run['candidate']}" if run["candidate"] else ""
    head = f"{run['id']}  {run['began_at'][:16]}  {plan['option']['means']}  {run['state']}"
    lines = [f"{head}{held}{made}", f"    planned: {plan['why']}"]
    if run["why"] and plan["why"] not in run["why"]:
        lines.append(f"    now: {run['why']}")
    return lines


@app.command()
def plan(db: Database = None, assistant: Who = None, as_json: AsJson = False) -> None:
    """Look for something to learn, and carry on as far as AUTOPILOT allows."""
    _show_said(with_loop(db, assistant, steps.run), as_json=as_json)


@app.command()
def yes(by: By, db: Database = None, assistant: Who = None, as_json: AsJson = False) -> None:
    """Agree to what is under way: money, and a rollout."""
    _show_said(with_loop(db, assistant, lambda loop: steps.approve(loop, by=by)), as_json=as_json)


@app.command()
def no(
    by: By,
    reason: Annotated[str, typer.Option(help="Why.")] = "",
    db: Database = None,
    assistant: Who = None,
    as_json: AsJson = False,
) -> None:
    """End what is under way; its rollout is rolled back."""
    ended = with_loop(db, assistant, lambda loop: steps.decline(loop, by=by, reason=reason))
    show(ended, as_json=as_json, text=f"{ended.id}  {ended.state}  {ended.why}")


@app.command()
def hold(by: By, db: Database = None, assistant: Who = None, as_json: AsJson = False) -> None:
    """Stop before the next step; a rollout that has begun goes on."""
    held = with_loop(db, assistant, lambda loop: steps.hold(loop, by=by))
    show(held, as_json=as_json, text=f"{held.id}  {held.state}, held by {held.held_by}")


@app.command()
def release(by: By, db: Database = None, assistant: Who = None, as_json: AsJson = False) -> None:
    """Let a held run go on."""
    _show_said(with_loop(db, assistant, lambda loop: steps.release(loop, by=by)), as_json=as_json)


def _show_said(text: str, *, as_json: bool) -> None:
    show({"said": text}, as_json=as_json, text=text)
