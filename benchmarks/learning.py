"""What a turn of the loop is worth, and what those who lie to it achieve.

`python -m benchmarks.learning --data DIR [--only NAME...] [--seeds 4] [--json]`; with --methods,
ways of learning are compared instead (benchmarks/learning_methods.py). Three formats are
read: questions with their answers (kind snippet, approved_question, query, each with a source),
answers that several people rated (stars_all), and questions about named places.

The loop starts with three known questions of each answer. Customers then ask; the answer they get
is the system's own, and they rate it as recorded raters rated right and wrong answers. The truth
lives in a process of its own that rates, answers what people were paid to answer, and counts that.
"""

import argparse
import json
import multiprocessing
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks import folder, learning_methods, learning_rated, learning_retrieval
from kaeshi.providers.minilm import MiniLMEmbedder
from kaeshi.rules import quality, retrieval, review
from kaeshi.settings import load

KNOWN = 3  # questions of each answer at the start
TRAFFIC = 4_000
WEEKS = 5
ASKED = 0.05  # of the traffic, by people
FEW = 50  # where the traffic is small
PRAISED = 4
Floats = NDArray[np.float32]
Ints = NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class Base:
    """One source: its answers' titles, questions that may be learned, and held-out ones.

    Questions come with their vectors; whose answer a question has only the truth knows.
    """

    name: str
    titles: list[str]
    title_vectors: Floats
    questions: list[str]
    vectors: Floats
    answers: Ints
    held: list[str]
    held_vectors: Floats
    held_answers: Ints
    unknown: list[str]
    unknown_vectors: Floats


def bases(wanted: argparse.Namespace, embedder: MiniLMEmbedder) -> Iterator[Base]:
    """Every source with questions of known answers."""
    found = folder.files(wanted, _fits, "questions with answers, rated answers or places")
    by_source: dict[str, list[folder.Record]] = defaultdict(list)
    for path in found.values():
        for record in folder.records(path):
            if record.get("kind") in {"snippet", "approved_question", "query"}:
                by_source[str(record.get("source"))].append(record)
    for name, records in by_source.items():
        if any(r["kind"] == "approved_question" for r in records):
            yield _base(name, records, embedder)


def _fits(record: folder.Record) -> bool:
    return record.get("kind") in {"snippet", "approved_question", "query"} or bool(
        (record.get("feedback") or {}).get("stars_all")
    )


def _base(name: str, records: Sequence[folder.Record], embedder: MiniLMEmbedder) -> Base:
    titles = {r["snippet_id"]: r["text"] for r in records if r["kind"] == "snippet"}
    number = {snippet: i for i, snippet in enumerate(titles)}

    def of(kind: str) -> tuple[list[str], Ints]:
        rows = [
            (r["query"], number[r["relevant"][0]])
            for r in records
            if r["kind"] == kind and r.get("relevant") and r["relevant"][0] in number
        ]
        return [q for q, _ in rows], np.array([a for _, a in rows], np.int64)

    questions, answers = of("approved_question")
    held, held_answers = of("query")
    unknown = [r["query"] for r in records if r["kind"] == "query" and not r.get("relevant")]
    return Base(
        name=name,
        titles=list(titles.values()),
        title_vectors=embedder.embed(list(titles.values())),
        questions=questions,
        vectors=embedder.embed(questions),
        answers=answers,
        held=held,
        held_vectors=embedder.embed(held),
        held_answers=held_answers,
        unknown=unknown,
        unknown_vectors=embedder.embed(unknown),
    )


class Truth:
    """The process that knows which answers are right."""

    def __init__(self, base: Base, seed: int, liars: float) -> None:
        self._here, there = multiprocessing.Pipe()
        self._process = multiprocessing.Process(
            target=_know, args=(there, base.answers, base.held_answers, seed, liars), daemon=True
        )
        self._process.start()

    def stars(self, questions: Ints, given: Ints) -> list[int]:
        """What the customers who asked say of the answers they were given."""
        return list(self._ask("stars", questions, given))

    def asked(self, questions: Ints) -> Ints:
        """What people answer, who are paid for it."""
        return np.array(self._ask("asked", questions, questions), np.int64)

    def right(self, given: Ints) -> float:
        """The share of held-out questions that these answers are right for."""
        return float(self._ask("right", given, given))

    def paid(self) -> int:
        """How many questions people answered; ends the process."""
        count = int(self._ask("paid", np.zeros(0, np.int64), np.zeros(0, np.int64)))
        self._process.join()
        return count

    def _ask(self, what: str, first: Ints, second: Ints) -> Any:
        self._here.send((what, first, second))
        return self._here.recv()


def _know(door: Connection, answers: Ints, held: Ints, seed: int, liars: float) -> None:
    rng = np.random.default_rng([seed, 7])
    paid = 0
    while True:
        what, first, second = door.recv()
        if what == "stars":
            right = answers[first] == second
            lies = rng.random(len(right)) < liars
            drawn = [
                rng.choice(
                    5,
                    p=np.array(quality.STARS_IF_RIGHT if is_right else quality.STARS_IF_WRONG)
                    / sum(quality.STARS_IF_RIGHT if is_right else quality.STARS_IF_WRONG),
                )
                + 1
                for is_right in right
            ]
            door.send(
                [
                    (1 if is_right else 5) if lie else int(stars)
                    for stars, lie, is_right in zip(drawn, lies, right, strict=True)
                ]
            )
        elif what == "asked":
            paid += len(first)
            door.send(answers[first].tolist())
        elif what == "right":
            door.send(float((first == held).mean()))
        else:
            door.send(paid)
            return


def turn(base: Base, seed: int, budget: int, liars: float = 0.0) -> dict[str, float]:
    """Five weeks of traffic; held-out top-1 before and after, in percent."""
    truth = Truth(base, seed, liars)
    rng = np.random.default_rng(seed)
    known = _first_known(base, rng)
    traffic = rng.permutation(np.setdiff1d(np.arange(len(base.questions)), known))[:TRAFFIC]
    told = base.answers[known]
    answerer = retrieval.fit(_taught(base, known, told))
    before = truth.right(_given(answerer, base.held, base.held_vectors))
    asked = np.zeros(0, np.int64)
    given = np.zeros(0, np.int64)
    stars = np.zeros(0, np.int64)
    for week, part in enumerate(np.array_split(traffic, WEEKS)):
        texts = [base.questions[i] for i in part]
        answers = _given(answerer, texts, base.vectors[part])
        said = truth.stars(part, answers)
        asked = np.concatenate([asked, part])
        given = np.concatenate([given, answers])
        stars = np.concatenate([stars, said])
        odds = _odds(base, known, told, asked, given, stars)
        chosen = _chosen(
            base,
            answerer,
            asked,
            given,
            odds,
            known,
            budget * (week + 1) // WEEKS - budget * week // WEEKS,
        )
        known = np.concatenate([known, chosen])
        told = np.concatenate([told, truth.asked(chosen)])
        left = ~np.isin(asked, known)
        answerer = retrieval.fit(
            _taught(base, known, told),
            retrieval.Asked(
                texts=[base.questions[i] for i in asked[left]],
                vectors=base.vectors[asked[left]],
                given=given[left],
                odds=odds[left],
            ),
        )
    after = truth.right(_given(answerer, base.held, base.held_vectors))
    return {"before": before * 100, "after": after * 100, "paid": truth.paid()}


def _odds(base: Base, known: Ints, told: Ints, asked: Ints, given: Ints, stars: Ints) -> Floats:
    """What the stars say of each answer, judged by what people taught alone."""
    answerer = retrieval.fit(_taught(base, known, told))
    shares = answerer.shares([base.questions[i] for i in asked], base.vectors[asked])
    right = shares[np.arange(len(asked)), given].astype(float)
    truth = dict(zip(known.tolist(), told.tolist(), strict=True))
    for i, (question, answer) in enumerate(zip(asked.tolist(), given.tolist(), strict=True)):
        if question in truth:
            right[i] = truth[question] == answer
    found = np.array(quality.odds_here(stars.tolist(), right))
    return found[stars - 1].astype(np.float32)


def _first_known(base: Base, rng: np.random.Generator) -> Ints:
    places = [
        rng.permutation(np.flatnonzero(base.answers == answer))[:KNOWN]
        for answer in range(len(base.titles))
    ]
    return np.concatenate(places).astype(np.int64)


def _taught(base: Base, known: Ints, told: Ints) -> retrieval.Taught:
    """What people taught, with the answers' titles."""
    count = len(base.titles)
    return retrieval.Taught(
        texts=[*(base.questions[i] for i in known), *base.titles],
        vectors=np.vstack([base.vectors[known], base.title_vectors]),
        answers=np.concatenate([told, np.arange(count)]),
        titles=np.concatenate([np.zeros(len(known), bool), np.ones(count, bool)]),
    )


def _given(answerer: retrieval.Answerer, texts: Sequence[str], vectors: Floats) -> Ints:
    return answerer.shares(texts, vectors).argmax(axis=1)


def _chosen(
    base: Base,
    answerer: retrieval.Answerer,
    asked: Ints,
    given: Ints,
    odds: Floats,
    known: Ints,
    budget: int,
) -> Ints:
    """The week's questions for people."""
    if not budget:
        return np.zeros(0, np.int64)
    shares = answerer.shares([base.questions[i] for i in asked], base.vectors[asked])
    doubts = 1 - retrieval.judged(shares, given, odds).max(axis=1)
    settled = np.flatnonzero(np.isin(asked, known))
    return asked[review.worth_asking(doubts, base.vectors[asked], budget, settled.tolist())]


def nearest_neighbour(base: Base, seed: int, liars: float = 0.0) -> dict[str, float]:
    """The usual way, for scale: the nearest known question, and what gets four stars is kept."""
    truth = Truth(base, seed, liars)
    rng = np.random.default_rng(seed)
    known = _first_known(base, rng)
    traffic = rng.permutation(np.setdiff1d(np.arange(len(base.questions)), known))[:TRAFFIC]
    told = base.answers[known]

    def answered(vectors: Floats) -> Ints:
        near = vectors @ np.vstack([base.vectors[known], base.title_vectors]).T
        return np.concatenate([told, np.arange(len(base.titles))])[near.argmax(axis=1)]

    before = truth.right(answered(base.held_vectors))
    for part in np.array_split(traffic, WEEKS):
        given = answered(base.vectors[part])
        liked = np.array(truth.stars(part, given)) >= PRAISED
        known, told = np.concatenate([known, part[liked]]), np.concatenate([told, given[liked]])
    after = truth.right(answered(base.held_vectors))
    return {"before": before * 100, "after": after * 100, "paid": truth.paid()}


def known_or_not(base: Base) -> float:
    """AUROC of questions that have an answer against those that have none; all questions known."""
    if not base.unknown:
        return float("nan")
    answerer = retrieval.fit(_taught(base, np.arange(len(base.questions)), base.answers))
    scores = answerer.is_known(
        [*base.held, *base.unknown], np.vstack([base.held_vectors, base.unknown_vectors])
    )
    return learning_rated.auroc(scores, np.arange(len(scores)) < len(base.held))


def run(wanted: argparse.Namespace) -> list[dict[str, Any]]:
    """A row for each source and way."""
    embedder = MiniLMEmbedder(load().models_dir)
    rows: list[dict[str, Any]] = []
    for base in bases(wanted, embedder):
        budget = (
            round(ASKED * TRAFFIC) if len(base.questions) > TRAFFIC else min(FEW, len(base.held))
        )
        ways: dict[str, Any] = {
            f"people answer {budget}": lambda s, b=base, n=budget: turn(b, s, n),
            "people answer none": lambda s, b=base: turn(b, s, 0),
            f"people answer {budget}, 20 % lie": lambda s, b=base, n=budget: turn(b, s, n, 0.2),
            "people answer none, 20 % lie": lambda s, b=base: turn(b, s, 0, 0.2),
            "nearest neighbour, keeps praise": lambda s, b=base: nearest_neighbour(b, s),
            "nearest neighbour, 20 % lie": lambda s, b=base: nearest_neighbour(b, s, 0.2),
        }
        for way, go in ways.items():
            turns = [go(seed) for seed in range(wanted.seeds)]
            rows.append(
                {
                    "source": base.name,
                    "way": way,
                    "before": [round(t["before"], 1) for t in turns],
                    "after": [round(t["after"], 1) for t in turns],
                    "paid": max(t["paid"] for t in turns),
                }
            )
        rows.append({"source": base.name, "way": "known or not", "auroc": known_or_not(base)})
    rows += learning_rated.rows(wanted, embedder)
    rows += learning_retrieval.rows(wanted, embedder)
    return rows


def show(rows: Sequence[dict[str, Any]]) -> str:
    """The figures as lines."""
    lines = []
    for row in rows:
        name = f"{row['source']:16} {row['way']:40}"
        if "after" in row:
            before, after = np.mean(row["before"]), np.mean(row["after"])
            worse = sum(a < b for a, b in zip(row["after"], row["before"], strict=True))
            lines.append(
                f"{name} top-1 {before:5.1f} -> {after:5.1f} %  (seeds {row['before']} -> "
                f"{row['after']}; worse on {worse}; people answered {row['paid']:.0f})"
            )
        else:
            figures = {k: v for k, v in row.items() if k not in {"source", "way"}}
            lines.append(
                f"{name} "
                + ", ".join(
                    f"{k} {v:.3f}" if isinstance(v, float) else f"{k} {v}"
                    for k, v in figures.items()
                )
            )
    return "\n".join(lines)


def main() -> None:
    """Print the figures, or JSON with --json."""
    parser = argparse.ArgumentParser(description=__doc__)
    folder.add_arguments(parser)
    learning_methods.add_arguments(parser, methods=None)
    parser.add_argument("--seeds", type=int, default=4)
    parser.add_argument("--json", action="store_true")
    wanted = parser.parse_args()
    if wanted.methods:
        found = learning_methods.run(wanted)
        shown = learning_methods.show(found, wanted.methods.split(","))
        print(json.dumps(found, indent=1) if wanted.json else shown)
        return
    rows = run(wanted)
    print(json.dumps(rows, indent=1) if wanted.json else show(rows))


if __name__ == "__main__":
    main()
