"""Learning's benchmark: which answers were right, by one rater's stars and the texts alone.

Answers that three people rated: the first one's stars are known, the mean of the others' (at least
four) is the truth. Split by question, five ways.

`python -m benchmarks.learning_rated --data DIR` prints the model of all of them, which is shipped
as src/kaeshi/data/quality.json.
"""

import argparse
import random
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks import folder
from kaeshi.providers.minilm import MiniLMEmbedder
from kaeshi.rules import quality
from kaeshi.settings import load

Floats = NDArray[np.float64]
RIGHT = 4
FOLDS = 5
RECALL = 0.8


def rows(wanted: argparse.Namespace, embedder: MiniLMEmbedder) -> list[dict[str, Any]]:
    """A row for each file of rated answers."""
    found = []
    for path in sorted(wanted.data.iterdir()):
        name = path.name.partition(".")[0]
        if not path.name.endswith(folder.SUFFIXES) or (wanted.only and name not in wanted.only):
            continue
        records = _rated(path)
        if records:
            found.append(_row(name, records, embedder))
    return found


def _rated(path: Path) -> list[folder.Record]:
    return [record for record in folder.records(path) if _is_rated(record)]


def _is_rated(record: folder.Record) -> bool:
    stars = (record.get("feedback") or {}).get("stars_all") or []
    return len(stars) > 1 and bool(record.get("item_id"))


def known_of(records: Sequence[folder.Record], embedder: MiniLMEmbedder) -> list[quality.Known]:
    """What is known of each answer. A source whose text is in no record counts as unknown."""
    texts = {
        r["gold_snippet_id"]: (r.get("gold_question") or "", r.get("gold_answer") or "")
        for r in records
        if r.get("gold_snippet_id")
    }
    asked = [r["messages"][-2]["content"] for r in records]
    answered = [r["messages"][-1]["content"] for r in records]
    questions, answers = embedder.embed(asked), embedder.embed(answered)
    sources = [texts.get(r.get("system_snippet_id")) for r in records]
    source_questions = embedder.embed([s[0] if s else "" for s in sources])
    source_answers = embedder.embed([s[1] if s else "" for s in sources])
    agreement, same = _agreement(records, answers)
    return [
        quality.Known(
            said=quality.said_of([r["feedback"]["stars_all"][0]]),
            to_point=float(questions[i] @ answers[i]),
            question=float(questions[i] @ source_questions[i]) if sources[i] else None,
            answer=float(answers[i] @ source_answers[i]) if sources[i] else None,
            covered=quality.covered(answered[i], asked[i], " ".join(s))
            if (s := sources[i])
            else None,
            asked=quality.asked(asked[i], " ".join(s)) if s else None,
            agreement=agreement[i],
            same_source=same[i],
        )
        for i, r in enumerate(records)
    ]


def _agreement(
    records: Sequence[folder.Record], answers: NDArray[np.float32]
) -> tuple[list[float | None], list[float | None]]:
    of_item: dict[str, list[int]] = defaultdict(list)
    for i, record in enumerate(records):
        of_item[record["item_id"]].append(i)
    agreement: list[float | None] = [None] * len(records)
    same: list[float | None] = [None] * len(records)
    for places in of_item.values():
        if len(places) < 2:
            continue
        near = answers[places] @ answers[places].T
        sources = [records[i].get("system_snippet_id") for i in places]
        for k, i in enumerate(places):
            agreement[i] = float((near[k].sum() - near[k, k]) / (len(places) - 1))
            same[i] = (sources.count(sources[k]) - 1) / (len(places) - 1)
    return agreement, same


def truth_of(records: Sequence[folder.Record]) -> NDArray[np.bool_]:
    """Whether the other raters found each answer right."""
    return np.array([np.mean(r["feedback"]["stars_all"][1:]) >= RIGHT for r in records])


def _row(name: str, records: Sequence[folder.Record], embedder: MiniLMEmbedder) -> dict[str, Any]:
    right = truth_of(records)
    known = known_of(records, embedder)
    items = sorted({r["item_id"] for r in records})
    random.Random(0).shuffle(items)
    fold = {item: i % FOLDS for i, item in enumerate(items)}
    folds = np.array([fold[r["item_id"]] for r in records])
    probabilities = np.zeros(len(records))
    for k in range(FOLDS):
        out = folds == k
        model = quality.fit(
            [one for one, is_out in zip(known, out, strict=True) if not is_out],
            right[~out].tolist(),
        )
        probabilities[out] = [
            model.probability(one) for one, is_out in zip(known, out, strict=True) if is_out
        ]
    order = np.argsort(-probabilities, kind="stable")
    enough = int(np.searchsorted(np.cumsum(right[order]), RECALL * right.sum())) + 1
    approved = np.zeros(len(records), bool)
    approved[order[:enough]] = True
    wrong_source = np.array(
        [r.get("system_snippet_id") != r.get("gold_snippet_id") for r in records]
    )
    stars = np.array([r["feedback"]["stars_all"][0] for r in records])
    return {
        "source": name[-16:],
        "way": "was it right, by one rater and texts",
        "answers": len(records),
        "precision": float(right[approved].mean()),
        "at_recall": RECALL,
        "wrong_sources_approved": float(approved[wrong_source].mean()),
        "calibration_error": quality.calibration_error(probabilities, right.astype(float)),
        "precision_of_4_stars": float(right[stars >= RIGHT].mean()),
    }


def auroc(scores: NDArray[Any], positive: NDArray[np.bool_]) -> float:
    """The chance that a positive scores higher than a negative; ties count half (Mann-Whitney)."""
    order = np.argsort(scores, kind="stable")
    ranks = np.empty(len(scores))
    ranks[order] = np.arange(1, len(scores) + 1)
    for value in np.unique(scores):
        tied = scores == value
        if tied.sum() > 1:
            ranks[tied] = ranks[tied].mean()
    count = int(positive.sum())
    above = ranks[positive].sum() - count * (count + 1) / 2
    return float(above / (count * (len(scores) - count)))


def main() -> None:
    """Print the model that is shipped."""
    parser = argparse.ArgumentParser(description=__doc__)
    folder.add_arguments(parser)
    wanted = parser.parse_args()
    found = folder.files(
        wanted, lambda r: bool((r.get("feedback") or {}).get("stars_all")), "stars"
    )
    records = [record for path in found.values() for record in _rated(path)]
    embedder = MiniLMEmbedder(load().models_dir)
    model = quality.fit(known_of(records, embedder), truth_of(records).tolist())
    print(model.rounded().model_dump_json(indent=1))


if __name__ == "__main__":
    main()
