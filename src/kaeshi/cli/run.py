"""`kaeshi run`: the whole loop over recorded logs."""

from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from kaeshi.cli.conversation import consent_of
from kaeshi.cli.opening import with_loop
from kaeshi.cli.output import AsJson, Database, Who, counts, group, lines_of, progress, show
from kaeshi.loop import Loop
from kaeshi.steps import offline, report
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
    """Run the loop over recorded logs: import, score, collect, scrub, build, train, judge, propose, report."""
    agreed = consent_of(consent)

    async def go(loop: Loop) -> dict[str, Any]:
        return await _run_loop(files, loop, agreed, approve_policy)

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
) -> dict[str, Any]:
    with progress() as shown:
        logs = [offline.Logs(name=str(path), lines=partial(lines_of, path)) for path in files]
        taken = await offline.take_in(loop, logs, consent=agreed, progress=shown)
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
    taken = done["import"]
    data = done["dataset"]
    judged = done["judged"]
    kb = done["knowledge"]

    def share(found: dict[str, Any] | None) -> str:
        return (
            "nothing to judge"
            if found is None
            else f"{found['share']:.1%} of {found['of']} [{found['low']:.1%}, {found['high']:.1%}]"
        )

    lines = [
        f"import      {taken['new']} new conversations, {taken['unchanged']} unchanged, {taken['messages']} messages, {taken['feedback']} with feedback, {taken['refused']} refused",
        *[f"            {why}" for why in taken["first_refusals"]],
        f"collection  {done['kept']} kept; dropped: {counts(done['dropped'])}",
        "            (no quality minimum here: recorded questionnaires often lack an answer)",
        f"pii         replaced: {counts(done['pii_replaced'])}",
        f"dataset     {data['id']}: {data['rows']} rows ({data['train']} train, {data['validation']} validation) from conversations before {data['until'][:16]}",
        f"            not taken: {counts(data['dropped'])}",
        f"training    {done['run']['model']} by the {done['run']['provider']} trainer",
        f"evaluation  last 20 % by time, never in any dataset: {judged['conversations']} conversations, {judged['turns']} answers asked for",
        f"            answered instead of handing over   {share(judged['answered'])}",
        f"            next action right, when answered   {share(judged['act_when_answered'])}",
        f"            next action right, of all          {share(judged['act_of_all'])}",
        f"            (always the most common action     {share(judged['always_most_common_act'])})",
        f"            exact reply, when answered         {share(judged['exact_when_answered'])}",
        f"            exact reply, replies seen          {share(judged['exact_seen'])}",
        f"            exact reply, replies never seen    {share(judged['exact_unseen'])} (it picks replies, it cannot write)",
        f"candidate   {done['candidate']} registered with this evidence; nothing is promoted without live traffic",
        f"knowledge   {kb['proposed']} proposed, {kb['approved']} approved; not proposed: {counts(kb['not_proposed'])}",
        *[
            f"            {' '.join(e['question'].split())[:60]}  ->  {' '.join(e['answer'].split())[:60]}"
            for e in kb["examples"][:3]
        ],
        "",
        done["report_text"],
        f"files       {done['data_dir']}",
    ]
    return "\n".join(lines)
