"""What each way of learning is worth, by the number of approved answers.

`python -m benchmarks.learning_methods --data DIR [--methods examples,prompt,knowledge,fine_tune]
[--answers 10] [--counts 50 200 800] [--seeds 2] [--json]`, or `benchmarks.learning --methods ...`.
Every file of questions with answers is read (kind snippet, approved_question, query); of each
source so many answers are drawn, and their held-out questions are asked before and after.

The model is shipped (FakeReader): it answers from what it reads and knows nothing else, so that the
ways are judged apart from a model's weakness; a fine-tune is the responder's. `ceiling`, for a
prompt: the same model with a line for every answer that the search may learn from.
"""

import argparse
import asyncio
import json
import random
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from benchmarks import folder
from kaeshi.app import open_loop
from kaeshi.demo import recorded
from kaeshi.demo.customers import Intent
from kaeshi.errors import KaeshiError
from kaeshi.loop import Loop
from kaeshi.nouns import Candidate, Serving
from kaeshi.providers.chat import WireChat
from kaeshi.providers.fake_reader import REFLECTOR, WORDS, FakeReader
from kaeshi.rules.feedback import parse
from kaeshi.settings import Settings
from kaeshi.steps import (
    asking,
    collection,
    conversation,
    dataset,
    feedback,
    knowledge,
    prompting,
    rollout,
    training,
    variants,
)
from kaeshi.steps.shelf import Shelf

MODEL = "reader"
METHODS = ("examples", "prompt", "knowledge", "fine_tune")
GOOD = {"vote": "up", "rating": 5, "helpful": True, "accurate": True}
USD_PER_MILLION = 0.15  # prompt tokens, as gpt-4o-mini's
TOGETHER = 20
LEAST = 20  # answers, below which nothing is learned


@dataclass(frozen=True)
class Case:
    """A question and its answer."""

    question: str
    answer: str


def cases_of(intents: Sequence[Intent], seed: int) -> tuple[list[Case], list[Case]]:
    """(to learn from, held out), the first in an order that depends on the seed."""
    learned = [Case(text, intent.answer) for intent in intents for text in intent.asks]
    random.Random(seed).shuffle(learned)
    return learned, [Case(text, intent.answer) for intent in intents for text in intent.held]


async def measure(
    intents: Sequence[Intent], count: int, methods: Sequence[str], seed: int
) -> dict[str, Any]:
    """Right answers before and after each way of learning from so many answers."""
    learned, held = cases_of(intents, seed)
    with tempfile.TemporaryDirectory() as home:
        settings = Settings(
            kaeshi_data_dir=Path(home),
            kaeshi_names="lists",
            openai_api_key=None,
            min_examples=LEAST,
        )
        async with open_loop(settings=settings) as opened:
            reader = FakeReader(opened.embedder)
            chat = WireChat(answerer=reader, base_url=None, api_key=None)
            loop = replace(opened, answerer=reader, chat=chat)
            await _log(loop, learned[:count])
            plain = await rollout.set_production(loop, MODEL, Serving(placeholders=False))
            found: dict[str, Any] = {"before": await _asked(loop, reader, plain, held)}
            for method in methods:
                found[method] = await _learned(loop, opened, reader, method, held, seed)
    return found


async def _learned(
    loop: Loop, opened: Loop, reader: FakeReader, method: str, held: Sequence[Case], seed: int
) -> dict[str, Any]:
    """What a way is worth, or why nothing came of it."""
    calls = reader.asked
    try:
        made = await _made(opened if method == "fine_tune" else loop, method, seed)
    except KaeshiError as error:
        return {"none": str(error)}
    calls = reader.asked - calls
    asked = opened if method == "fine_tune" else loop
    found = await _asked(asked, reader, made, held) | {"calls": calls}
    if method == "prompt":
        found["ceiling"] = (await _asked(loop, reader, await _ceiling(loop, made, seed), held))[
            "right"
        ]
    return found


async def _made(loop: Loop, method: str, seed: int) -> Candidate:
    if method == "examples":
        return await variants.with_current_examples(loop)
    if method == "prompt":
        return await prompting.search(loop, reflector=REFLECTOR, seed=seed)
    if method == "knowledge":
        await knowledge.propose(loop)
        async with loop.store.read() as tx:
            proposed = await tx.knowledge.entries(loop.assistant, ("proposed",))
        await knowledge.approve(loop, [entry.id for entry, _ in proposed], by="bench")
        return await variants.with_knowledge(loop)
    built = await dataset.write(loop, await dataset.build(loop, least=LEAST))
    run = await training.start(
        loop,
        await training.upload(loop, dataset.files(built)[0]),
        loop.settings.fine_tune_base_model,
        "bench",
        loop.settings.fine_tune_epochs,
    )
    run = await training.wait(loop, run)
    return await asking.candidate_named(loop, str(run.model))


async def _ceiling(loop: Loop, made: Candidate, seed: int) -> Candidate:
    """The candidate with a line for everything that the search may learn from."""
    learned, _ = await prompting.cases(loop, seed)
    lines = [
        f"- {' '.join(pair.question.rstrip(' ?.!').split()[:WORDS])}? -> {pair.answer}"
        for pair in learned
    ]
    opening = ({"role": "system", "content": "\n".join(lines)},)
    serving = made.serving.model_copy(update={"opening": opening})
    return made.model_copy(update={"serving": serving})


async def _asked(
    loop: Loop, reader: FakeReader, candidate: Candidate, held: Sequence[Case]
) -> dict[str, Any]:
    """Right answers in percent, and what each costs in tokens that are read."""
    read = reader.prompt_tokens
    right = 0
    shelf = Shelf()
    for start in range(0, len(held), TOGETHER):
        part = held[start : start + TOGETHER]
        said = await asyncio.gather(
            *(
                asking.answer(loop, shelf, candidate, [{"role": "user", "content": one.question}])
                for one in part
            )
        )
        right += sum(
            not answer.hand_over and answer.text == one.answer
            for answer, one in zip(said, part, strict=True)
        )
    tokens = (reader.prompt_tokens - read) / len(held)
    return {
        "right": round(100 * right / len(held), 1),
        "tokens": round(tokens),
        "usd_per_1000": round(tokens * USD_PER_MILLION / 1000, 4),
    }


async def _log(loop: Loop, cases: Sequence[Case]) -> None:
    """The answers as an operator's log that customers liked."""
    records = [
        {
            "conversation_id": f"c{i:05}",
            "customer": f"customer {i}",
            "consent": "granted",
            "started_at": "2025-01-06T09:00:00+00:00",
            "messages": [
                {"role": "user", "content": case.question},
                {"role": "assistant", "content": case.answer},
            ],
        }
        for i, case in enumerate(cases)
    ]
    done = await conversation.log(loop, records)
    if done.refused:
        raise SystemExit(done.refused[0])
    await feedback.record(loop, [parse(f"c{i:05}#1", GOOD) for i in range(len(cases))])
    await conversation.close_idle(loop)
    await collection.collect(loop)


def run(wanted: argparse.Namespace) -> list[dict[str, Any]]:
    """A row for each source, number of answers and seed."""
    rows = []
    for path in folder.files(wanted, _fits, "questions with answers").values():
        for source in recorded.sources(path):
            for seed in range(wanted.seeds):
                rows += _of_source(path, source, seed, wanted)
    return rows


def _fits(record: folder.Record) -> bool:
    return record.get("kind") in {"snippet", "approved_question", "query"}


def _of_source(
    path: Path, source: str, seed: int, wanted: argparse.Namespace
) -> list[dict[str, Any]]:
    known = list(recorded.topics(path, source).known)
    random.Random(seed).shuffle(known)
    intents = known[: wanted.answers]
    most = sum(len(intent.asks) for intent in intents)
    counts = [count for count in wanted.counts if count <= most] or [most]
    return [
        {
            "source": source,
            "answers": len(intents),
            "approved": count,
            "seed": seed,
            **asyncio.run(measure(intents, count, wanted.methods.split(","), seed)),
        }
        for count in counts
    ]


def show(rows: Sequence[dict[str, Any]], methods: Sequence[str]) -> str:
    """A table: right answers in percent, tokens read for an answer in brackets."""
    head = "source            answers approved seed  before" + "".join(
        f"  {m:>16}" for m in methods
    )
    lines = [head]
    for row in rows:
        cells = [_cell(row[method]) for method in methods]
        lines.append(
            f"{row['source']:17} {row['answers']:>7} {row['approved']:>8} {row['seed']:>4}  "
            f"{row['before']['right']:>6}" + "".join(f"  {cell:>16}" for cell in cells)
        )
    return "\n".join(lines)


def _cell(found: dict[str, Any]) -> str:
    if "none" in found:
        return "-"
    of = f"/{found['ceiling']}" if "ceiling" in found else ""
    return f"{found['right']}{of} ({found['tokens']})"


def main() -> None:
    """Print the figures, or JSON with --json."""
    parser = argparse.ArgumentParser(description=__doc__)
    folder.add_arguments(parser)
    add_arguments(parser)
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--json", action="store_true")
    wanted = parser.parse_args()
    rows = run(wanted)
    print(json.dumps(rows, indent=1) if wanted.json else show(rows, wanted.methods.split(",")))


def add_arguments(parser: argparse.ArgumentParser, methods: str | None = ",".join(METHODS)) -> None:
    """The options of this comparison."""
    parser.add_argument("--methods", default=methods, help="ways to compare, with commas")
    parser.add_argument("--answers", type=int, default=10, help="answers drawn of each source")
    parser.add_argument("--counts", type=int, nargs="+", default=[50, 200, 800])


if __name__ == "__main__":
    main()
