"""`kaeshi review`: decide about proposed examples and entries."""

import sys
from dataclasses import asdict
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
from kaeshi.cli.review_session import Session
from kaeshi.errors import InvalidInput
from kaeshi.nouns import ReviewItem, ReviewKind, ReviewState, text_of
from kaeshi.rules.quality import Bin
from kaeshi.steps import quality
from kaeshi.steps import review as steps

app = group()
BAR = 40  # characters of a line from 0 to 1
SHOWN = 38  # characters of a question or an answer in a list
NOTHING = "nothing waits for review; `kaeshi collection run` brings examples from conversations"
NONE_OF_THEM = "no item of that kind and state; `kaeshi review list --state all` shows every one"
NEXT = "`kaeshi review show REF` shows one; approve, correct and reject decide, with --by NAME"


@app.command("list")
def list_(
    state: Annotated[
        str, typer.Option(help="proposed, approved, corrected, rejected or all.")
    ] = "proposed",
    kind: Annotated[
        str | None, typer.Option(help="Only one kind: example, entry or correction.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=500)] = 30,
    db: Database = None,
    assistant: Who = None,
    as_json: AsJson = False,
) -> None:
    """List what waits for review, first what a person's word would tell most about."""
    _check("state", state, (*get_args(ReviewState), "all"))
    _check("kind", kind, (None, *get_args(ReviewKind)))
    wanted = None if state == "all" else cast("Any", state)  # checked just above
    only = cast("Any", kind)
    found = with_loop(
        db, assistant, lambda loop: steps.queue(loop, state=wanted, kind=only, limit=limit)
    )
    head = ("ref", "kind", "state", "score", "right?", "alike", "question", "answer")
    rows = [_row(item) for item in found]
    nothing = NOTHING if state == "proposed" and kind is None else NONE_OF_THEM
    text = f"{table(head, rows)}\n{_more(len(rows), limit)}{NEXT}" if rows else nothing
    show(found, as_json=as_json, text=text)


def _row(item: ReviewItem) -> tuple[object, ...]:
    return (
        item.ref,
        item.kind,
        item.state,
        item.score / 10,
        "" if item.right is None else f"{item.right:.0%}",
        len(item.alike) or "",
        _short(item.title),
        _short(item.answer),
    )


def _more(shown: int, limit: int) -> str:
    return f"the first {limit}; --limit shows more\n" if shown == limit else ""


def _check(name: str, value: str | None, allowed: tuple[str | None, ...]) -> None:
    if value not in allowed:
        msg = f"{name} {value!r} is none of {', '.join(filter(None, allowed))}"
        raise InvalidInput(msg)


def _short(text: str) -> str:
    words = " ".join(text.split())
    return words if len(words) <= SHOWN else f"{words[: SHOWN - 1]}…"


@app.command("show")
def show_(ref: str, db: Database = None, assistant: Who = None, as_json: AsJson = False) -> None:
    """Show one item: question, answer, its conversation (scrubbed), and why it is there."""
    found = with_loop(db, assistant, lambda loop: steps.look(loop, ref))
    show(found, as_json=as_json, text="\n".join([*_item_lines(found), *_said_lines(found)]))


def _item_lines(found: dict[str, Any]) -> list[str]:
    by = f"  by {found['by']}" if found["by"] else ""
    score = f"score {found['score'] / 10:g}"
    return [
        f"{found['ref']}  {found['kind']}  {found['state']}  {score}{by}",
        f"why: {found['why']}",
        f"question: {found['title']}",
        f"answer: {found['answer']}",
    ]


def _said_lines(found: dict[str, Any]) -> list[str]:
    if not found["messages"]:
        return []
    lines = [f"{m['role']:>9}  {text_of(m) or m.get('tool_calls')}" for m in found["messages"]]
    return ["", f"conversation {found['conversation']}:", *lines]


@app.command()
def session(
    by: By,
    count: Annotated[int, typer.Option(min=1, max=500, help="How many items.")] = 20,
    db: Database = None,
    assistant: Who = None,
    as_json: AsJson = False,
) -> None:
    """Go through what waits, one key for each: approve, correct, reject, hand over, skip, undo."""
    if not sys.stdin.isatty():
        msg = "a session needs a terminal; in a script use `kaeshi review approve REF --by NAME`"
        raise InvalidInput(msg)

    def words(offered: str) -> str:
        asked: str = typer.prompt("right answer", default=offered, err=True)
        return asked

    def say(line: str) -> None:
        typer.echo(line, err=True)

    done = with_loop(
        db, assistant, lambda loop: Session(loop, by, typer.getchar, words, say).run(count)
    )
    show(done, as_json=as_json, text="")


def _decide(
    ref: str,
    state: Any,
    by: str,
    note: str,
    answer: str | None,
    db: str | None,
    assistant: str | None,
    *,
    alike: bool,
    as_json: bool,
) -> None:
    step = steps.decide_alike if alike else steps.decide
    found = with_loop(
        db, assistant, lambda loop: step(loop, ref, state, by=by, note=note, answer=answer)
    )
    done = found or [ref]
    others = f" and {len(done) - 1} alike" if len(done) > 1 else ""
    show(
        {"ref": ref, "state": state, "by": by, "decided": done},
        as_json=as_json,
        text=f"{ref}{others} {state} by {by}",
    )


Note = Annotated[str, typer.Option(help="Why.")]
Alike = Annotated[bool, typer.Option("--alike", help="Also what asks the same and says the same.")]


@app.command()
def approve(
    ref: str,
    by: By,
    note: Note = "",
    alike: Alike = False,
    db: Database = None,
    assistant: Who = None,
    as_json: AsJson = False,
) -> None:
    """Approve an example or an entry."""
    _decide(ref, "approved", by, note, None, db, assistant, alike=alike, as_json=as_json)


@app.command()
def correct(
    ref: str,
    by: By,
    answer: Annotated[str, typer.Option(help="The right answer.")],
    note: Note = "",
    alike: Alike = False,
    db: Database = None,
    assistant: Who = None,
    as_json: AsJson = False,
) -> None:
    """Replace a wrong answer by the right one."""
    _decide(ref, "corrected", by, note, answer, db, assistant, alike=alike, as_json=as_json)


@app.command()
def reject(
    ref: str,
    by: By,
    note: Note = "",
    alike: Alike = False,
    db: Database = None,
    assistant: Who = None,
    as_json: AsJson = False,
) -> None:
    """Reject an example or an entry: it is not learned."""
    _decide(ref, "rejected", by, note, None, db, assistant, alike=alike, as_json=as_json)


@app.command()
def reliability(db: Database = None, assistant: Who = None, as_json: AsJson = False) -> None:
    """Show whether `right?` means what it says, by what people decided."""
    found = with_loop(db, assistant, quality.reliability)
    show(asdict(found), as_json=as_json, text=_reliability_words(found))


def _reliability_words(found: quality.Reliability) -> str:
    if not found.is_own:
        return (
            f"{found.reviewed} examples reviewed; from {quality.LEAST_REVIEWED} on, right and "
            "wrong ones among them, the probability learns from them. Until then it is the "
            "shipped one"
        )
    learned = "the probability has learned from them. Each is judged here by one that had not"
    lines = [
        f"{found.reviewed} examples reviewed; {learned}",
        *(_bar(each) for each in found.bins),
        f"calibration error {found.error:.3f}",
    ]
    return "\n".join(lines)


def _bar(each: Bin) -> str:
    """One line of the reliability plot: said, and found."""
    marks = ["."] * (BAR + 1)
    for place in range(round(each.low * BAR), round(each.high * BAR) + 1):
        marks[place] = "-"
    marks[round(each.probability * BAR)] = "|"
    marks[round(each.right * BAR)] = "o"
    return (
        f"said {each.probability:4.0%}  found {each.right:4.0%} of {each.count:<4} "
        f"0 {''.join(marks)} 1"
    )
