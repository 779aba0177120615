"""`kaeshi conversation`: import conversation logs, report outcomes, show one."""

from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from kaeshi.cli.opening import with_loop
from kaeshi.cli.output import (
    AsJson,
    By,
    Database,
    Files,
    Who,
    group,
    progress,
    show,
    table,
)
from kaeshi.errors import InvalidInput
from kaeshi.formats import exports
from kaeshi.formats.logs import NAMES
from kaeshi.gateway.worker import take
from kaeshi.loop import Loop
from kaeshi.rules.conversation import NOTHING_STORED, decode
from kaeshi.steps import consent as consents
from kaeshi.steps import conversation as steps
from kaeshi.steps import exporting, importing
from kaeshi.steps.consent import Agreed
from kaeshi.steps.importing import Logs

app = group()
COUNTED = ("new", "grown", "unchanged", "messages", "feedback", "consents", "withdrawn", "silent")


HOW = {
    "record": "in its log",
    "request": "in a request",
    "person": "entered",
    "import": "for a whole import",
    "setting": "by GATEWAY_CONSENT",
    "earlier": "before statements were stored",
}


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
    lines = [words, *consent_lines(done), *refused[:20]]
    if len(refused) > 20:
        lines.append(f"and {len(refused) - 20} more")
    show(done, as_json=as_json, text="\n".join(lines))


def consent_lines(done: dict[str, int]) -> list[str]:
    """What an import says about consent."""
    lines = []
    if done["consents"]:
        lines.append(f"consent changed in {done['consents']} known conversations")
    if done["withdrawn"]:
        lines.append(
            f"{done['withdrawn']} stay withdrawn: an import does not undo a withdrawal; "
            "`kaeshi conversation consent granted ID` does, where the customer agreed since"
        )
    if done["silent"]:
        lines.append(
            f"nothing is learned from {done['silent']} of them: they carry no consent. Where your "
            "customers agreed, import again with --consent granted"
        )
    return lines


@app.command()
def export(
    out: Annotated[Path, typer.Argument(help="The file to write.")],
    format_: Annotated[
        str | None,
        typer.Option("--format", help="jsonl or parquet. Default: by the file's name."),
    ] = None,
    raw: Annotated[
        bool, typer.Option("--raw", help="With the texts as they were said, personal data and all.")
    ] = False,
    since: Annotated[
        str | None, typer.Option(help="Only those that began then or later, ISO 8601.")
    ] = None,
    until: Annotated[
        str | None, typer.Option(help="Only those that began before, ISO 8601.")
    ] = None,
    db: Database = None,
    assistant: Who = None,
    as_json: AsJson = False,
) -> None:
    """Write all conversations to a file that can be imported again, or analysed.

    Personal data is replaced as it is for training, and customers are pseudonyms.
    """
    form = exports.format_of(out, format_)
    start = _moment_of(since, "--since")
    end = _moment_of(until, "--until")

    async def go(loop: Loop) -> dict[str, Any]:
        await take(loop)
        done: dict[str, Any] = {"conversations": 0, "unscrubbed": 0, "raw": raw, "file": str(out)}
        with exports.writing(out, form) as write:
            async for part in exporting.exported(loop, raw=raw, since=start, until=end):
                write(part.records)
                done["conversations"] += len(part.records)
                done["unscrubbed"] += part.unscrubbed
        return done

    done = with_loop(db, assistant, go)
    lines = [f"{done['conversations']} conversations in {out}, {'raw' if raw else 'scrubbed'}"]
    if done["unscrubbed"]:
        lines.append(f"{done['unscrubbed']} were left out, because they cannot be scrubbed")
    if not done["conversations"] and since is None and until is None:
        lines.append(NOTHING_STORED)
    show(done, as_json=as_json, text="\n".join(lines))


@app.command()
def consent(
    consent: Annotated[str, typer.Argument(help="granted, legitimate_interest or none.")],
    conversation_ids: Annotated[list[str], typer.Argument(help="Ids of conversations.")],
    by: By,
    text: Annotated[
        str, typer.Option("--text", help="What was agreed to, such as a version of your terms.")
    ] = "",
    of_customers: Annotated[
        bool,
        typer.Option("--of-customers", help="In all other conversations of the customers, too."),
    ] = False,
    db: Database = None,
    assistant: Who = None,
    as_json: AsJson = False,
) -> None:
    """Record that customers agreed that their conversations are learned from, or withdrew it.

    A withdrawal takes effect at once: what was collected is deleted, and what was made of it before
    is named.
    """
    agreed = consent_of(consent)

    async def go(loop: Loop) -> Agreed:
        await take(loop)
        return await consents.agree(
            loop, conversation_ids, agreed, by=by, text=text, of_customers=of_customers
        )

    done = with_loop(db, assistant, go)
    show(vars(done), as_json=as_json, text="\n".join(_agreed_lines(done, agreed)))


def _agreed_lines(done: Agreed, agreed: str) -> list[str]:
    if not done.changed:
        return [f"nothing changed: it was {agreed} before"]
    lines = [f"consent is {agreed} now in {', '.join(done.changed)}"]
    if done.datasets:
        lines.append(
            f"datasets that hold what was withdrawn: {', '.join(done.datasets)}. They are not "
            "trained on any more: `kaeshi dataset build` builds one without it"
        )
    if done.models:
        lines.append(
            f"models trained on these datasets: {', '.join(done.models)}. A model cannot unlearn: "
            "train one on the new dataset, and retire these"
        )
    return lines


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


def _moment_of(at: str | None, option: str = "--at") -> datetime | None:
    """The time given with an option; None without. Raises InvalidInput without a time zone."""
    try:
        moment = datetime.fromisoformat(at) if at else None
    except ValueError as error:
        msg = f"{option} {at!r} is not an ISO 8601 time"
        raise InvalidInput(msg) from error
    if moment is not None and moment.tzinfo is None:
        msg = f"{option} {at!r} has no time zone; write 2025-10-31T12:00:00Z"
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
        f"contained {_yes(found['contained'])}\noutcome: {_outcome(found['outcome'])}\n"
        f"{''.join(map(_consent_line, found['consents']))}"
    )
    show(
        found,
        as_json=as_json,
        text=head + "\n".join(_message_line(message) for message in found["messages"]),
    )


def _message_line(message: dict[str, Any]) -> str:
    """The id, by which it is rated, who said it, and what."""
    said = message.get("content") or message.get("tool_calls")
    return f"{message['message_id']}  {message['role']:>9}  {said}"


def _outcome(facts: dict[str, Any]) -> str:
    return ", ".join(f"{name} {_yes(value)}" for name, value in facts.items()) or "not reported"


def _yes(value: object) -> str:
    """Yes, no or unknown; another value as it is."""
    known = {True: "yes", False: "no", None: "unknown"}
    return known[value] if value is None or isinstance(value, bool) else str(value)


def _consent_line(said: dict[str, Any]) -> str:
    when = f" at {said['said_at'][:16]}" if said["said_at"] else ""
    by = f" by {said['by']}" if said["by"] else ""
    text = f", to {said['text']!r}" if said["text"] else ""
    return f"consent: {said['consent']}{when}, {HOW[said['how']]}{by}{text}\n"
