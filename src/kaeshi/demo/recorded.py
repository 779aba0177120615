"""Recorded questions in place of the simulator's, which prove more."""

import gzip
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

from kaeshi.demo.customers import Intent, Topics
from kaeshi.demo.seasons import NEW, SeasonalCrowd, Seasons
from kaeshi.errors import InvalidInput

SHARE_NEW = 8  # one of so many answers begins to be asked for in each of the weeks of NEW
LEAST = 2  # questions that an answer needs, asked and held out
MOST_BEYOND = 10  # held-out questions that nothing answers
ADDED = "Since October it takes 60 days."


class RecordedCrowd(SeasonalCrowd):
    """Customers who ask recorded questions, word by word; `source`: of the questions."""

    source = ""

    def fill(self, template: str) -> str:
        """The question as it was asked."""
        return template

    def _introduce(self, question: str, _name: str) -> tuple[str, tuple[str, ...]]:
        return question, ()


def crowd(path: Path, source: str, seed: int) -> RecordedCrowd:
    """Customers who ask a source's questions. Raises InvalidInput where it has too few."""
    found = topics(path, source)
    if len(found.known) < SHARE_NEW:
        msg = (
            f"{str(path)!r} has {len(found.known)} answers of source {source!r} with at least "
            f"{LEAST} approved questions and {LEAST} queries; {SHARE_NEW} are needed"
        )
        raise InvalidInput(msg)
    order = list(found.known)
    Random(f"{seed} order").shuffle(order)  # noqa: S311  # a simulation, not a secret
    each = max(1, len(order) // SHARE_NEW)
    new = {
        week: tuple(intent.name for intent in order[len(order) - each * (i + 1) :][:each])
        for i, week in enumerate(NEW)
    }
    first = order[0]
    made = RecordedCrowd(
        seed,
        Seasons(
            topics=found._replace(known=tuple(order)),
            new=new,
            changed={first.name: f"{first.answer} {ADDED}"},
        ),
    )
    made.source = source
    return made


def sources(path: Path) -> list[str]:
    """The sources of a file that have approved questions, by name. Raises InvalidInput."""
    return sorted({r["source"] for r in _records(path) if r["kind"] == "approved_question"})


@dataclass
class _Found:
    """A source's titles, its questions by answer, asked and held out, and those of none."""

    titles: dict[str, str] = field(default_factory=dict)
    asks: dict[str, list[str]] = field(default_factory=dict)
    held: dict[str, list[str]] = field(default_factory=dict)
    beyond: list[str] = field(default_factory=list)

    def add(self, record: dict[str, Any]) -> None:
        """Take in a record."""
        if record["kind"] == "snippet":
            self.titles[record["snippet_id"]] = record["text"]
        elif not record["relevant"]:
            self.beyond.append(record["query"])
        else:
            into = self.asks if record["kind"] == "approved_question" else self.held
            into.setdefault(record["relevant"][0], []).append(record["query"])

    def intents(self) -> Iterator[Intent]:
        """The answers with enough questions on both sides."""
        for name, title in self.titles.items():
            asks = self.asks.get(name, [])
            held = self.held.get(name, [])
            if min(len(asks), len(held)) >= LEAST:
                yield Intent(
                    name=name,
                    topic="",
                    faq=title,
                    answer=f"This is about {title}.",
                    asks=tuple(asks),
                    held=tuple(held),
                )


def topics(path: Path, source: str) -> Topics:
    """What a source's customers ask, and held-out questions. Raises InvalidInput."""
    found = _Found()
    for record in _records(path):
        if record["source"] == source:
            found.add(record)
    half = len(found.beyond) // 2
    return Topics(
        tuple(found.intents()),
        tuple(found.beyond[:half]),
        tuple(found.beyond[half:][:MOST_BEYOND]),
    )


def _records(path: Path) -> Iterator[dict[str, Any]]:
    try:
        with gzip.open(path, "rt", encoding="utf-8") as lines:
            for line in lines:
                yield json.loads(line)
    except (OSError, ValueError, KeyError) as error:
        msg = f"{str(path)!r} is no gzipped JSON lines of questions: {error}"
        raise InvalidInput(msg) from error
