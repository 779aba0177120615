"""`kaeshi trainer`: serve the embedded trainer, export its models."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from kaeshi.cli.output import (
    AsJson,
    Host,
    Port,
    group,
    show,
)
from kaeshi.environment import set_trainer
from kaeshi.serving import exported, serving

app = group()


@app.command("serve")
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
            help=(
                "Train language models on the machines of that Ray cluster: auto, HOST:PORT or "
                "ray://HOST:PORT."
            ),
        ),
    ] = None,
) -> None:
    """Serve the embedded trainer over HTTP."""
    set_trainer(serve_with=serve_with, ray=ray)
    serving(host, port, "kaeshi.serving:trainer_app", db=None)


class Form(StrEnum):
    """The format of an export."""

    merged = "merged"
    gguf = "gguf"
    adapter = "adapter"


@app.command("export")
def trainer_export(
    model: Annotated[str, typer.Argument(help="The fine-tune's name, as its job shows it.")],
    out: Annotated[Path, typer.Argument(help="A new folder; with --as gguf a new file.")],
    form: Annotated[
        Form,
        typer.Option(
            "--as",
            help="merged: a folder for transformers, vLLM and Ollama; gguf: a file for llama.cpp.",
        ),
    ] = Form.merged,
    as_json: AsJson = False,
) -> None:
    """Export a fine-tuned language model for other programs to serve."""
    made = exported(model, out, form.value)
    show(
        made,
        as_json=as_json,
        text="\n".join(
            f"{digest}  {out if form is Form.gguf else out / name}"
            for name, digest in made["files"].items()
        ),
    )
