"""Dated tables: prices and retirements.

One of each is shipped. `kaeshi data update FILE` stores a newer one in the data directory, without
a release.
"""

import json
from datetime import date
from decimal import Decimal, InvalidOperation
from importlib import resources
from pathlib import Path
from typing import Any

from kaeshi.errors import InvalidInput
from kaeshi.files import write_whole
from kaeshi.nouns import Json


def table(name: str, folder: Path) -> Json:
    """The newer of the shipped table and the one in `folder`.

    Raises InvalidInput for a file that is not such a table.
    """
    shipped = _checked(
        name,
        json.loads(
            resources.files("kaeshi").joinpath("data", f"{name}.json").read_text(encoding="utf-8")
        ),
        "shipped",
    )
    path = folder / "tables" / f"{name}.json"
    if not path.exists():
        return shipped
    own = _read(path)
    return max(shipped, _checked(name, own, str(path)), key=lambda t: str(t["date"]))


def update(path: Path, folder: Path) -> tuple[str, Json]:
    """Check a table and store it; returns its name.

    Raises InvalidInput for an invalid table, or one older than the present.
    """
    content = _read(path)
    name = (
        "retirements"
        if any("shutdown" in entry for entry in _models(content, str(path)).values())
        else "prices"
    )
    _checked(name, content, str(path))
    known = table(name, folder)
    if str(content["date"]) < str(known["date"]):
        msg = f"{path}: {name} of {content['date']}, but the present table is of {known['date']}"
        raise InvalidInput(msg)
    write_whole(
        folder / "tables" / f"{name}.json", json.dumps(content, indent=1, sort_keys=True).encode()
    )
    return name, content


def _read(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        msg = f"table {str(path)!r} cannot be read: {error}"
        raise InvalidInput(msg) from error


def _models(content: Any, where: str) -> dict[str, Any]:
    models = content.get("models") if isinstance(content, dict) else None
    if (
        not isinstance(models, dict)
        or not models
        or not all(isinstance(entry, dict) for entry in models.values())
    ):
        msg = f"{where}: a table has `date`, `source` and `models`, an object by model name"
        raise InvalidInput(msg)
    return models


def _checked(name: str, content: Any, where: str) -> Json:
    models = _models(content, where)
    at = "date"
    try:
        date.fromisoformat(content["date"])
        if not isinstance(content["source"], str):
            raise TypeError  # noqa: TRY301  # reported below, with the place
        at = _check_entries(models, name, at)
    except (KeyError, ValueError, TypeError, InvalidOperation) as error:
        msg = (
            f"{where}: {at!r} is wrong; {name} have `date` (YYYY-MM-DD), `source`, and by model "
            + (
                (
                    "`training_per_million_usd`, a number as text, and where known "
                    "`chat_per_million_usd` with its `prompt` and `completion`"
                )
                if name == "prices"
                else "`shutdown` and `no_jobs_after` (YYYY-MM-DD), `successors`"
            )
        )
        raise InvalidInput(msg) from error
    return dict(content)


def _check_entries(models: Json, name: str, at: str) -> str:
    for model, entry in models.items():
        at = model
        if (
            name == "prices" and not 0 <= Decimal(entry["training_per_million_usd"]) < 1_000_000
        ):  # beyond that it is a typing error
            raise ValueError
        for side in ("prompt", "completion") if "chat_per_million_usd" in entry else ():
            if not 0 <= Decimal(entry["chat_per_million_usd"][side]) < 1_000_000:
                raise ValueError
        for field in ("shutdown", "no_jobs_after") if name == "retirements" else ():
            if field in entry:
                date.fromisoformat(entry[field])
    return at
