"""`kaeshi run`: the whole loop over recorded logs."""

from pathlib import Path
from typing import Annotated, Any

import typer

from kaeshi.cli.conversation import consent_lines, consent_of
from kaeshi.cli.opening import with_loop
from kaeshi.cli.output import AsJson, Database, Who, counts, group, progress, show
from kaeshi.loop import Loop
from kaeshi.steps import offline, report
from kaeshi.steps.importing import Logs
from kaeshi.steps.report_mail import text

app = group()


@app.command()
def run(
    files: Annotated[list[Path], typer.Argument(help="Conversation logs, JSONL or JSONL.gz.")],
    consent: Annotated[
        str | None,
        typer.Option(
            "--consent", help="Consent for the whole import: granted, legitimate_interest or none."
        ),
    ] = None,
    approve_policy: Annotated[
        bool,
        typer.Option("--approve-policy", help="Approve knowledge proposals by the stated policy."),
    ] = False,
    db: Database = None,
    assistant: Who = None,
    as_json: AsJson = False,
) -> None:
    """Run the loop over recorded logs.

    Import, score, collect, scrub, build, train, judge, propose, report.
    """
    agreed = consent_of(consent)

    async def go(loop: Loop) -> dict[str, Any]:
        return await _run_loop(files, loop, agreed, approve_policy, as_json=as_json)

    done = with_loop(db, assistant, go)
    show(
        {k: v for k, v in done.items() if k != "report_text"},
        as_json=as_json,
        text=lambda: _run_text(done),
    )


async def _run_loop(
    files: Annotated[list[Path], typer.Argument(help="Conversation logs, JSONL or JSONL.gz.")],
    loop: Loop,
    agreed: Any,
    approve_policy: Annotated[
        bool,
        typer.Option("--approve-policy", help="Approve knowledge proposals by the stated policy."),
    ],
    *,
    as_json: bool,
) -> dict[str, Any]:
    with progress() as shown:
        logs = [Logs(path=path) for path in files]
        taken = await offline.take_in(loop, logs, consent=agreed, progress=shown)
        if not as_json:  # said at once: what comes next may be refused
            typer.echo("\n".join(_import_lines(taken)))
        learned = await offline.learn(loop, progress=shown)
        proposed = await offline.propose_knowledge(loop, approve_policy=approve_policy)
        composed = await report.compose(loop, by_log_clock=True)
    return {
        "import": taken,
        **learned,
        "knowledge": proposed,
        "report": composed.model_dump(mode="json"),
        "report_text": text(composed),
        "data_dir": str(loop.settings.data_dir),
    }


def _run_text(done: dict[str, Any]) -> str:
    return "\n".join(
        [
            *_learned_lines(done),
            *_accuracy_lines(done["judged"]),
            *_proposed_lines(done),
            "",
            done["report_text"],
            f"files       {done['data_dir']}",
        ]
    )


def _import_lines(taken: dict[str, Any]) -> list[str]:
    return [
        (
            f"import      {taken['new']} new conversations, {taken['unchanged']} unchanged, "
            f"{taken['messages']} messages, {taken['feedback']} with feedback, "
            f"{taken['refused']} refused"
        ),
        *[f"            {why}" for why in [*consent_lines(taken), *taken["first_refusals"]]],
    ]


def _learned_lines(done: dict[str, Any]) -> list[str]:
    dataset = done["dataset"]
    return [
        f"collection  {done['kept']} kept; dropped: {counts(done['dropped'])}",
        "            (no quality minimum here: recorded questionnaires are often incomplete)",
        f"pii         replaced: {counts(done['pii_replaced'])}",
        (
            f"dataset     {dataset['id']}: {dataset['rows']} rows ({dataset['train']} train, "
            f"{dataset['validation']} validation) from conversations before {dataset['until'][:16]}"
        ),
        f"            not taken: {counts(dataset['dropped'])}",
        f"training    {done['run']['model']} by the {done['run']['provider']} trainer",
    ]


def _accuracy_lines(judged: dict[str, Any]) -> list[str]:
    figures = (
        ("answered instead of handing over", "answered", ""),
        ("next action right, when answered", "act_when_answered", ""),
        ("next action right, of all", "act_of_all", ""),
        ("(always the most common action", "always_most_common_act", ")"),
        ("exact reply, when answered", "exact_when_answered", ""),
        ("exact reply, replies seen", "exact_seen", ""),
        (
            "exact reply, replies never seen",
            "exact_unseen",
            " (it picks known replies, it cannot write)",
        ),
    )
    return [
        (
            f"evaluation  last 20 % by time, never in any dataset: {judged['conversations']} "
            f"conversations, {judged['turns']} answers asked for"
        ),
        *[f"            {name:<35}{_share(judged[key])}{more}" for name, key, more in figures],
    ]


def _proposed_lines(done: dict[str, Any]) -> list[str]:
    knowledge = done["knowledge"]
    return [
        (
            f"candidate   {done['candidate']} registered with this evidence; "
            "nothing is promoted without live traffic"
        ),
        (
            f"knowledge   {knowledge['proposed']} proposed, {knowledge['approved']} approved; "
            f"not proposed: {counts(knowledge['not_proposed'])}"
        ),
        *[
            f"            {_short(each['question'])}  ->  {_short(each['answer'])}"
            for each in knowledge["examples"][:3]
        ],
    ]


def _share(found: dict[str, Any] | None) -> str:
    if found is None:
        return "nothing to judge"
    return f"{found['share']:.1%} of {found['of']} [{found['low']:.1%}, {found['high']:.1%}]"


def _short(text: str) -> str:
    return " ".join(text.split())[:60]
