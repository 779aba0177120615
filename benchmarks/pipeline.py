"""How fast logs become a dataset.

Import and score, collect, scrub, build, on one core and without a name model.

`python -m benchmarks.pipeline --data DIR [--only NAME] [--copies N] [--json]` runs on each file of
conversations in DIR, N times over with other ids and words. Quotes CPU seconds: machines are
shared.
"""

import argparse
import asyncio
import json
import os
import resource
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks import folder
from kaeshi.app import open_loop
from kaeshi.nouns import Filters
from kaeshi.settings import Settings
from kaeshi.steps import collection, dataset, importing


def lines(path: Path, copies: int) -> Iterator[bytes]:
    """The file's lines.

    Further copies get ids of their own and a word in every message, so that they are other
    conversations.
    """
    for copy in range(copies):
        for line in folder.lines(path):
            yield line if copy == 0 else _changed(json.loads(line), copy)


def _changed(record: dict[str, Any], copy: int) -> bytes:
    record["conversation_id"] += f"-{copy}"
    for i, message in enumerate(record["messages"]):
        if message.get("message_id"):
            message["message_id"] += f"-{copy}"
        words = (message.get("content") or "").split(" ")
        words.insert((copy * 7 + i) % (len(words) + 1), f"v{copy}{i}")
        message["content"] = " ".join(words)
    return json.dumps(record).encode()


async def run(path: Path, copies: int) -> dict[str, Any]:
    """One pass; figures by stage."""
    stages: dict[str, tuple[float, float]] = {}

    def mark(name: str, began: tuple[float, float]) -> tuple[float, float]:
        now = (time.process_time(), time.perf_counter())
        cpu, wall = stages.get(name, (0.0, 0.0))
        stages[name] = (cpu + now[0] - began[0], wall + now[1] - began[1])
        return now

    with tempfile.TemporaryDirectory() as scratch:
        settings = Settings(
            kaeshi_data_dir=Path(scratch),
            database_url=None,
            openai_api_key=None,
            openai_base_url=None,
            kaeshi_names="lists",
        )
        async with open_loop(settings=settings) as loop:
            using = Filters(min_quality_tenths=None, missing_quality="keep")
            count = 0
            source = importing.Logs(path=Path(scratch) / "log.jsonl")
            with source.path.open("wb") as log:
                log.writelines(line.rstrip() + b"\n" for line in lines(path, copies))
            at = (time.process_time(), time.perf_counter())
            async for part in importing.imported(loop, source, consent="granted"):
                count += part.new
            at = mark("import and score", at)
            await collection.collect(loop, using)
            at = mark("collect and scrub", at)
            built = await dataset.write(loop, await dataset.build(loop, using))
            at = mark("dataset", at)
    total = (sum(cpu for cpu, _ in stages.values()), sum(wall for _, wall in stages.values()))
    return {
        "conversations": count,
        "rows": len(built.lines),
        "near_duplicates": built.manifest["dropped"].get("near_duplicate", 0),
        "stages": {
            name: {"cpu_s": round(cpu, 2), "wall_s": round(wall, 2)}
            for name, (cpu, wall) in stages.items()
        },
        "cpu_s": round(total[0], 2),
        "wall_s": round(total[1], 2),
        "conversations_per_cpu_s": round(count / total[0]),
        "peak_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
    }


def main() -> None:
    """Print a table, or JSON with --json."""
    parser = argparse.ArgumentParser(description=__doc__)
    folder.add_arguments(parser)
    parser.add_argument("--copies", type=int, default=1)
    parser.add_argument("--json", action="store_true")
    wanted = parser.parse_args()
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    for name, path in folder.files(wanted, folder.is_conversation, "conversations").items():
        found = asyncio.run(run(path, wanted.copies))
        if wanted.json:
            print(json.dumps({"log": name, **found}))
        else:
            print(name)
            show(found)


def show(found: dict[str, Any]) -> None:
    """Print the stages of one log, and the whole."""
    for name, seconds in found["stages"].items():
        print(f"{name:18} {seconds['cpu_s']:7.2f} s CPU {seconds['wall_s']:7.2f} s wall")
    print(
        f"{found['conversations']} conversations, {found['rows']} rows: "
        f"{found['conversations_per_cpu_s']} conversations per CPU second, peak "
        f"{found['peak_mb']} MB"
    )


if __name__ == "__main__":
    main()
