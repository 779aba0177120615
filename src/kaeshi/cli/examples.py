"""`kaeshi examples`: renew the examples that stand beside questions, go back, and list builds."""

from typing import Annotated

import typer

from kaeshi.cli.opening import with_loop
from kaeshi.cli.output import AsJson, Database, Who, counts, group, show, table
from kaeshi.loop import Loop
from kaeshi.nouns import Json
from kaeshi.steps import examples, renewal

app = group()
NONE = "no examples yet; `kaeshi examples refresh` makes them of what is collected"


@app.command()
def refresh(
    accept_worse: Annotated[
        bool,
        typer.Option("--accept-worse", help="Also where more questions are lost than gained."),
    ] = False,
    db: Database = None,
    assistant: Who = None,
    as_json: AsJson = False,
) -> None:
    """Make the current examples of all that is collected by now.

    A build that answers more of the test cases and held-out questions worse than better is refused.
    """
    done = with_loop(db, assistant, lambda loop: renewal.renew(loop, accept_worse=accept_worse))
    show(done, as_json=as_json, text=_text(done))


def _text(done: renewal.Renewed) -> str:
    checked = done.checked
    asked = (
        f"; of {checked.questions} held-out questions {len(checked.gained)} gained, "
        f"{len(checked.lost)} lost"
        if checked.questions
        else ""
    )
    left = f"\nnot taken: {counts(done.not_taken)}" if done.not_taken else ""
    return (
        f"{done.build}: {done.examples} examples{'' if done.is_new else ', as before'}{asked}{left}"
    )


@app.command()
def revert(db: Database = None, assistant: Who = None, as_json: AsJson = False) -> None:
    """Go back to the examples before the present ones, until the next refresh."""
    build = with_loop(db, assistant, renewal.revert)
    show({"build": build}, as_json=as_json, text=f"{build} stands beside questions now")


@app.command("list")
def list_(db: Database = None, assistant: Who = None, as_json: AsJson = False) -> None:
    """Show the builds that are kept, the current one last."""

    async def go(loop: Loop) -> list[Json]:
        return examples.listed(loop)

    found = with_loop(db, assistant, go)
    rows = [(named["build"], named["since"]) for named in found]
    show(found, as_json=as_json, text=table(("build", "since"), rows) if rows else NONE)
