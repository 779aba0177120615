"""`kaeshi conversation`: import conversation logs, report outcomes, show one."""

from datetime import datetime
from typing import Annotated, Any

import typer

from kaeshi.cli.opening import with_loop
from kaeshi.cli.output import (
    AsJson,
    Database,
    Files,
    Who,
    group,
    progress,
    show,
    table,
)
from kaeshi.errors import InvalidInput
from kaeshi.formats.logs import NAMES
from kaeshi.gateway.worker import take
from kaeshi.loop import Loop
from kaeshi.rules.conversation import NOTHING_STORED, decode
from kaeshi.steps import conversation as steps
from kaeshi.steps import importing
from kaeshi.steps.importing import Logs

app = group()
COUNTED = ("new", "grown", "unchanged", "messages", "feedback")


ConsentOption = Annotated[
    str | None,
    typer.Option(
        "--consent", help="Consent for the whole import: granted, legitimate_interest or none."
    ),
]


def consent_of(text: str | None) -> Any:
    """A consent, or InvalidInput."""
    if text not in {None, "granted", "legitimate_interest", "none"}:
        msg = f"consent {text!r} must be granted, legitimate_interest or none"
        raise InvalidInput(msg)
    return text


@app.command("import")
def import_(
    files: Files,
    consent: ConsentOption = None,
    format_: Annotated[
        str | None,
        typer.Option("--format", help=f"What the files are: {', '.join(NAMES)}. Default: seen."),
    ] = None,
    columns: Annotated[
        str | None,
        typer.Option(
            "--columns",
            help="Columns of a table: conversation=…,role=…,content=…,at=…, where names differ.",
        ),
    ] = None,
    db: Database = None,
    assistant: Who = None,
    as_json: AsJson = False,
) -> None:
    """Import conversation logs of any known format, with the feedback in them.

    Importing a file twice changes nothing. A bad record is refused and counted.
    """
    agreed = consent_of(consent)
    logs = [Logs(path=path, format=format_, columns=columns) for path in files]

    async def go(loop: Loop) -> dict[str, Any]:
        return await _import_all(logs, loop, agreed)

    done = with_loop(db, assistant, go)
    refused = done["refused"]
    _show_imported(done, refused, as_json)
    if refused and not (done["new"] or done["unchanged"] or done["grown"]):
        raise typer.Exit(1)


async def _import_all(logs: list[Logs], loop: Loop, agreed: Any) -> dict[str, Any]:
    total: dict[str, Any] = dict.fromkeys(COUNTED, 0) | {"refused": []}
    with progress() as shown:
        for log in logs:
            async for done in importing.imported(loop, log, consent=agreed):
                for name in (*COUNTED, "refused"):
                    total[name] += getattr(done, name)
                shown(f"{log.path.name}: {total['new'] + total['unchanged']} conversations", 0)
    return total


def _show_imported(done: dict[str, Any], refused: Any, as_json: AsJson) -> None:
    words = (
        f"{done['new']} new conversations ({done['messages']} messages), {done['grown']} grown, "
        f"{done['unchanged']} unchanged, {len(refused)} refused"
        f"{', feedback on {} messages'.format(done['feedback']) if done['feedback'] else ''}"
    )
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


@app.command()
def outcome(
    conversation_id: str,
    facts: Annotated[
        list[str], typer.Argument(help="NAME=VALUE, such as escalated=true booked=false.")
    ],
    at: Annotated[
        str | None, typer.Option(help="When it happened, ISO 8601. Default: now.")
    ] = None,
    db: Database = None,
    assistant: Who = None,
    as_json: AsJson = False,
) -> None:
    """Report the outcome of a conversation; late and repeated reports are welcome."""
    reported = _facts_of(facts)
    moment = _moment_of(at)
    new = with_loop(
        db,
        assistant,
        lambda loop: steps.report_outcome(loop, conversation_id, reported, at=moment, source="cli"),
    )
    show({"new": new}, as_json=as_json, text=f"{new} new, {len(reported) - new} known before")


def _facts_of(
    facts: Annotated[
        list[str], typer.Argument(help="NAME=VALUE, such as escalated=true booked=false.")
    ],
) -> dict[str, object]:
    """The reported outcomes by name: JSON where a value is JSON, text otherwise."""
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
    return reported


def _moment_of(at: str | None) -> datetime | None:
    """The time given with --at; None for now. Raises InvalidInput without a time zone."""
    try:
        moment = datetime.fromisoformat(at) if at else None
    except ValueError as error:
        msg = f"--at {at!r} is not an ISO 8601 time"
        raise InvalidInput(msg) from error
    if moment is not None and moment.tzinfo is None:
        msg = f"--at {at!r} has no time zone; write 2025-10-31T12:00:00Z"
        raise InvalidInput(msg)
    return moment


@app.command("list")
def list_(
    search: Annotated[
        str | None, typer.Option("--search", help="Only those in which these words were said.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000)] = 20,
    db: Database = None,
    assistant: Who = None,
    as_json: AsJson = False,
) -> None:
    """Show the latest conversations, or the latest in which something was said."""

    async def listed(loop: Loop) -> list[Any]:
        await take(loop)  # what a gateway has logged, and its worker has not stored yet
        return await steps.latest(loop, limit, search)

    found = with_loop(db, assistant, listed)
    rows = [_row(one) for one in found]
    nothing = (
        NOTHING_STORED if search is None else f"{search!r} was said in none of the conversations"
    )
    head = ("began", "conversation", "messages", "arm", "state", "consent", "first words")
    show(found, as_json=as_json, text=table(head, rows) if rows else nothing)


def _row(one: Any) -> tuple[object, ...]:
    return (
        one["started_at"][:16].replace("T", " "),
        one["conversation_id"],
        one["messages"],
        one["arm"] or "",
        "closed" if one["closed"] else "open",
        one["consent"],
        one["said"],
    )


@app.command("show")
def show_(
    conversation_id: str, db: Database = None, assistant: Who = None, as_json: AsJson = False
) -> None:
    """Show one conversation with its texts decrypted."""
    found = with_loop(db, assistant, lambda loop: steps.show(loop, conversation_id))
    head = (
        f"{found['conversation_id']}  customer {found['customer']}  consent {found['consent']}  "
        f"contained {found['contained']}\noutcome: {found['outcome']}\n"
    )
    show(
        found,
        as_json=as_json,
        text=head
        + "\n".join(
            f"{m['role']:>9}  {m.get('content') or m.get('tool_calls')}" for m in found["messages"]
        ),
    )
