"""`kaeshi data`: update the price and retirement tables."""

from pathlib import Path
from typing import Annotated

import typer

from kaeshi import dated
from kaeshi.cli.output import AsJson, group, show
from kaeshi.settings import load

app = group()


@app.command()
def update(
    file: Annotated[Path, typer.Argument(help="A JSON table of prices or retirements.")],
    as_json: AsJson = False,
) -> None:
    """Replace a dated table by a newer one (or one of the same date).

    Its content says whether it is prices or retirements. Every use of a table reports its age.
    """
    name, content = dated.update(file, load().data_dir)
    show(
        {"table": name, "date": content["date"]},
        as_json=as_json,
        text=f"{name} of {content['date']}: {len(content['models'])} models",
    )
