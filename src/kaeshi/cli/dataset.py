"""`kaeshi dataset`: build, export and check training data."""

from pathlib import Path
from typing import Annotated, Any, get_args

import typer

from kaeshi.cli.opening import with_loop
from kaeshi.cli.output import (
    AsJson,
    Database,
    Who,
    counts,
    group,
    show,
)
from kaeshi.errors import InvalidInput
from kaeshi.loop import Loop
from kaeshi.rules.preferences import Format, Kind
from kaeshi.steps import dataset as steps
from kaeshi.steps import preferences

app = group()


@app.command()
def build(
    out: Annotated[
        Path | None,
        typer.Option(
            help=(
                "Folder for train.jsonl, validation.jsonl and manifest.json. Default: in the "
                "data directory."
            )
        ),
    ] = None,
    max_samples: Annotated[
        int | None, typer.Option(min=1, help="Only the best so many examples.")
    ] = None,
    db: Database = None,
    assistant: Who = None,
    as_json: AsJson = False,
) -> None:
    """Build a dataset of everything that may be learned."""

    async def go(loop: Loop) -> Any:
        return await steps.write(loop, await steps.build(loop, max_samples=max_samples), out)

    built = with_loop(db, assistant, go)
    files = built.manifest["files"]
    _show_built(built, files, as_json)


def _show_built(built: Any, files: Any, as_json: AsJson) -> None:
    words = (
        f"{built.id}: {len(built.lines)} rows ({files['train.jsonl']['rows']} train, "
        f"{files['validation.jsonl']['rows']} validation) in {built.path}\nnot taken: "
        f"{counts(built.manifest['dropped'])}"
    )
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


@app.command()
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
    """Export rated answers as training rows for any trainer."""
    _check_choices(kind, form)
    count = with_loop(db, assistant, lambda loop: preferences.export(loop, out, kind, form))  # type: ignore[arg-type]  # checked above
    show({"rows": count, "path": str(out)}, as_json=as_json, text=f"{count} rows in {out}")


def _check_choices(
    kind: Annotated[
        str,
        typer.Option(
            help="sft (rows with weights), dpo (answer and correction), kto (liked or not)."
        ),
    ],
    form: Annotated[
        str, typer.Option("--format", help="openai, or trl (which Axolotl and LLaMA-Factory read).")
    ],
) -> None:
    for name, given, known in (
        ("--kind", kind, get_args(Kind)),
        ("--format", form, get_args(Format)),
    ):
        if given not in known:
            msg = f"{name} {given!r} is none of {', '.join(known)}"
            raise InvalidInput(msg)


@app.command()
def check(
    path: Path,
    least: Annotated[int, typer.Option(help="Least number of rows.")] = 200,
    as_json: AsJson = False,
) -> None:
    """Report what is wrong with a training file, line by line."""
    faults = steps.check(path, least=least)
    show(
        {"valid": not faults, "faults": faults},
        as_json=as_json,
        text="valid" if not faults else "\n".join(faults),
    )
    if faults:
        raise typer.Exit(1)
