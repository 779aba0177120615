"""What a refresh costs: a full build, one with few new entries, and a search.

`python -m benchmarks.knowledge_refresh [--entries 100000] [--new 100] [--json]`. Questions are made
of words and numbers, each another; nothing of them is known before the full build.
"""

import argparse
import asyncio
import json
import os
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from kaeshi.app import open_loop
from kaeshi.loop import Loop
from kaeshi.nouns import Entry
from kaeshi.settings import load
from kaeshi.steps import builds, knowledge

_TOPICS = "booking refund menu chef travel deposit allergy children parking invoice grill table"
WORDS = _TOPICS.split()
AT_ONCE = 500
SEARCHES = 20


def entries(loop: Loop, first: int, count: int) -> list[tuple[Entry, int]]:
    """So many approved entries, each with another question and answer."""
    made = []
    for n in range(first, first + count):
        topic, other = WORDS[n % len(WORDS)], WORDS[n // len(WORDS) % len(WORDS)]
        entry = Entry(
            id=f"kb_{n:08d}",
            assistant=loop.assistant,
            question=f"What about {topic} and {other} for order {n}?",
            answer=f"For order {n}, {topic} goes with {other}.",
            state="approved",
            by="ann",
            at=datetime(2026, 3, 2, tzinfo=UTC),
        )
        made.append((entry, 8))
    return made


async def _add(loop: Loop, first: int, count: int) -> None:
    for start in range(first, first + count, AT_ONCE):
        async with loop.store.write() as tx:
            await tx.knowledge.propose(entries(loop, start, min(AT_ONCE, first + count - start)))


async def _timed(loop: Loop) -> tuple[dict[str, Any], float]:
    began = time.process_time()
    done = await knowledge.refresh(loop)
    return done, time.process_time() - began


async def run(count: int, new: int, folder: Path) -> dict[str, Any]:
    """CPU seconds of both refreshes, their ratio, and milliseconds of a search."""
    async with open_loop(settings=load(kaeshi_data_dir=folder, database_url=None)) as loop:
        await _add(loop, 0, count)
        full, full_s = await _timed(loop)
        await _add(loop, count, new)
        again, again_s = await _timed(loop)
        manifest = builds.current(loop)
        async with loop.store.read() as tx:
            held = await tx.knowledge.index_entries(loop.assistant, manifest["build"])
        knowledge.nearest(loop, manifest, held, "What about parking?", 5)
        began = time.perf_counter()
        for n in range(SEARCHES):
            knowledge.nearest(loop, manifest, held, f"What about refund and menu for order {n}?", 5)
        search_ms = 1000 * (time.perf_counter() - began) / SEARCHES
    return {
        "entries": full["entries"],
        "embedded": full["embedded"],
        "full_cpu_s": round(full_s, 1),
        "new": again["embedded"],
        "again_cpu_s": round(again_s, 2),
        "ratio": round(full_s / again_s, 1),
        "search_ms": round(search_ms, 1),
    }


def main() -> None:
    """Print the figures, or JSON with --json."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--entries", type=int, default=100_000)
    parser.add_argument("--new", type=int, default=100)
    parser.add_argument("--json", action="store_true")
    wanted = parser.parse_args()
    os.environ.pop("DATABASE_URL", None)
    with tempfile.TemporaryDirectory() as name:
        found = asyncio.run(run(wanted.entries, wanted.new, Path(name)))
    if wanted.json:
        print(json.dumps(found))
        return
    print(
        f"{found['entries']} entries: {found['full_cpu_s']} s of CPU; {found['new']} new ones: "
        f"{found['again_cpu_s']} s, {found['ratio']} times less; a search {found['search_ms']} ms"
    )


if __name__ == "__main__":
    main()
