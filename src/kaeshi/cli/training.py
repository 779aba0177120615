"""`kaeshi training`: estimate, start and follow fine-tuning jobs."""

import json
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

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
from kaeshi.errors import InvalidInput, ProviderError
from kaeshi.loop import Loop
from kaeshi.nouns import Candidate, Json, TrainingMethod, TrainingRun
from kaeshi.steps import prompting, spending, variants
from kaeshi.steps import training as steps

app = group()
_NEXT = (
    "`kaeshi evaluation run {model}` asks it the test cases, `kaeshi rollout start {model}` takes "
    "it towards customers"
)
Method = Literal["supervised", "dpo", "examples", "knowledge", "prompt", "sampling"]
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
    path: Annotated[
        Path | None,
        typer.Argument(help="Training file. Default, without weights: all that is collected."),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(
            "--model",
            help="Base model. Default: FINE_TUNE_BASE_MODEL; without weights, what answers now.",
        ),
    ] = None,
    suffix: Annotated[str | None, typer.Option(help="Default: FINE_TUNE_SUFFIX.")] = None,
    epochs: Epochs = None,
    validation: Annotated[
        Path | None,
        typer.Option(help="Held-out rows; the checkpoint with the least loss on them is taken."),
    ] = None,
    method: Annotated[
        Method,
        typer.Option(
            help="supervised; dpo for rows of preferences. Without weights: examples beside the "
            "question, a build of the knowledge base, a better prompt, or parameters of sampling."
        ),
    ] = "supervised",
    count: Annotated[
        int | None,
        typer.Option(min=1, max=50, help="Examples, or entries, for each question."),
    ] = None,
    parameters: Annotated[
        list[str] | None,
        typer.Option("--set", help="With sampling: NAME=VALUE, such as temperature=0.2."),
    ] = None,
    reflector: Annotated[
        str | None,
        typer.Option(help="With prompt: the model that writes better instructions."),
    ] = None,
    calls: Annotated[
        int | None, typer.Option(help="With prompt: how often the judged model is asked, at most.")
    ] = None,
    db: Database = None,
    assistant: Who = None,
    as_json: AsJson = False,
) -> None:
    """Make a candidate: upload a file and start a job, or change what the model reads.

    Starting the same work again returns the first job. Waits for the embedded trainer.
    """
    if method != "sampling":
        _refuse(method, set=parameters)
    if method == "prompt":
        _refuse(method, suffix=suffix, epochs=epochs, validation=validation, count=count)
        _search(db, assistant, as_json, path, _Wanted(model, reflector, calls))
        return
    _refuse(method, reflector=reflector, calls=calls)
    if method in {"examples", "knowledge", "sampling"}:
        _refuse(method, suffix=suffix, epochs=epochs, validation=validation)
        _show_variant(
            db,
            assistant,
            lambda loop: _variant(loop, path, method, model, count, parameters or []),
            as_json,
        )
        return
    _refuse(method, count=count)
    if path is None:
        msg = f"--method {method} needs a training file; `kaeshi dataset build` writes one"
        raise InvalidInput(msg)
    _train(db, assistant, as_json, _Job(path, method, model, suffix, epochs, validation))


class _Job(NamedTuple):
    """A fine-tuning job, as the options name it."""

    path: Path
    method: Method
    model: str | None
    suffix: str | None
    epochs: int | None
    validation: Path | None


class _Wanted(NamedTuple):
    """A search for a prompt, as the options name it."""

    model: str | None
    reflector: str | None
    calls: int | None


def _search(
    db: Database, assistant: Who, as_json: AsJson, path: Path | None, wanted: _Wanted
) -> None:
    """Search for a better prompt, and show it in one screen."""
    reflector = wanted.reflector
    if reflector is None or path is not None:
        msg = (
            "--method prompt needs --reflector MODEL, which writes better instructions"
            if reflector is None
            else "--method prompt takes no training file: its cases are what is collected"
        )
        raise InvalidInput(msg)

    async def go(loop: Loop) -> Candidate:
        calls = prompting.CALLS if wanted.calls is None else wanted.calls
        return await prompting.search(loop, reflector=reflector, model=wanted.model, calls=calls)

    made = with_loop(db, assistant, go)
    show(made, as_json=as_json, text=lambda: _prompt_text(made))


def _prompt_text(made: Candidate) -> str:
    found = made.evidence
    before = f"before {found['right_before']:g}; {found['calls']} calls"
    lines = [
        f"{made.model}  prompt",
        f"held-out cases right: {found['right']:g} of {found['of']}, {before}",
        "",
        found["changes"],
        "",
        *[f"mends: {question}" for question in found["mends"]],
        *[f"breaks: {question}" for question in found["breaks"]],
        *[f"left out, because {why}: {line}" for line, why in found["removed"].items()],
        _NEXT.format(model=made.model),
    ]
    return "\n".join(lines)


def _refuse(method: str, **given: object) -> None:
    """Raise InvalidInput for an option that does nothing with this method."""
    useless = next((name for name, value in given.items() if value is not None), None)
    if useless is not None:
        msg = f"--{useless} means nothing with --method {method}"
        raise InvalidInput(msg)


async def _variant(
    loop: Loop,
    path: Path | None,
    method: Method,
    model: str | None,
    count: int | None,
    parameters: Sequence[str],
) -> Candidate:
    if method == "examples":
        if path is None:
            return await variants.with_current_examples(loop, model=model, count=count)
        return await variants.with_examples(loop, [path], model=model, count=count)
    if path is not None:
        msg = f"--method {method} takes no training file"
        raise InvalidInput(msg)
    if method == "knowledge":
        return await variants.with_knowledge(loop, model=model, count=count)
    return await variants.with_parameters(loop, _parsed(parameters), model=model)


def _parsed(parameters: Sequence[str]) -> Json:
    """NAME=VALUE, each value as JSON, or as text where it is none."""
    found: Json = {}
    for each in parameters:
        name, given, value = each.partition("=")
        if not given:
            msg = f"--set {each!r} is not NAME=VALUE"
            raise InvalidInput(msg)
        try:
            found[name] = json.loads(value)
        except ValueError:
            found[name] = value
    return found


def _show_variant(
    db: Database, assistant: Who, make: Callable[[Loop], Awaitable[Candidate]], as_json: AsJson
) -> None:
    made = with_loop(db, assistant, make)
    evidence = "".join(
        f"  {name} {made.evidence[name]}"
        for name in ("examples", "entries")
        if name in made.evidence
    )
    text = f"{made.model}  {made.kind}{evidence}\n{_NEXT.format(model=made.model)}"
    show(made, as_json=as_json, text=text)


def _train(db: Database, assistant: Who, as_json: AsJson, job: _Job) -> None:
    run = with_loop(db, assistant, lambda loop: _start_and_wait(loop, job))
    show(run, as_json=as_json, text=f"{run.id}  {run.state}  {run.model or run.job_id or ''}")
    if run.state == "failed":
        msg = f"{str(job.path)!r}: run {run.id} failed: {run.error}"
        raise ProviderError(msg)


async def _start_and_wait(loop: Loop, job: _Job) -> TrainingRun:
    with progress() as shown:
        shown("uploading", 0)
        run = await _started(loop, job)
        if loop.trainer.embedded:
            run = await steps.wait(loop, run, lambda r: shown(f"training: {r.state}", 0))
        return run


async def _started(loop: Loop, job: _Job) -> TrainingRun:
    s = loop.settings
    method: TrainingMethod = "dpo" if job.method == "dpo" else "supervised"
    held = job.validation
    return await steps.start(
        loop,
        await steps.upload(loop, job.path, method),
        job.model or s.fine_tune_base_model,
        job.suffix or s.fine_tune_suffix,
        job.epochs or s.fine_tune_epochs,
        validation_file_id=await steps.upload(loop, held, method) if held else None,
        method=method,
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
