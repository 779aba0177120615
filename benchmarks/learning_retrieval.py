"""Learning's benchmark: which text of a named place answers a question about it."""

import argparse
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import numpy as np

from benchmarks import folder
from kaeshi.providers.minilm import MiniLMEmbedder
from kaeshi.rules import retrieval

FIRST = 5


def rows(wanted: argparse.Namespace, embedder: MiniLMEmbedder) -> list[dict[str, Any]]:
    """A row for each source whose texts belong to entities."""
    by_source: dict[str, list[folder.Record]] = defaultdict(list)
    for path in sorted(wanted.data.iterdir()):
        name = path.name.partition(".")[0]
        if path.name.endswith(folder.SUFFIXES) and (not wanted.only or name in wanted.only):
            for record in folder.records(path):
                if record.get("kind") in {"snippet", "query"}:
                    by_source[str(record.get("source"))].append(record)
    return [
        row
        for name, records in by_source.items()
        if any(r.get("entity") for r in records)
        for row in _rows(name, records, embedder)
    ]


def _rows(
    name: str, records: Sequence[folder.Record], embedder: MiniLMEmbedder
) -> list[dict[str, Any]]:
    texts = [r for r in records if r["kind"] == "snippet"]
    queries = [r for r in records if r["kind"] == "query" and r.get("relevant")]
    written = [f"{t.get('question') or ''} {t['text']}".strip() for t in texts]
    vectors = embedder.embed(written)
    of_entity: dict[str, list[int]] = defaultdict(list)
    for i, text in enumerate(texts):
        of_entity[text["entity"]].append(i)

    def first(query: str, entities: Sequence[str]) -> list[str]:
        for entity in entities:
            query = retrieval.without(query, entity)
        places = [i for entity in entities for i in of_entity[entity]]
        if not places:
            return []
        scores = retrieval.nearest_in(
            query,
            embedder.embed([query])[0],
            [written[i] for i in places],
            vectors[places],
        )
        return [texts[places[i]]["snippet_id"] for i in np.argsort(-scores)[:FIRST]]

    given = [first(q["query"], q["entities"]) for q in queries]
    names = list(of_entity)
    found = []
    for q in queries:
        said = [*(m["content"] for m in q.get("context") or []), q["query"]]
        found.append(first(q["query"], retrieval.entities_in(said, names)[:1]))
    return [
        _row(name, "entity known", queries, given),
        _row(name, "entity found in the conversation", queries, found),
    ]


def _row(
    name: str, way: str, queries: Sequence[folder.Record], found: Sequence[Sequence[str]]
) -> dict[str, Any]:
    relevant = [set(q["relevant"]) for q in queries]
    return {
        "source": name,
        "way": way,
        "queries": len(queries),
        "hit_at_1": float(
            np.mean([bool(set(f[:1]) & r) for f, r in zip(found, relevant, strict=True)])
        ),
        "hit_at_5": float(
            np.mean([bool(set(f) & r) for f, r in zip(found, relevant, strict=True)])
        ),
    }
