"""Commands that gather: conversation, feedback, review, collection."""

from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, cast, get_args

import typer

from kaeshi.cli.output import (
    AsJson,
    By,
    Database,
    Who,
    counts,
    lines_of,
    progress,
    show,
    table,
    with_loop,
)
from kaeshi.errors import InvalidInput

Files = Annotated[list[Path], typer.Argument(help="JSONL or JSONL.gz files.")]
ConsentOption = Annotated[
    str | None,
    typer.Option(
        "--consent", help="Consent for the whole import: granted, legitimate_interest or none."
    ),
]


def commands(app: typer.Typer) -> None:
    """Hang the groups on the app."""
    app.add_typer(
        conversation, name="conversation", help="Log conversations and what came of them."
    )
    app.add_typer(feedback, name="feedback", help="Record what people thought.")
    app.add_typer(review, name="review", help="Decide what feedback only suggests.")
    app.add_typer(collection, name="collection", help="Judge and scrub what may be learned.")


conversation = typer.Typer(no_args_is_help=True)
feedback = typer.Typer(no_args_is_help=True)
review = typer.Typer(no_args_is_help=True)
collection = typer.Typer(no_args_is_help=True)


def consent_of(text: str | None) -> Any:
    """A consent, or InvalidInput."""
    if text not in {None, "granted", "legitimate_interest", "none"}:
        msg = f"consent {text!r} is none of granted, legitimate_interest, none"
        raise InvalidInput(msg)
    return text


@conversation.command("import")
def import_(
    files: Files,
    consent: ConsentOption = None,
    db: Database = None,
    assistant: Who = None,
    as_json: AsJson = False,
) -> None:
    """Import conversation logs; importing twice changes nothing, and a bad record is refused and counted."""
    from kaeshi.steps import conversation as steps

    agreed = consent_of(consent)

    async def go(loop: Any) -> dict[str, Any]:
        total: dict[str, Any] = {"new": 0, "grown": 0, "unchanged": 0, "messages": 0, "refused": []}
        with progress() as shown:
            for path in files:
                async for piece in steps.log_lines(loop, lines_of(path), str(path), consent=agreed):
                    for name in ("new", "grown", "unchanged", "messages", "refused"):
                        total[name] += getattr(piece, name)
                    shown(f"{path.name}: {total['new'] + total['unchanged']} conversations", 0)
        return total

    done = with_loop(db, assistant, go)
    refused = done["refused"]
    words = f"{done['new']} new conversations ({done['messages']} messages), {done['grown']} grown, {done['unchanged']} unchanged, {len(refused)} refused"
    show(
        done,
        as_json=as_json,
        text="\n".join(
            [
                words,
                *refused[:20],
                *([f"and {len(refused) - 20} more"] if len(refused) > 20 else []),
            ]
        ),
    )
    if refused and not (done["new"] or done["unchanged"] or done["grown"]):
        raise typer.Exit(1)


@conversation.command()
def outcome(
    conversation_id: str,
    facts: Annotated[
        list[str], typer.Argument(help="NAME=VALUE, such as escalated=true booked=false.")
    ],
    at: Annotated[
        str | None, typer.Option(help="When it became known, ISO 8601. Default: now.")
    ] = None,
    db: Database = None,
    assistant: Who = None,
    as_json: AsJson = False,
) -> None:
    """Report what came of a conversation; late and repeated reports are welcome."""
    from kaeshi.rules.conversation import decode
    from kaeshi.steps import conversation as steps

    reported: dict[str, object] = {}
    for fact in facts:
        name, given, value = fact.partition("=")
        if not given:
            msg = f"outcome {fact!r} is not NAME=VALUE"
            raise InvalidInput(msg)
        try:
            reported[name] = decode(value)
        except InvalidInput:
            reported[name] = value
    try:
        moment = datetime.fromisoformat(at) if at else None
    except ValueError as error:
        msg = f"--at {at!r} is not an ISO 8601 time"
        raise InvalidInput(msg) from error
    if moment is not None and moment.tzinfo is None:
        msg = f"--at {at!r} has no time zone; write 2025-10-31T12:00:00Z"
        raise InvalidInput(msg)
    new = with_loop(
        db,
        assistant,
        lambda loop: steps.report_outcome(loop, conversation_id, reported, at=moment, source="cli"),
    )
    show({"new": new}, as_json=as_json, text=f"{new} new, {len(reported) - new} known already")


@conversation.command("show")
def show_(
    conversation_id: str, db: Database = None, assistant: Who = None, as_json: AsJson = False
) -> None:
    """Show one conversation, texts opened."""
    from kaeshi.steps import conversation as steps

    found = with_loop(db, assistant, lambda loop: steps.show(loop, conversation_id))
    head = f"{found['conversation_id']}  customer {found['customer']}  consent {found['consent']}  contained {found['contained']}\noutcome: {found['outcome']}\n"
    show(
        found,
        as_json=as_json,
        text=head
        + "\n".join(
            f"{m['role']:>9}  {m.get('content') or m.get('tool_calls')}" for m in found["messages"]
        ),
    )


@feedback.command("add")
def add(
    message_id: str,
    vote: Annotated[str | None, typer.Option(help="up or down")] = None,
    rating: Annotated[int | None, typer.Option(help="1 to 5 stars")] = None,
    helpful: Annotated[bool | None, typer.Option(help="Was it helpful?")] = None,
    accurate: Annotated[bool | None, typer.Option(help="Was it accurate?")] = None,
    comment: Annotated[str | None, typer.Option(help="In words.")] = None,
    correction: Annotated[str | None, typer.Option(help="What should have been said.")] = None,
    author: Annotated[str, typer.Option(help="Who says so.")] = "",
    db: Database = None,
    assistant: Who = None,
    as_json: AsJson = False,
) -> None:
    """Record feedback on a message."""
    from kaeshi.rules.feedback import parse
    from kaeshi.steps import feedback as steps

    said = parse(
        message_id,
        {
            "vote": vote,
            "rating": rating,
            "helpful": helpful,
            "accurate": accurate,
            "comment": comment,
            "correction": correction,
        },
        author=author,
    )
    recorded = with_loop(db, assistant, lambda loop: steps.record(loop, [said]))[0]
    result = {
        "feedback_id": recorded.id,
        "quality_score": recorded.quality.tenths / 10,
        "proposed": recorded.proposed,
    }
    show(
        result,
        as_json=as_json,
        text=f"{recorded.id}  quality {recorded.quality.tenths / 10}{'  proposed for training' if recorded.proposed else ''}",
    )


@feedback.command("import")
def import_feedback(
    files: Files,
    author: Annotated[
        str, typer.Option(help="Who says so, where a record does not name anybody.")
    ] = "",
    db: Database = None,
    assistant: Who = None,
    as_json: AsJson = False,
) -> None:
    """Import feedback: {message_id, vote, rating, ...} per line, or conversation records with a feedback part."""
    from kaeshi.steps import feedback as steps

    async def go(loop: Any) -> list[Any]:
        return [
            await steps.import_records(
                loop, steps.parsed_lines(lines_of(path), str(path)), author=author
            )
            for path in files
        ]

    done = with_loop(db, assistant, go)
    refused = [why for piece in done for why in piece.refused]
    result = {
        "recorded": sum(p.recorded for p in done),
        "without_feedback": sum(p.without for p in done),
        "refused": refused,
    }
    words = f"{result['recorded']} recorded, {result['without_feedback']} records without feedback, {len(refused)} refused"
    show(result, as_json=as_json, text="\n".join([words, *refused[:20]]))
    if refused and not result["recorded"]:
        raise typer.Exit(1)


@feedback.command()
def stats(
    days: Annotated[int, typer.Option(help="How far back.")] = 30,
    db: Database = None,
    assistant: Who = None,
    as_json: AsJson = False,
) -> None:
    """Votes, mean stars and the share of answers that were rated."""
    from kaeshi.steps import feedback as steps

    found = with_loop(db, assistant, lambda loop: steps.analytics(loop, days))
    show(
        found,
        as_json=as_json,
        text=table(
            ("figure", f"last {days} days"),
            [(name, "unknown" if value is None else value) for name, value in found.items()],
        ),
    )


@review.command("list")
def list_(
    state: Annotated[
        str, typer.Option(help="proposed, approved, corrected, rejected or all.")
    ] = "proposed",
    limit: Annotated[int, typer.Option(min=1, max=500)] = 30,
    db: Database = None,
    assistant: Who = None,
    as_json: AsJson = False,
) -> None:
    """What waits for a person, the most valuable first."""
    from kaeshi.steps import review as steps
    from kaeshi.types import ReviewState

    if state != "all" and state not in get_args(ReviewState):
        msg = f"state {state!r} is none of {', '.join(get_args(ReviewState))}, all"
        raise InvalidInput(msg)
    wanted = None if state == "all" else cast("Any", state)  # looked at just above
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
    from kaeshi.steps import review as steps

    with_loop(
        db, assistant, lambda loop: steps.decide(loop, ref, state, by=by, note=note, answer=answer)
    )
    show({"ref": ref, "state": state, "by": by}, as_json=as_json, text=f"{ref} {state} by {by}")


Note = Annotated[str, typer.Option(help="Why.")]


@review.command()
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


@review.command()
def correct(
    ref: str,
    by: By,
    answer: Annotated[str, typer.Option(help="The right answer.")],
    note: Note = "",
    db: Database = None,
    assistant: Who = None,
    as_json: AsJson = False,
) -> None:
    """Put the right answer in the place of a wrong one."""
    _decide(ref, "corrected", by, note, answer, db, assistant, as_json=as_json)


@review.command()
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


@collection.command("run")
def run(db: Database = None, assistant: Who = None, as_json: AsJson = False) -> None:
    """Judge and scrub every closed conversation that changed since it was last judged."""
    from kaeshi.steps import collection as steps

    done = with_loop(db, assistant, steps.collect)
    result = {
        "judged": done.judged,
        "kept": done.kept,
        "dropped": dict(done.dropped),
        "pii_replaced": dict(done.pii),
        "total_kept": done.total_kept,
        "ready_to_retrain": done.ready_to_retrain,
    }
    words = f"{done.judged} judged: {done.kept} kept, dropped: {counts(dict(done.dropped))}\npersonal data replaced: {counts(dict(done.pii))}\n{done.total_kept} examples in all{', ready to retrain' if done.ready_to_retrain else ''}"
    show(result, as_json=as_json, text=words)
