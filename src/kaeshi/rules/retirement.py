"""When a base model is retired, and whether it is worth training on until then."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from kaeshi.errors import Refused
from kaeshi.nouns import Json

WARN_DAYS = (7, 30, 90)
_DATED = re.compile(r"-20\d\d(-?\d\d){2}$")  # of a snapshot, such as gpt-4o-mini-2024-07-18


@dataclass(frozen=True, kw_only=True)
class Standing:
    """One model's retirement.

    `level`: the shortest of WARN_DAYS it is within, 0 when it is over, None while it is far.
    """

    model: str
    shutdown: date
    no_jobs_after: date | None
    days_left: int
    level: int | None
    successors: tuple[str, ...]
    source: str

    def __str__(self) -> str:
        jobs = f", takes no jobs after {self.no_jobs_after}" if self.no_jobs_after else ""
        when = (
            f"stops answering on {self.shutdown} ({self.days_left} days)"
            if self.days_left >= 0
            else f"stopped answering on {self.shutdown}"
        )
        return (
            f"{self.model} {when}{jobs}; instead: "
            f"{', '.join(self.successors) or 'nothing known'} [{self.source}]"
        )


def standing(model: str, today: date, table: Json, listed: Sequence[Json] = ()) -> Standing | None:
    """What is known of the retirement of a model, or of a fine-tune's base.

    The provider's own date (`listed`) takes precedence over the table's.
    """
    base = model.split(":")[1] if model.startswith("ft:") and model.count(":") > 1 else model
    date_given = _listed_shutdown(listed, model, base)
    entry: Json = _entry_of(table, base)
    if date_given is None and "shutdown" not in entry:
        return None
    shutdown = (
        date.fromisoformat(str(date_given)[:10])
        if date_given is not None
        else date.fromisoformat(entry["shutdown"])
    )
    days = (shutdown - today).days
    last = entry.get("no_jobs_after")
    return Standing(
        model=model,
        shutdown=shutdown,
        no_jobs_after=date.fromisoformat(last) if last else None,
        days_left=days,
        level=0 if days < 0 else next((n for n in WARN_DAYS if days <= n), None),
        successors=tuple(entry.get("successors", ())),
        source="the provider"
        if date_given is not None
        else (
            f"table of {table['date']}, {(today - date.fromisoformat(table['date'])).days} days old"
        ),
    )


def _listed_shutdown(listed: Sequence[Json], model: str, base: str) -> str | None:
    return next(
        (
            m["shutdown_date"]
            for m in listed
            if m.get("id") in {model, base} and m.get("shutdown_date")
        ),
        None,
    )


def _entry_of(table: Json, base: str) -> Json:
    return next(
        (e for name, e in table["models"].items() if base == name or _DATED.sub("", base) == name),
        {},
    )


def check_base(found: Standing | None, today: date, payback_days: int) -> None:
    """Raise Refused for a base that takes no jobs, or is retired before a job pays off."""
    if found is None:
        return
    if found.no_jobs_after is not None and today > found.no_jobs_after:
        msg = f"no training: {found}"
        raise Refused(msg)
    if found.days_left < payback_days:
        msg = f"no training: {found}; TRAINING_PAYBACK_DAYS is {payback_days}"
        raise Refused(msg)
