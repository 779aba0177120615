"""Commands that learn: dataset, training, evaluation."""

from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from kaeshi.cli.output import (
    AsJson,
    Database,
    Who,
    counts,
    lines_of,
    progress,
    show,
    table,
    with_loop,
)


def commands(app: typer.Typer) -> None:
    """Hang the groups on the app."""
    app.add_typer(dataset, name="dataset", help="Build and check training data.")
    app.add_typer(
        training, name="training", help="Fine-tune through any provider of OpenAI's wire."
    )
    app.add_typer(evaluation, name="evaluation", help="Hold models to their promises.")


dataset = typer.Typer(no_args_is_help=True)
training = typer.Typer(no_args_is_help=True)
evaluation = typer.Typer(no_args_is_help=True)


@dataset.command()
def build(
    out: Annotated[
        Path | None,
        typer.Option(
            help="Folder for train.jsonl, validation.jsonl and manifest.json. Default: in the data directory."
        ),
    ] = None,
    max_samples: Annotated[int | None, typer.Option(min=1, help="The best so many.")] = None,
    db: Database = None,
    assistant: Who = None,
    as_json: AsJson = False,
) -> None:
    """Build a dataset of everything that may be learned."""
    from kaeshi.steps import dataset as steps

    async def go(loop: Any) -> Any:
        return await steps.write(loop, await steps.build(loop, max_samples=max_samples), out)

    built = with_loop(db, assistant, go)
    files = built.manifest["files"]
    words = f"{built.id}: {len(built.lines)} rows ({files['train.jsonl']['rows']} train, {files['validation.jsonl']['rows']} validation) in {built.path}\nnot taken: {counts(built.manifest['dropped'])}"
    show(
        {
            "id": built.id,
            "path": built.path,
            "rows": len(built.lines),
            "files": files,
            "dropped": built.manifest["dropped"],
        },
        as_json=as_json,
        text=words,
    )


@dataset.command()
def export(
    out: Annotated[Path, typer.Argument(help="The file to write.")],
    kind: Annotated[
        str,
        typer.Option(
            help="sft (rows with weights), dpo (answer and correction), kto (liked or not)."
        ),
    ] = "sft",
    form: Annotated[
        str, typer.Option("--format", help="openai, or trl (which Axolotl and LLaMA-Factory read).")
    ] = "openai",
    db: Database = None,
    assistant: Who = None,
    as_json: AsJson = False,
) -> None:
    """Write what people said of answers as training rows for any trainer."""
    from typing import get_args

    from kaeshi.errors import InvalidInput
    from kaeshi.rules.preferences import Format, Kind
    from kaeshi.steps import preferences as steps

    for name, given, known in (
        ("--kind", kind, get_args(Kind)),
        ("--format", form, get_args(Format)),
    ):
        if given not in known:
            msg = f"{name} {given!r} is none of {', '.join(known)}"
            raise InvalidInput(msg)
    count = with_loop(db, assistant, lambda loop: steps.export(loop, out, kind, form))  # type: ignore[arg-type]  # checked above
    show({"rows": count, "path": str(out)}, as_json=as_json, text=f"{count} rows in {out}")


@dataset.command()
def check(
    path: Path,
    least: Annotated[int, typer.Option(help="Least number of rows.")] = 200,
    as_json: AsJson = False,
) -> None:
    """Say what is wrong with a training file, line by line."""
    from kaeshi.steps import dataset as steps

    faults = steps.check(path, least=least)
    show(
        {"valid": not faults, "faults": faults},
        as_json=as_json,
        text="valid" if not faults else "\n".join(faults),
    )
    if faults:
        raise typer.Exit(1)


Base = Annotated[
    str | None, typer.Option("--model", help="Base model. Default: FINE_TUNE_BASE_MODEL.")
]
Epochs = Annotated[int | None, typer.Option(min=1, max=50, help="Default: FINE_TUNE_EPOCHS.")]


@training.command()
def estimate(
    path: Path, model: Base = None, epochs: Epochs = None, as_json: AsJson = False
) -> None:
    """What training on a file would cost."""
    from kaeshi.steps import training as steps

    found = with_loop(
        None,
        None,
        lambda loop: steps.estimate(
            loop,
            path,
            model or loop.settings.fine_tune_base_model,
            epochs or loop.settings.fine_tune_epochs,
        ),
    )
    show(
        found,
        as_json=as_json,
        text=f"{found.tokens} tokens x {found.epochs} epochs at ${found.price_per_million_usd} per million: ${found.estimated_cost_usd}\nprice: {found.source}",
    )


@training.command()
def start(
    path: Path,
    model: Base = None,
    suffix: Annotated[str | None, typer.Option(help="Default: FINE_TUNE_SUFFIX.")] = None,
    epochs: Epochs = None,
    validation: Annotated[
        Path | None,
        typer.Option(help="Rows held out; the checkpoint that does best on them is taken."),
    ] = None,
    method: Annotated[
        Literal["supervised", "dpo"],
        typer.Option(help="supervised, or dpo for rows of preferences."),
    ] = "supervised",
    db: Database = None,
    assistant: Who = None,
    as_json: AsJson = False,
) -> None:
    """Upload a file and start a job; asking again for the same work finds the first one. The embedded trainer is waited for."""
    from kaeshi.steps import training as steps

    async def go(loop: Any) -> Any:
        s = loop.settings
        with progress() as shown:
            shown("uploading", 0)
            run = await steps.start(
                loop,
                await steps.upload(loop, path, method),
                model or s.fine_tune_base_model,
                suffix or s.fine_tune_suffix,
                epochs or s.fine_tune_epochs,
                validation_file_id=await steps.upload(loop, validation, method)
                if validation is not None
                else None,
                method=method,
            )
            return (
                await steps.wait(loop, run, lambda r: shown(f"training: {r.state}", 0))
                if loop.trainer.embedded
                else run
            )

    run = with_loop(db, assistant, go)
    show(
        run,
        as_json=as_json,
        text=f"{run.id}  {run.state}  {run.model or run.job_id or ''}{'  ' + run.error if run.error else ''}",
    )
    if run.state == "failed":
        raise typer.Exit(1)


@training.command()
def status(
    run_id: str, db: Database = None, assistant: Who = None, as_json: AsJson = False
) -> None:
    """Look at a run at its provider, and at what was said of it on the way."""
    from kaeshi.steps import training as steps

    async def go(loop: Any) -> Any:
        run = await steps.look(loop, await steps.find(loop, run_id))
        return run, await steps.events(loop, run)

    run, events = with_loop(db, assistant, go)
    words = [
        f"{run.id}  {run.state}  {run.model or run.job_id or ''}{'  ' + run.error if run.error else ''}"
    ]
    words += [f"  {event.at:%Y-%m-%d %H:%M:%S}  {event.message}" for event in events]
    told = run.model_dump(mode="json") | {
        "events": [event.model_dump(mode="json") for event in events]
    }
    show(told, as_json=as_json, text="\n".join(words))


@training.command()
def decide(
    run_id: str,
    job: Annotated[str | None, typer.Option(help="The provider's job that is this run's.")] = None,
    again: Annotated[
        bool, typer.Option("--again", help="There is none: ask for it again.")
    ] = False,
    db: Database = None,
    assistant: Who = None,
    as_json: AsJson = False,
) -> None:
    """Say what became of a run that is 'unknown': a job, none (--again), or give it up."""
    from kaeshi.steps import training as steps

    async def go(loop: Any) -> Any:
        return await steps.decide(loop, await steps.find(loop, run_id), job=job, again=again)

    run = with_loop(db, assistant, go)
    show(run, as_json=as_json, text=f"{run.id}  {run.state}  {run.job_id or ''}")


@training.command()
def retiring(db: Database = None, assistant: Who = None, as_json: AsJson = False) -> None:
    """Models in use that will stop answering within 90 days."""
    from kaeshi.steps import training as steps

    found = with_loop(db, assistant, steps.retiring)
    show(
        [vars(s) for s in found],
        as_json=as_json,
        text="\n".join(map(str, found)) or "no model in use retires soon",
    )


@training.command()
def money(db: Database = None, assistant: Who = None, as_json: AsJson = False) -> None:
    """What this month's training did cost, what is reserved, and the caps."""
    from kaeshi.steps import training as steps

    found = with_loop(db, assistant, steps.money)
    text = f"this month: ${found['committed_usd']} of ${found['cap_month_usd']} spent or reserved; one run at most ${found['cap_run_usd']}"
    show(found, as_json=as_json, text=text)


@training.command("list")
def list_(db: Database = None, assistant: Who = None, as_json: AsJson = False) -> None:
    """Every run, the latest first."""
    from kaeshi.steps import training as steps

    runs = with_loop(db, assistant, steps.history)
    show(
        runs,
        as_json=as_json,
        text=lambda: table(
            ("run", "state", "base", "epochs", "model", "cost", "started"),
            [
                (
                    r.id,
                    r.state,
                    r.base_model,
                    r.epochs,
                    r.model or r.error or "-",
                    f"${r.booked_usd:.2f}"
                    if r.booked_usd is not None
                    else f"up to ${r.reserved_usd:.2f}",
                    f"{r.created_at:%Y-%m-%d %H:%M}",
                )
                for r in runs
            ],
        ),
    )


@evaluation.command("add")
def add(
    files: Annotated[
        list[Path],
        typer.Argument(
            help="JSONL: {question or messages, must_say, must_not_say, expected, hand_over}."
        ),
    ],
    db: Database = None,
    assistant: Who = None,
    as_json: AsJson = False,
) -> None:
    """Add test cases; they are kept out of every dataset from now on."""
    from kaeshi.steps import evaluation as steps
    from kaeshi.steps.feedback import parsed_lines

    async def go(loop: Any) -> Any:
        return await steps.add(
            loop, (item for path in files for item in parsed_lines(lines_of(path), str(path)))
        )

    stored, refused = with_loop(db, assistant, go)
    show(
        {"stored": [c.id for c in stored], "refused": refused},
        as_json=as_json,
        text="\n".join([f"{len(stored)} stored, {len(refused)} refused", *refused[:20]]),
    )
    if refused and not stored:
        raise typer.Exit(1)


@evaluation.command("run")
def run_(model: str, db: Database = None, assistant: Who = None, as_json: AsJson = False) -> None:
    """Ask a model every test case."""
    from kaeshi.steps import evaluation as steps

    found = with_loop(db, assistant, lambda loop: steps.run(loop, model))
    failed = [(r.case, r.why) for r in found.results if not r.passed]
    show(
        found,
        as_json=as_json,
        text=f"{found.passed} passed, {found.failed} failed"
        + ("\n" + table(("case", "why"), failed) if failed else ""),
    )
    if found.failed:
        raise typer.Exit(1)


@evaluation.command()
def compare(
    model: str, other: str, db: Database = None, assistant: Who = None, as_json: AsJson = False
) -> None:
    """Two models' latest results side by side."""
    from kaeshi.steps import evaluation as steps

    found = with_loop(db, assistant, lambda loop: steps.compare(loop, model, other))
    rows = [(name, found[name]["passed"], found[name]["failed"]) for name in (model, other)]
    show(
        found,
        as_json=as_json,
        text=f"{table(('model', 'passed', 'failed'), rows)}\nonly {model} passes: {', '.join(found['won']) or 'none'}\nonly {other} passes: {', '.join(c['case'] for c in found['lost']) or 'none'}",
    )
