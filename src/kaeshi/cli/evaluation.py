"""`kaeshi evaluation`: store test cases, run them, compare models."""

from pathlib import Path
from typing import Annotated, Any

import typer

from kaeshi.cli.opening import with_loop
from kaeshi.cli.output import (
    AsJson,
    Database,
    Who,
    group,
    show,
    table,
)
from kaeshi.formats.logs import source
from kaeshi.loop import Loop
from kaeshi.steps import evaluation as steps
from kaeshi.steps.feedback import parsed_lines

app = group()


@app.command("add")
def add(
    files: Annotated[
        list[Path],
        typer.Argument(
            help="JSONL: {question or messages, must_say, must_not_say, expected, hand_over}."
        ),
    ],
    db: Database = None,
    assistant: Who = None,
    as_json: AsJson = False,
) -> None:
    """Add test cases; from now on they are kept out of every dataset."""

    async def go(loop: Loop) -> Any:
        return await steps.add(
            loop, (item for path in files for item in parsed_lines(source.lines(path), str(path)))
        )

    stored, refused = with_loop(db, assistant, go)
    show(
        {"stored": [c.id for c in stored], "refused": refused},
        as_json=as_json,
        text="\n".join([f"{len(stored)} stored, {len(refused)} refused", *refused[:20]]),
    )
    if refused and not stored:
        raise typer.Exit(1)


@app.command("run")
def run_(model: str, db: Database = None, assistant: Who = None, as_json: AsJson = False) -> None:
    """Ask a model every test case."""
    found = with_loop(db, assistant, lambda loop: steps.run(loop, model))
    failed = [(r.case, r.why) for r in found.results if not r.passed]
    show(
        found,
        as_json=as_json,
        text=f"{found.passed} passed, {found.failed} failed"
        + ("\n" + table(("case", "why"), failed) if failed else ""),
    )
    if found.failed:
        raise typer.Exit(1)


@app.command()
def compare(
    model: str, other: str, db: Database = None, assistant: Who = None, as_json: AsJson = False
) -> None:
    """Compare two models by their latest results."""
    found = with_loop(db, assistant, lambda loop: steps.compare(loop, model, other))
    rows = [(name, found[name]["passed"], found[name]["failed"]) for name in (model, other)]
    show(
        found,
        as_json=as_json,
        text=(
            f"{table(('model', 'passed', 'failed'), rows)}\nonly {model} passes: "
            f"{', '.join(found['won']) or 'none'}\nonly {other} passes: "
            f"{', '.join(c['case'] for c in found['lost']) or 'none'}"
        ),
    )
