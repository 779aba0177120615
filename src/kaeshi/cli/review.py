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
from kaeshi.loop import Loop
from kaeshi.nouns import ReviewItem, ReviewKind, ReviewState, text_of
from kaeshi.rules.agreement import Reviewer
from kaeshi.rules.quality import Bin
from kaeshi.steps import expert, quality, team
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
        str | None, typer.Option(help="Only one kind: example, entry, correction or gap.")
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
    count: Annotated[
        int | None,
        typer.Option(min=1, max=500, help="How many. Default: what is left of REVIEW_WEEKLY."),
    ] = None,
    db: Database = None,
    assistant: Who = None,
    as_json: AsJson = False,
) -> None:
    """Go through what waits, one key for each: approve, correct, reject, hand over, skip, undo."""
    if not sys.stdin.isatty():
        msg = "a session needs a terminal; in a script use `kaeshi review approve REF --by NAME`"
        raise InvalidInput(msg)

    async def go(loop: Loop) -> dict[str, int]:
        left = count or await team.left_this_week(loop)
        if not left:
            _say(f"{loop.settings.review_weekly} items were reviewed this week; --count takes more")
            return {}
        return await Session(loop, by, typer.getchar, _words, _say).run(left)

    show(with_loop(db, assistant, go), as_json=as_json, text="")


def _words(offered: str) -> str:
    asked: str = typer.prompt("right answer", default=offered, err=True)
    return asked


def _say(line: str) -> None:
    typer.echo(line, err=True)


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
    async def go(loop: Loop) -> tuple[list[str], bool]:
        if alike:
            refs = await steps.decide_alike(loop, ref, state, by=by, note=note, answer=answer)
            return refs, loop.settings.reviewers == 1
        counts = await steps.decide(loop, ref, state, by=by, note=note, answer=answer)
        return [ref], counts

    done, is_settled = with_loop(db, assistant, go)
    others = f" and {len(done) - 1} alike" if len(done) > 1 else ""
    waits = "" if is_settled else "; it counts once another reviewer says the same (REVIEWERS)"
    show(
        {"ref": ref, "state": state, "by": by, "decided": done},
        as_json=as_json,
        text=f"{ref}{others} {state} by {by}{waits}",
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
def link(
    ref: str,
    to: Annotated[str, typer.Option(help="Whom the link is for: their decision bears this name.")],
    days: Annotated[float, typer.Option(help="How long it holds.")] = 7,
    db: Database = None,
    assistant: Who = None,
    as_json: AsJson = False,
) -> None:
    """Make a link to one item, for an expert without a key: it shows this item and nothing else."""
    path = with_loop(db, assistant, lambda loop: expert.link(loop, ref, to=to, days=days))
    text = f"{path}\nput your server's address before it; it holds for {days:g} days"
    show({"path": path}, as_json=as_json, text=text)


@app.command("team")
def team_(db: Database = None, assistant: Who = None, as_json: AsJson = False) -> None:
    """Show who decided how much, how far reviewers agree, and what last week's answers bought."""
    found = with_loop(db, assistant, team.figures)
    result = asdict(found) | {"reviewers": [r.model_dump() for r in found.reviewers]}
    result["kappas"] = [[*names, kappa] for names, kappa in found.kappas.items()]
    show(result, as_json=as_json, text="\n".join(_team_lines(found)))


def _team_lines(found: team.Figures) -> list[str]:
    if not found.reviewers:
        return ["no decision is stored yet; `kaeshi review session --by NAME` makes them"]
    head = ("reviewer", "decided", "as others", "controls right", "")
    rows = [_record_row(reviewer) for reviewer in found.reviewers]
    lines = [table(head, rows), f"{found.this_week} of {found.weekly} items of this week reviewed"]
    lines += [f"kappa of {a} and {b}: {kappa:.2f}" for (a, b), kappa in found.kappas.items()]
    if found.alpha is not None:
        lines.append(f"Krippendorff's alpha of all: {found.alpha:.2f}")
    if found.bought is not None:
        lines.append(found.bought.sentence)
    return lines


def _record_row(r: Reviewer) -> tuple[object, ...]:
    agreed = f"{r.agreed} of {r.shared}"
    controls = f"{r.controls_right} of {r.controls}"
    return r.name, r.decided, agreed, controls, "disagrees with most others" if r.is_alone else ""


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
