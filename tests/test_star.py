"""On the real STAR logs.

Rates equal an independent recomputation, and nothing private stands outside the sealed table.
"""

import gzip
import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from conftest import DATA
from kaeshi.app import open_loop
from kaeshi.nouns import Filters
from kaeshi.settings import Settings
from kaeshi.steps import collection, dataset, feedback, importing, knowledge, report
from kaeshi.store.tables import metadata

pytestmark = [pytest.mark.data, pytest.mark.slow]
STAR = DATA / "conversations_star.jsonl.gz"
# of so many gold values, this many may be left in scrubbed text; the scrubber of lists misses some,
# and says so
MOST_LEFT = {"PERSON": 0.03, "ACCOUNT_NUMBER": 0.0, "PIN": 0.01}


def raw_records() -> list[dict[str, Any]]:
    with gzip.open(STAR, "rt", encoding="utf-8") as stream:
        return [json.loads(line) for line in stream]


@pytest.fixture(scope="module")
def records() -> list[dict[str, Any]]:
    return raw_records()


async def test_the_rates_of_the_log_and_what_is_left_of_its_secrets(
    records: list[dict[str, Any]], tmp_path: Path
) -> None:
    async with open_loop(settings=Settings(kaeshi_data_dir=tmp_path, kaeshi_names="lists")) as loop:
        source = importing.Logs(path=STAR)
        done = [part async for part in importing.imported(loop, source, consent="granted")]
        assert (sum(p.new for p in done), sum(len(p.refused) for p in done)) == (3529, 0)
        with gzip.open(STAR, "rb") as stream:
            assert (
                await feedback.import_records(loop, feedback.parsed_lines(stream, "star"))
            ).recorded == 3443
        using = Filters(min_quality_tenths=None, missing_quality="keep")
        await collection.collect(loop, using)
        built = await dataset.write(loop, await dataset.build(loop, using))
        await knowledge.propose(loop)
        await report.compose(loop, by_log_clock=True)
        async with loop.store.read() as tx:
            starts = await tx.reports.starts("main")
            observed = await tx.reports.observed_between(
                "main", starts[0][0], starts[-1][0].replace(year=2030)
            )
            dump = [
                repr(tuple(row))
                for table in metadata.sorted_tables
                if table.name != "texts"
                for row in await tx.connection.execute(select(table))
            ]
    rates = {
        metric: Counter(o.values[metric] for o in observed if metric in o.values)
        for metric in ("conversion", "goal_reached", "abandonment")
    }
    assert (
        (rates["conversion"][1.0], rates["conversion"].total())
        == recomputed(records, "outcome", "booked")
        == (1618, 2056)
    )
    assert (
        (rates["goal_reached"][1.0], rates["goal_reached"].total())
        == recomputed(records, "feedback", "goal_reached")
        == (998, 1330)
    )
    assert (
        (rates["abandonment"][1.0], rates["abandonment"].total())
        == recomputed(records, "outcome", "abandoned")
        == (86, 3529)
    )
    everything = "\n".join(
        [*dump, *(path.read_text(encoding="utf-8") for path in Path(built.path).iterdir())]
    )
    left = residue(
        records,
        {e["conversation"] for e in built.manifest["lineage"]},
        built.rows,
        built.manifest["lineage"],
    )
    for kind, share in MOST_LEFT.items():
        assert left[kind][0] <= share * left[kind][1], (kind, left[kind])
    for value in {
        p["text"]
        for r in records
        for p in r["pii_gold"]
        if p["type"] == "ACCOUNT_NUMBER" and len(p["text"]) >= 8
    }:
        assert not re.search(rf"(?<!\d){re.escape(value)}(?!\d)", everything), (
            "an account number stands in plain sight"
        )


def recomputed(records: list[dict[str, Any]], part: str, name: str) -> tuple[int, int]:
    values = [
        r[part][name] for r in records if r[part] is not None and r[part].get(name) is not None
    ]
    return sum(v is True for v in values), len(values)


def residue(
    records: list[dict[str, Any]], used: set[str], rows: Any, lineage: Any
) -> dict[str, tuple[int, int]]:
    """By type: gold values that still stand in their own conversation's row, of how many."""
    texts = {
        entry["conversation"]: json.dumps([m["content"] for m in row["messages"][1:]])
        for row, entry in zip(rows, lineage, strict=True)
    }
    found: dict[str, list[bool]] = {}
    for record in records:
        if record["conversation_id"] in used:
            for gold in record["pii_gold"]:
                stands = (
                    re.search(
                        rf"(?<!\w){re.escape(gold['text'])}(?!\w)", texts[record["conversation_id"]]
                    )
                    is not None
                )
                found.setdefault(gold["type"], []).append(stands)
    return {kind: (sum(values), len(values)) for kind, values in found.items()}
