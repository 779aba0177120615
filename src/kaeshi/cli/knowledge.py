"""`kaeshi knowledge`: refresh, search and approve entries."""

from typing import Annotated

import typer

from kaeshi.cli.opening import with_loop
from kaeshi.cli.output import AsJson, By, Database, Who, counts, group, show, table
from kaeshi.steps import knowledge as steps

app = group()
NOTHING_APPROVED = "no entry is approved; `kaeshi review list --kind entry` shows what is proposed"


def _not_proposed(reasons: dict[str, int]) -> str:
    return f"\nnot proposed: {counts(reasons)}" if reasons else ""


@app.command()
def refresh(db: Database = None, assistant: Who = None, as_json: AsJson = False) -> None:
    """Propose entries from new examples, and build an index of everything approved."""
    done = with_loop(db, assistant, steps.refresh)
    show(
        done,
        as_json=as_json,
        text=(
            f"{done['proposed']} proposed, {done['approved_by_policy']} approved by policy, "
            f"{done['entries']} entries, {done['embedded']} embedded, index "
            f"{done['index'] or 'not built: ' + NOTHING_APPROVED}"
            f"{_not_proposed(done['not_proposed'])}"
        ),
    )


@app.command()
def search(
    query: str,
    count: Annotated[int, typer.Option(min=1, max=100)] = 5,
    db: Database = None,
    assistant: Who = None,
    as_json: AsJson = False,
) -> None:
    """Show the approved entries nearest to a question."""
    hits = with_loop(db, assistant, lambda loop: steps.search(loop, query, count))
    show(
        hits,
        as_json=as_json,
        text=lambda: table(
            ("score", "question", "answer"),
            [(h.score, h.entry.question[:60], h.entry.answer[:90]) for h in hits],
        ),
    )


@app.command()
def approve(
    refs: list[str],
    by: By,
    note: Annotated[str, typer.Option(help="Why.")] = "",
    db: Database = None,
    assistant: Who = None,
    as_json: AsJson = False,
) -> None:
    """Approve proposed entries in your name."""
    done = with_loop(db, assistant, lambda loop: steps.approve(loop, refs, by=by, note=note))
    show({"approved": done}, as_json=as_json, text=f"{done} approved by {by}")
