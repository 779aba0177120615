"""`kaeshi feedback`: record feedback, import it, count it."""

from typing import Annotated, Any

import typer

from kaeshi.cli.opening import with_loop
from kaeshi.cli.output import (
    AsJson,
    Database,
    Files,
    Who,
    group,
    show,
    table,
)
from kaeshi.formats.logs import source
from kaeshi.loop import Loop
from kaeshi.nouns import Feedback
from kaeshi.rules import trust
from kaeshi.rules.feedback import BEST_RATING, parse
from kaeshi.steps import feedback as steps
from kaeshi.steps import weighing

app = group()


@app.command("add")
def add(
    message_id: str,
    vote: Annotated[str | None, typer.Option(help="up or down")] = None,
    rating: Annotated[int | None, typer.Option(help="1 to 5 stars")] = None,
    helpful: Annotated[bool | None, typer.Option(help="Was it helpful?")] = None,
    accurate: Annotated[bool | None, typer.Option(help="Was it accurate?")] = None,
    comment: Annotated[str | None, typer.Option(help="In words.")] = None,
    correction: Annotated[str | None, typer.Option(help="The right answer.")] = None,
    author: Annotated[str, typer.Option(help="The author.")] = "",
    db: Database = None,
    assistant: Who = None,
    as_json: AsJson = False,
) -> None:
    """Record feedback on a message."""
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

    async def go(loop: Loop) -> tuple[steps.Recorded, object]:
        recorded = (await steps.record(loop, [said]))[0]
        return recorded, loop.settings.min_quality_score

    recorded, least = with_loop(db, assistant, go)
    result = {
        "feedback_id": recorded.id,
        "quality_score": recorded.quality.tenths / 10,
        "proposed": recorded.proposed,
    }
    quality = recorded.quality.tenths / 10
    proposed = (
        "  proposed for training"
        if recorded.proposed
        else f"  below {least} (MIN_QUALITY_SCORE), so it proposes nothing{_missing(said)}"
    )
    show(result, as_json=as_json, text=f"{recorded.id}  quality {quality}{proposed}")


def _missing(said: Feedback) -> str:
    """What would add to the score."""
    adds = {
        "a thumbs-up": said.vote == "up",
        "five stars": said.rating == BEST_RATING,
        "--helpful": said.helpful is True,
        "--accurate": said.accurate is True,
    }
    words = ", ".join(name for name, is_given in adds.items() if not is_given)
    return f"; {words} would add to it" if words else ""


@app.command("import")
def import_feedback(
    files: Files,
    author: Annotated[str, typer.Option(help="Author, where a record names none.")] = "",
    db: Database = None,
    assistant: Who = None,
    as_json: AsJson = False,
) -> None:
    """Import feedback.

    One JSON object per line: {message_id, vote, rating, ...}, or a conversation record with a
    `feedback` part.
    """

    async def go(loop: Loop) -> list[Any]:
        return [
            await steps.import_records(
                loop, steps.parsed_lines(source.lines(path), str(path)), author=author
            )
            for path in files
        ]

    done = with_loop(db, assistant, go)
    refused, result = _show_imported(done, as_json)
    if refused and not result["recorded"]:
        raise typer.Exit(1)


def _show_imported(done: list[Any], as_json: AsJson) -> tuple[list[Any], dict[str, Any]]:
    refused = [why for piece in done for why in piece.refused]
    result = {
        "recorded": sum(p.recorded for p in done),
        "without_feedback": sum(p.without for p in done),
        "refused": refused,
    }
    words = (
        f"{result['recorded']} recorded, {result['without_feedback']} records without feedback, "
        f"{len(refused)} refused"
    )
    show(result, as_json=as_json, text="\n".join([words, *refused[:20]]))
    return refused, result


@app.command()
def stats(
    days: Annotated[int, typer.Option(help="How far back.")] = 30,
    db: Database = None,
    assistant: Who = None,
    as_json: AsJson = False,
) -> None:
    """Votes, mean stars and the share of answers that were rated."""
    found = with_loop(db, assistant, lambda loop: steps.analytics(loop, days))
    show(
        found,
        as_json=as_json,
        text=table(
            ("figure", f"last {days} days"),
            [(name, "unknown" if value is None else value) for name, value in found.items()],
        ),
    )


@app.command()
def votes(
    conversation: str, db: Database = None, assistant: Who = None, as_json: AsJson = False
) -> None:
    """Show every vote that counts for a conversation's answer: its weight, and why."""
    found = with_loop(db, assistant, lambda loop: weighing.votes_on(loop, conversation))
    result = [each.model_dump(mode="json") for each in found]
    show(result, as_json=as_json, text=_votes(found) if found else "no vote on it is stored")


def _votes(found: list[trust.Weighed]) -> str:
    head = ("customer", "stars", "at", "weight", "why")
    rows = [
        (w.vote.customer, w.vote.stars, f"{w.vote.at:%Y-%m-%d %H:%M}", f"{w.weight:.2f}", w.why)
        for w in found
    ]
    summed = trust.standing(found)
    return (
        f"{table(head, rows)}\n{summed.praise:.3g} independent customers call it right and "
        f"{summed.blame:.3g} do not; at least {summed.bound:.0%} of such customers would"
    )
