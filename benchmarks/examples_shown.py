"""What examples beside a question add to a request, in CPU and waiting time.

`python -m benchmarks.examples_shown [--examples 20000] [--requests 300] [--json]`. A build of so
many examples on SQLite with the shipped embedder; requests are prepared as the gateway prepares
them, with a question that was embedded before (cached) and with one that was not. `plain` is the
same request for the same model without examples.
"""

import argparse
import asyncio
import json
import random
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from kaeshi.app import open_loop
from kaeshi.loop import Loop
from kaeshi.nouns import Candidate
from kaeshi.settings import Settings
from kaeshi.steps import asking, variants
from kaeshi.steps.shelf import Shelf

WORDS = (
    "price",
    "deposit",
    "grill",
    "chef",
    "salmon",
    "party",
    "sunday",
    "guests",
    "cancel",
    "rain",
)
COUNT = 8


def sentence(number: int) -> str:
    """A question that no other number has."""
    drawn = random.Random(number)
    return f"{' '.join(drawn.choices(WORDS, k=7))} number {number}?"


def line(number: int) -> str:
    """A training row."""
    said = [
        {"role": "user", "content": sentence(number)},
        {"role": "assistant", "content": f"The answer to it is {number}, as we told you."},
    ]
    return json.dumps({"messages": said}) + "\n"


async def timed(
    loop: Loop, candidate: Candidate, requests: int, question: Callable[[int], str]
) -> dict[str, float]:
    """Medians of CPU and waiting milliseconds of preparing one request."""
    shelf = Shelf()
    waited: list[float] = []
    began_cpu = time.process_time()
    for number in range(requests):
        asked = asking.question([{"role": "user", "content": question(number)}], candidate.model)
        began = time.perf_counter()
        await asking.prepare(loop, shelf, candidate, asked)
        waited.append((time.perf_counter() - began) * 1000)
    cpu = (time.process_time() - began_cpu) * 1000 / requests
    return {"p50_ms": round(statistics.median(waited), 3), "cpu_ms": round(cpu, 3)}


async def measure(folder: Path, examples: int, requests: int) -> dict[str, dict[str, float]]:
    """By kind of request."""
    async with open_loop(settings=Settings(kaeshi_data_dir=folder)) as loop:
        rows = folder / "rows.jsonl"
        rows.write_text("".join(map(line, range(examples))))
        shown = await variants.with_examples(loop, [rows], model="m", count=COUNT)
        plain = asking.unregistered(loop.assistant, "m")
        return {
            "plain": await timed(loop, plain, requests, sentence),
            "cached": await timed(loop, shown, requests, lambda _: sentence(7)),
            "uncached": await timed(
                loop, shown, requests, lambda number: sentence(examples + 10 + number)
            ),
        }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--examples", type=int, default=20_000)
    parser.add_argument("--requests", type=int, default=300)
    parser.add_argument("--json", action="store_true")
    wanted = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        found = asyncio.run(measure(Path(folder), wanted.examples, wanted.requests))
    if wanted.json:
        print(json.dumps(found, indent=1))
        return
    for kind, figures in found.items():
        print(f"{kind:9} p50 {figures['p50_ms']:8.3f} ms, CPU {figures['cpu_ms']:8.3f} ms")


if __name__ == "__main__":
    main()
