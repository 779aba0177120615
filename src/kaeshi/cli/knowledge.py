"""`kaeshi knowledge`: import, refresh, search and approve entries."""

from typing import Annotated

import typer

from kaeshi.cli.opening import with_loop
from kaeshi.cli.output import AsJson, By, Database, Files, Who, counts, group, show, table
from kaeshi.formats import faq
from kaeshi.loop import Loop
from kaeshi.steps import builds
from kaeshi.steps import faq as faq_steps
from kaeshi.steps import gaps as gap_steps
from kaeshi.steps import knowledge as steps

app = group()
NO_GAPS = "no question was handed over that is not answered by now"
NO_STALE = "no live entry speaks of a time that has passed or ends soon"
STALE_NEXT = "approve again what is still true, or correct it: kaeshi review approve REF --by NAME"
NOTHING_APPROVED = "no entry is approved; `kaeshi review list --kind entry` shows what is proposed"


def _not_proposed(reasons: dict[str, int]) -> str:
    return f"\nnot proposed: {counts(reasons)}" if reasons else ""


@app.command()
def refresh(
    accept_worse: Annotated[
        bool,
        typer.Option("--accept-worse", help="Also where more test cases are lost than gained."),
    ] = False,
    db: Database = None,
    assistant: Who = None,
    as_json: AsJson = False,
) -> None:
    """Propose entries from new examples, and build an index of everything approved.

    A build that loses more of the test cases than it gains is refused, with these questions.
    """
    done = with_loop(db, assistant, lambda loop: steps.refresh(loop, accept_worse=accept_worse))
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


@app.command("import")
def import_(
    files: Files,
    by: By,
    published: Annotated[
        bool,
        typer.Option("--published", help="The texts are public: names and numbers may stay."),
    ] = False,
    db: Database = None,
    assistant: Who = None,
    as_json: AsJson = False,
) -> None:
    """Import questions with answers, approved in your name.

    Files or folders: Markdown and HTML (a heading is a question, the text below it its answer), or
    XLSX, CSV, JSON and JSON lines with question and answer, and where it matters entity,
    valid_from and valid_until. What is there already stays as it is; what a live entry answers
    otherwise is proposed. `kaeshi knowledge refresh` makes it found.
    """

    async def go(loop: Loop) -> faq_steps.Imported:
        return await faq_steps.import_pairs(loop, faq.every(files), by=by, published=published)

    done = with_loop(db, assistant, go)
    show(vars(done), as_json=as_json, text="\n".join(_imported_lines(done)))
    if done.refused and not (done.new or done.unchanged or done.changed):
        raise typer.Exit(1)


def _imported_lines(done: faq_steps.Imported) -> list[str]:
    held = f" ({len(done.held)} of them wait for a decision)" if done.held else ""
    changed = f"{done.changed} hold until another day, " if done.changed else ""
    words = (
        f"{done.new} new{held}, {changed}{done.unchanged} unchanged, {len(done.refused)} refused"
    )
    then = ["next: kaeshi knowledge refresh"] if done.new or done.changed else []
    if done.held:
        then.append("and: kaeshi review list --kind entry")
    return [words, *done.refused[:20], *done.held[:20], *then]


@app.command()
def gaps(
    limit: Annotated[int, typer.Option(min=1, max=500)] = 20,
    every: Annotated[
        bool, typer.Option("--all", help="Also those that are filled by now.")
    ] = False,
    db: Database = None,
    assistant: Who = None,
    as_json: AsJson = False,
) -> None:
    """Show what customers ask and the assistant hands over, the most customers first."""
    found = with_loop(db, assistant, gap_steps.gaps)
    shown = [gap for gap in found if every or gap.covered < gap.questions][:limit]
    rows = [
        (
            g.customers,
            g.questions,
            f"{g.covered} of {g.questions}",
            f"{g.last:%Y-%m-%d}",
            g.name[:80],
        )
        for g in shown
    ]
    head = ("customers", "asked", "answered now", "last", "such as")
    text = table(head, rows) if rows else NO_GAPS
    show(shown, as_json=as_json, text=text)


@app.command()
def revert(db: Database = None, assistant: Who = None, as_json: AsJson = False) -> None:
    """Go back to the build before the present one, bit for bit."""
    done = with_loop(db, assistant, builds.revert)
    text = f"{done['build']} answers now, instead of {done['instead_of']}"
    show(done, as_json=as_json, text=text)


@app.command()
def search(
    query: str,
    count: Annotated[int, typer.Option(min=1, max=100)] = 5,
    said: Annotated[
        list[str] | None, typer.Option(help="What was said before; may be given several times.")
    ] = None,
    db: Database = None,
    assistant: Who = None,
    as_json: AsJson = False,
) -> None:
    """Show the approved entries nearest to a question."""
    hits = with_loop(db, assistant, lambda loop: steps.search(loop, query, count, said or ()))
    show(
        hits,
        as_json=as_json,
        text=lambda: table(
            ("score", "likely", "question", "answer"),
            [
                (
                    h.score,
                    "" if h.probability is None else f"{h.probability:.0%}",
                    h.entry.question[:60],
                    h.entry.answer[:80],
                )
                for h in hits
            ],
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


@app.command()
def stale(db: Database = None, assistant: Who = None, as_json: AsJson = False) -> None:
    """Show live entries that may no longer be true, before a customer meets them."""
    found = with_loop(db, assistant, steps.stale_entries)
    result = [{**entry.model_dump(mode="json"), "why": why} for entry, why in found]
    rows = [(e.id, why, e.question[:50], e.answer[:60]) for e, why in found]
    text = (
        f"{table(('ref', 'why', 'question', 'answer'), rows)}\n{STALE_NEXT}" if rows else NO_STALE
    )
    show(result, as_json=as_json, text=text)
