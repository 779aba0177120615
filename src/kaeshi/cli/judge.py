"""`kaeshi judge`: whether one set of results is better than another, of any program."""

from pathlib import Path
from typing import Annotated

import typer

from kaeshi.cli.output import AsJson, group, show
from kaeshi.formats import scores
from kaeshi.rules import paired

app = group()
MOSTLY = 0.5  # of the noise


@app.command()
def judge(
    production: Annotated[Path, typer.Option(help="Results of what is in use.")],
    candidate: Annotated[Path, typer.Option(help="Results of what might replace it.")],
    alpha: Annotated[
        float, typer.Option(min=0.0001, max=0.5, help="Chance of a wrong verdict, over all looks.")
    ] = paired.ALPHA,
    as_json: AsJson = False,
) -> None:
    """Judge two result files: better, worse or not shown, however often you look.

    JSON lines with case, score (0 to 1) and any number of trials, or promptfoo's results. Cases
    that are added go to the end.
    """
    found = paired.judge(scores.read(production), scores.read(candidate), alpha)
    show(found, as_json=as_json, text=lambda: _text(found, alpha))


def _text(found: paired.Judged, alpha: float) -> str:
    alone = f"; {found.left_out} in one file only were left out" if found.left_out else ""
    shown = (
        f"{found.outcome}: candidate {found.candidate:.3f}, production {found.production:.3f}, "
        f"difference {found.difference:+.3f} [{found.low:+.3f}, {found.high:+.3f}] "
        f"({1 - alpha:.0%}, at every look)"
    )
    lines = [shown, f"{found.cases} cases in both, {found.trials} trials{alone}"]
    if found.noise_of_trials is not None:
        lines.append(f"{found.noise_of_trials:.0%} of the noise is between trials of a case")
    if found.outcome == "not shown":
        lines.append(_more(found))
    return "\n".join(lines)


def _more(found: paired.Judged) -> str:
    if found.more_cases is None:
        return "nothing near shows a difference: the two are alike, or the cases too few to tell"
    said = f"if it goes on like this, about {found.more_cases} more cases would show it"
    if found.noise_of_trials is not None and found.noise_of_trials > MOSTLY:
        said += "; more trials of the same cases help as well"
    return said
