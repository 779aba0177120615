"""`kaeshi training`: estimate, start and follow fine-tuning jobs."""

from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from kaeshi.cli.opening import with_loop
from kaeshi.cli.output import (
    AsJson,
    Database,
    Who,
    group,
    progress,
    show,
    table,
)
from kaeshi.errors import ProviderError
from kaeshi.loop import Loop
from kaeshi.steps import spending
from kaeshi.steps import training as steps

app = group()
NO_RUN = "no training run yet; `kaeshi training start FILE` begins one"


Base = Annotated[
    str | None, typer.Option("--model", help="Base model. Default: FINE_TUNE_BASE_MODEL.")
]


Epochs = Annotated[int | None, typer.Option(min=1, max=50, help="Default: FINE_TUNE_EPOCHS.")]


@app.command()
def estimate(
    path: Path, model: Base = None, epochs: Epochs = None, as_json: AsJson = False
) -> None:
    """Estimate the cost of training on a file."""
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
        text=(
            f"{found.tokens} tokens x {found.epochs} epochs at ${found.price_per_million_usd} "
            f"per million: ${found.estimated_cost_usd}\nprice: {found.source}"
        ),
    )


@app.command()
def start(
    path: Path,
    model: Base = None,
    suffix: Annotated[str | None, typer.Option(help="Default: FINE_TUNE_SUFFIX.")] = None,
    epochs: Epochs = None,
    validation: Annotated[
        Path | None,
        typer.Option(help="Held-out rows; the checkpoint with the least loss on them is taken."),
    ] = None,
    method: Annotated[
        Literal["supervised", "dpo"],
        typer.Option(help="supervised, or dpo for rows of preferences."),
    ] = "supervised",
    db: Database = None,
    assistant: Who = None,
    as_json: AsJson = False,
) -> None:
    """Upload a file and start a job.

    Starting the same work again returns the first job. Waits for the embedded trainer.
    """

    async def go(loop: Loop) -> Any:
        return await _start_and_wait(loop, path, method, model, suffix, epochs, validation)

    run = with_loop(db, assistant, go)
    show(run, as_json=as_json, text=f"{run.id}  {run.state}  {run.model or run.job_id or ''}")
    if run.state == "failed":
        msg = f"{str(path)!r}: run {run.id} failed: {run.error}"
        raise ProviderError(msg)


async def _start_and_wait(
    loop: Loop,
    path: Path,
    method: Annotated[
        Literal["supervised", "dpo"],
        typer.Option(help="supervised, or dpo for rows of preferences."),
    ],
    model: Base,
    suffix: str | None,
    epochs: Epochs,
    validation: Path | None,
) -> Any:
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


@app.command()
def status(
    run_id: str, db: Database = None, assistant: Who = None, as_json: AsJson = False
) -> None:
    """Show a run with its state at the provider and the provider's events."""

    async def go(loop: Loop) -> Any:
        run = await steps.look(loop, await steps.find(loop, run_id))
        return run, await steps.events(loop, run)

    run, events = with_loop(db, assistant, go)
    _show_status(run, events, as_json)


def _show_status(run: Any, events: Any, as_json: AsJson) -> None:
    words = [
        (
            f"{run.id}  {run.state}  "
            f"{run.model or run.job_id or ''}{'  ' + run.error if run.error else ''}"
        )
    ]
    words += [f"  {event.at:%Y-%m-%d %H:%M:%S}  {event.message}" for event in events]
    shown = run.model_dump(mode="json") | {
        "events": [event.model_dump(mode="json") for event in events]
    }
    show(shown, as_json=as_json, text="\n".join(words))


@app.command()
def decide(
    run_id: str,
    job: Annotated[
        str | None, typer.Option(help="The provider's job that belongs to this run.")
    ] = None,
    again: Annotated[
        bool, typer.Option("--again", help="The provider has none: ask for it again.")
    ] = False,
    db: Database = None,
    assistant: Who = None,
    as_json: AsJson = False,
) -> None:
    """Resolve a run in state 'unknown'.

    Adopt the job that the provider has, ask again (--again), or give up.
    """

    async def go(loop: Loop) -> Any:
        return await steps.decide(loop, await steps.find(loop, run_id), job=job, again=again)

    run = with_loop(db, assistant, go)
    show(run, as_json=as_json, text=f"{run.id}  {run.state}  {run.job_id or ''}")


@app.command()
def retiring(db: Database = None, assistant: Who = None, as_json: AsJson = False) -> None:
    """List models in use that will be retired within 90 days."""
    found = with_loop(db, assistant, spending.retiring)
    show(
        [vars(s) for s in found],
        as_json=as_json,
        text="\n".join(map(str, found)) or "no model in use retires soon",
    )


@app.command()
def money(db: Database = None, assistant: Who = None, as_json: AsJson = False) -> None:
    """Show this month's training costs, the reserved amounts and the caps."""
    found = with_loop(db, assistant, spending.money)
    text = (
        f"this month: ${found['committed_usd']} of ${found['cap_month_usd']} spent or reserved; "
        f"one run at most ${found['cap_run_usd']}"
    )
    show(found, as_json=as_json, text=text)


@app.command("list")
def list_(db: Database = None, assistant: Who = None, as_json: AsJson = False) -> None:
    """List every run, the latest first."""
    runs = with_loop(db, assistant, steps.history)
    show(
        runs,
        as_json=as_json,
        text=lambda: (
            NO_RUN
            if not runs
            else table(
                ("run", "state", "base", "epochs", "model", "cost", "started", "error"),
                [
                    (
                        r.id,
                        r.state,
                        r.base_model,
                        r.epochs,
                        r.model or "-",
                        f"${r.booked_usd:.2f}"
                        if r.booked_usd is not None
                        else f"up to ${r.reserved_usd:.2f}",
                        f"{r.created_at:%Y-%m-%d %H:%M}",
                        r.error or "",
                    )
                    for r in runs
                ],
            )
        ),
    )
