"""`kaeshi shim`: the seed's import path in a team's own tree."""

from pathlib import Path
from typing import Annotated, Any

import typer

from kaeshi.cli.output import AsJson, group, show
from kaeshi.errors import InvalidInput
from kaeshi.files import write_whole

app = group()


@app.command()
def shim(
    path: Annotated[Path, typer.Argument(help="Your source root, such as apps/backend/src.")],
    as_json: AsJson = False,
) -> None:
    """Write the package api/ai/ml, which re-exports kaeshi.ml, into your own tree."""
    if not path.is_dir():
        msg = f"{str(path)!r} is not a folder"
        raise InvalidInput(msg)
    written: list[Any] | list[str] = []
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
        _write_one(path, place, module, names, written)
    show({"written": written}, as_json=as_json, text="\n".join(written))


def _write_one(
    path: Annotated[Path, typer.Argument(help="Your source root, such as apps/backend/src.")],
    place: str,
    module: str,
    names: tuple[str, str, str, str, str] | tuple[str, str],
    written: list[Any] | list[str],
) -> None:
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
