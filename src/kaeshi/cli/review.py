"""`kaeshi review`: decide about proposed examples and entries."""

from typing import Annotated, Any, cast, get_args

import typer

from kaeshi.cli.opening import with_loop
from kaeshi.cli.output import (
    AsJson,
    By,
    Database,
    Who,
    group,
    show,
    table,
)
from kaeshi.errors import InvalidInput
from kaeshi.nouns import ReviewState
from kaeshi.steps import review as steps

app = group()


@app.command("list")
def list_(
    state: Annotated[
        str, typer.Option(help="proposed, approved, corrected, rejected or all.")
    ] = "proposed",
    limit: Annotated[int, typer.Option(min=1, max=500)] = 30,
    db: Database = None,
    assistant: Who = None,
    as_json: AsJson = False,
) -> None:
    """List what waits for review, the most valuable first."""
    if state != "all" and state not in get_args(ReviewState):
        msg = f"state {state!r} is none of {', '.join(get_args(ReviewState))}, all"
        raise InvalidInput(msg)
    wanted = None if state == "all" else cast("Any", state)  # checked just above
    found = with_loop(db, assistant, lambda loop: steps.queue(loop, state=wanted, limit=limit))
    show(
        found,
        as_json=as_json,
        text=lambda: table(
            ("ref", "kind", "state", "score", "by", "question"),
            [
                (i.ref, i.kind, i.state, i.score / 10, i.by or "-", " ".join(i.title.split())[:80])
                for i in found
            ],
        ),
    )


def _decide(
    ref: str,
    state: Any,
    by: str,
    note: str,
    answer: str | None,
    db: str | None,
    assistant: str | None,
    *,
    as_json: bool,
) -> None:

    with_loop(
        db, assistant, lambda loop: steps.decide(loop, ref, state, by=by, note=note, answer=answer)
    )
    show({"ref": ref, "state": state, "by": by}, as_json=as_json, text=f"{ref} {state} by {by}")


Note = Annotated[str, typer.Option(help="Why.")]


@app.command()
def approve(
    ref: str,
    by: By,
    note: Note = "",
    db: Database = None,
    assistant: Who = None,
    as_json: AsJson = False,
) -> None:
    """Approve an example or an entry."""
    _decide(ref, "approved", by, note, None, db, assistant, as_json=as_json)


@app.command()
def correct(
    ref: str,
    by: By,
    answer: Annotated[str, typer.Option(help="The right answer.")],
    note: Note = "",
    db: Database = None,
    assistant: Who = None,
    as_json: AsJson = False,
) -> None:
    """Replace a wrong answer by the right one."""
    _decide(ref, "corrected", by, note, answer, db, assistant, as_json=as_json)


@app.command()
def reject(
    ref: str,
    by: By,
    note: Note = "",
    db: Database = None,
    assistant: Who = None,
    as_json: AsJson = False,
) -> None:
    """Reject an example or an entry: it is not learned."""
    _decide(ref, "rejected", by, note, None, db, assistant, as_json=as_json)
