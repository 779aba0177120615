"""`kaeshi rollout`: start, follow and end rollouts; replay recorded ratings."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Literal

import typer
from pydantic import ValidationError

from kaeshi.cli.address import check_address
from kaeshi.cli.opening import with_loop
from kaeshi.cli.output import AsJson, By, Database, Who, group, show
from kaeshi.cli.rollout_text import (
    OF_CUSTOMERS,
    comparison_text,
    forecast_text,
    rollout_lines,
    traffic_lines,
)
from kaeshi.errors import InvalidInput
from kaeshi.formats.logs import source
from kaeshi.loop import Loop
from kaeshi.nouns import Serving
from kaeshi.steps import pausing
from kaeshi.steps import replay as recorded
from kaeshi.steps import rollout as steps
from kaeshi.steps.feedback import parsed_lines

app = group()
NOTHING_YET = "nothing yet; `kaeshi rollout start MODEL --first` names the first"


@app.command()
def start(
    model: str,
    percent: Annotated[
        float | None, typer.Option(help="Canary share in percent. Default: SHADOW_TRAFFIC_PERCENT.")
    ] = None,
    hours: Annotated[
        float | None, typer.Option(help="Hours of mirroring first. Default: SHADOW_DURATION_HOURS.")
    ] = None,
    goal: Annotated[
        Literal["superior", "non_inferior"],
        typer.Option(
            help=(
                "superior: shown to be better; non_inferior: to lose no more than "
                "ROLLOUT_SMALLEST_EFFECT."
            )
        ),
    ] = "superior",
    first: Annotated[
        bool, typer.Option("--first", help="Make it the very first production instead.")
    ] = False,
    served_as: Annotated[
        str | None,
        typer.Option(
            "--served-as",
            help="The model's name at the provider, if MODEL is a name of your own.",
        ),
    ] = None,
    base_url: Annotated[
        str | None, typer.Option(help="Provider that answers for it. Default: OPENAI_BASE_URL.")
    ] = None,
    opening: Annotated[
        Path | None,
        typer.Option(
            help="JSON file of messages put before the customer's: a system prompt, examples."
        ),
    ] = None,
    entries: Annotated[
        int,
        typer.Option(
            min=0,
            max=20,
            help="How many of the nearest knowledge base entries it reads before it answers.",
        ),
    ] = 0,
    by: Annotated[str, typer.Option(help="Who starts it.")] = "",
    db: Database = None,
    assistant: Who = None,
    as_json: AsJson = False,
) -> None:
    """Start a rollout of a registered model, or of a candidate described by options.

    Options describe another base, provider or prompt.
    """
    described = _serving(served_as, base_url, opening, entries)
    if first:
        made = with_loop(db, assistant, lambda loop: steps.name_first(loop, model, described))
        show(made, as_json=as_json, text=f"{made.model} is in production")
        return

    async def begin(loop: Loop) -> tuple[Any, Any]:
        return await _begin(hours, loop, percent, described, model, goal, by)

    _show_begun(db, assistant, begin, as_json)


async def _begin(
    hours: float | None,
    loop: Loop,
    percent: float | None,
    described: Any,
    model: str,
    goal: Annotated[
        Literal["superior", "non_inferior"],
        typer.Option(
            help=(
                "superior: shown to be better; non_inferior: to lose no more than "
                "ROLLOUT_SMALLEST_EFFECT."
            )
        ),
    ],
    by: Annotated[str, typer.Option(help="Who starts it.")],
) -> tuple[Any, Any]:
    mirrored = loop.settings.shadow_duration_hours if hours is None else hours
    share = loop.settings.shadow_traffic_percent if percent is None else percent
    if described is not None:
        await steps.register(
            loop,
            model,
            kind="prompt"
            if described.opening
            else "knowledge"
            if described.entries
            else "base_model",
            serving=described,
        )
    return await steps.start(
        loop, model, percent=share, hours=mirrored, goal=goal, by=by
    ), await steps.forecast(loop, mirrored)


def _show_begun(db: Database, assistant: Who, begin: Callable[..., Any], as_json: AsJson) -> None:
    began, expected = with_loop(db, assistant, begin)
    if began.state == "rolled_back":
        text = f"{began.id} did not pass the gate, and is over; `kaeshi rollout status` says why"
    else:
        text = (
            f"{began.id}  {began.state}  then {began.target_percent:g} % of customers from "
            f"{began.mirror_until:%Y-%m-%d %H:%M} UTC\n{forecast_text(expected)}"
        )
    show({**began.model_dump(mode="json"), "forecast": expected}, as_json=as_json, text=text)
    if began.state == "rolled_back":
        raise typer.Exit(1)


def _serving(
    served_as: str | None, base_url: str | None, opening: Path | None, entries: int
) -> Any:
    """How a candidate is asked, if the options say so.

    Raises InvalidInput for an opening that is not a list of messages.
    """
    if served_as is None and base_url is None and opening is None and not entries:
        return None
    try:
        messages = json.loads(opening.read_text(encoding="utf-8")) if opening else []
        check_address(base_url)
        made = Serving(model=served_as, base_url=base_url, opening=messages, entries=entries)
    except (OSError, ValueError, ValidationError) as error:
        raise InvalidInput(
            f"opening {str(opening)!r}: {str(error).splitlines()[0]}; it must be a JSON list "
            "of OpenAI messages"
        ) from error
    if not all(isinstance(m.get("role"), str) for m in made.opening):
        raise InvalidInput(f"opening {str(opening)!r}: every message needs a role")
    return made


@app.command()
def status(db: Database = None, assistant: Who = None, as_json: AsJson = False) -> None:
    """Show production, and every rollout with its steps."""
    found = with_loop(db, assistant, steps.status)
    lines = [f"production: {found['production'] or NOTHING_YET}"]
    lines += traffic_lines(found["traffic"])
    for r in found["rollouts"]:
        lines += rollout_lines(r)
    show(found, as_json=as_json, text="\n".join(lines))


Metrics = Annotated[str, typer.Option(help="Comma-separated metrics.")]


@app.command()
def compare(
    rollout_id: str,
    metrics: Metrics = "containment,conversion,csat",
    db: Database = None,
    assistant: Who = None,
    as_json: AsJson = False,
) -> None:
    """Compare both arms of a rollout so far."""
    found = with_loop(
        db,
        assistant,
        lambda loop: steps.compare(
            loop, rollout_id, [m.strip() for m in metrics.split(",") if m.strip()]
        ),
    )
    show(found, as_json=as_json, text=lambda: comparison_text(found, note=OF_CUSTOMERS))


Reason = Annotated[str, typer.Option(help="Why.")]


@app.command()
def promote(
    rollout_id: str,
    by: By,
    immediate: Annotated[
        bool, typer.Option("--immediate", help="To full at once instead of one stage.")
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Without evidence, in your name.")] = False,
    db: Database = None,
    assistant: Who = None,
    as_json: AsJson = False,
) -> None:
    """Advance a rollout, if the evidence allows it."""
    moved = with_loop(
        db,
        assistant,
        lambda loop: steps.promote(
            loop, rollout_id, strategy="immediate" if immediate else "gradual", by=by, force=force
        ),
    )
    show(moved, as_json=as_json, text=f"{moved.id}  {moved.state} ({moved.percent:g} %)")


@app.command()
def pause(
    rollout_id: str,
    by: By,
    reason: Reason = "",
    db: Database = None,
    assistant: Who = None,
    as_json: AsJson = False,
) -> None:
    """Pause a rollout; harm still rolls it back."""
    held = with_loop(
        db, assistant, lambda loop: pausing.pause(loop, rollout_id, reason=reason, by=by)
    )
    show(
        held,
        as_json=as_json,
        text=f"{held.id}  {held.state} ({held.percent:g} %), paused by {held.paused}",
    )


@app.command()
def resume(
    rollout_id: str, by: By, db: Database = None, assistant: Who = None, as_json: AsJson = False
) -> None:
    """Resume a paused rollout."""
    going = with_loop(db, assistant, lambda loop: pausing.resume(loop, rollout_id, by=by))
    show(going, as_json=as_json, text=f"{going.id}  {going.state} ({going.percent:g} %)")


@app.command()
def rollback(
    rollout_id: str,
    by: By,
    reason: Reason = "",
    db: Database = None,
    assistant: Who = None,
    as_json: AsJson = False,
) -> None:
    """End a rollout; production stays.

    After a promotion the former model becomes production again, while the holdout lasts.
    """
    moved = with_loop(
        db, assistant, lambda loop: steps.roll_back(loop, rollout_id, reason=reason, by=by)
    )
    show(moved, as_json=as_json, text=f"{moved.id}  {moved.state}")


@app.command()
def replay(
    path: Annotated[
        Path, typer.Argument(help="Rated answers: item_id, system_id and feedback per line.")
    ],
    production: Annotated[str, typer.Option(help="System in the production arm.")],
    candidate: Annotated[str, typer.Option(help="System in the candidate arm.")],
    metric: Annotated[str, typer.Option(help="The figure of `feedback` to compare.")] = "stars",
    splits: Annotated[
        int,
        typer.Option(
            min=1, help="Repeat with so many other splits of the items, and count the verdicts."
        ),
    ] = 1,
    as_json: AsJson = False,
) -> None:
    """Compare two systems on recorded ratings as if both had been live.

    Each item is assigned to one arm.
    """
    items: dict[str, dict[str, float]] = {}
    unusable = _ratings_in(path, metric, items)
    if splits > 1:
        _show_splits(
            [
                recorded.replay(items, production, candidate, metric, salt=f" {n}")
                for n in range(splits)
            ],
            as_json=as_json,
        )
        return
    _show_replayed(items, production, candidate, metric, unusable, as_json)


def _ratings_in(
    path: Annotated[
        Path, typer.Argument(help="Rated answers: item_id, system_id and feedback per line.")
    ],
    metric: Annotated[str, typer.Option(help="The figure of `feedback` to compare.")],
    items: dict[str, dict[str, float]],
) -> int:
    """Ratings by item and system, and how many records have none.

    Raises InvalidInput for a file without ratings.
    """
    unusable = 0
    for _, record in parsed_lines(source.lines(path), str(path)):
        found_rating = _rating(record, metric)
        if found_rating is None:
            unusable += 1
            continue
        item, system, value = found_rating
        items.setdefault(item, {})[system] = value
    if not items:
        msg = (
            f"file {str(path)!r} has no record with item_id, system_id and a number "
            f"feedback.{metric}"
        )
        raise InvalidInput(msg)
    return unusable


def _show_replayed(
    items: dict[str, dict[str, float]],
    production: Annotated[str, typer.Option(help="System in the production arm.")],
    candidate: Annotated[str, typer.Option(help="System in the candidate arm.")],
    metric: Annotated[str, typer.Option(help="The figure of `feedback` to compare.")],
    unusable: int,
    as_json: AsJson,
) -> None:
    found = recorded.replay(items, production, candidate, metric)
    off = ["containment", "conversion"] if metric not in {"containment", "conversion"} else []
    words = (
        f"{len(items)} items, each hashed to one arm; {unusable} records without {metric}\n"
        f"{comparison_text(found, (production, candidate))}\nguardrails switched off, because an "
        f"arm has no data: {', '.join(off)}"
    )
    show(
        {
            "items": len(items),
            "unusable": unusable,
            "decided": found.candidate_better or found.candidate_worse,
            "guardrails_off": off,
            **found.model_dump(),
        },
        as_json=as_json,
        text=words,
    )


def _show_splits(found: list[Any], *, as_json: bool) -> None:
    better = sum(one.candidate_better for one in found)
    worse = sum(one.candidate_worse for one in found)
    counts = {
        "splits": len(found),
        "better": better,
        "worse": worse,
        "not_decided": len(found) - better - worse,
    }
    words = (
        f"{len(found)} splits: candidate better in {better}, worse in {worse}, not decided in "
        f"{counts['not_decided']}"
    )
    show(counts, as_json=as_json, text=words)


def _rating(record: Any, metric: str) -> tuple[str, str, float] | None:
    """(item, system, rating) of a record.

    None where one is missing or the rating is not a finite number.
    """
    if isinstance(record, InvalidInput) or not isinstance(record.get("feedback"), dict):
        return None
    item = record.get("item_id")
    system = record.get("system_id")
    value = record["feedback"].get(metric)
    usable = isinstance(value, int | float) and not isinstance(value, bool) and -1e9 < value < 1e9
    return (
        (item, system, float(value))
        if usable and isinstance(item, str) and isinstance(system, str)
        else None
    )
