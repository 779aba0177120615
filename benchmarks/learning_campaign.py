"""Learning's benchmark: how many accounts praise a wrong answer into what is learned.

`python -m benchmarks.learning_campaign --data DIR [--only NAME...] [--seeds 4] [--json]`. The real
loop on SQLite: three known questions of each answer are imported; forty customers, each of a
network of their own, ask other questions, get the knowledge base's answer and rate it as recorded
raters did. Then accounts of a campaign ask one question, get the same wrong answer and praise it as
well as can be, an hour apart. Collection, a dataset and a refresh that approves by policy follow.
All customers come through the gateway, and none is signed.
"""

import argparse
import asyncio
import json
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from sqlalchemy import text

from benchmarks import folder
from benchmarks.learning import KNOWN, Base, bases
from kaeshi.app import open_loop
from kaeshi.formats.faq import Written
from kaeshi.loop import Loop
from kaeshi.nouns import Feedback
from kaeshi.providers.fake import FakeClock
from kaeshi.providers.minilm import MiniLMEmbedder
from kaeshi.rules import quality
from kaeshi.settings import load
from kaeshi.steps import builds, collection, conversation, dataset, feedback, knowledge
from kaeshi.steps.faq import import_pairs

START = datetime(2026, 3, 2, tzinfo=UTC)
HONEST = 40
CAMPAIGNS = ((1, 1), (10, 1), (30, 1), (10, 10), (30, 10), (11, 11), (30, 30))
ASSISTANT = "main"


async def campaign(
    base: Base, seed: int, accounts: int, networks: int, place: Path
) -> dict[str, bool]:
    """Whether the wrong answer is in a dataset, and in a knowledge build."""
    rng = np.random.default_rng([seed, 21])
    settings = load(
        kaeshi_data_dir=place, database_url=None, min_examples=10, knowledge_auto_approve=True
    )
    clock = FakeClock(START)
    async with open_loop(settings=settings, clock=clock) as loop:
        known = await _known(loop, base, rng)
        asked = rng.permutation(np.setdiff1d(np.arange(len(base.questions)), known))
        for n, question in enumerate(asked[:HONEST]):
            hits = await knowledge.search(loop, base.questions[question], 1)
            is_right = hits[0].entry.answer == base.titles[base.answers[question]]
            table = np.array(quality.STARS_IF_RIGHT if is_right else quality.STARS_IF_WRONG)
            stars = int(rng.choice(5, p=table / table.sum())) + 1
            pair = (base.questions[question], hits[0].entry.answer)
            await _said(loop, f"h{n}", pair, f"n_h{n}", stars)
        question = base.questions[asked[HONEST]]
        wrong = await _wrong(loop, question, base.titles[base.answers[asked[HONEST]]])
        for n in range(accounts):
            clock.advance(hours=1)
            await _said(loop, f"x{n}", (question, wrong), f"n_x{n % networks}", 5)
        clock.advance(hours=1)
        return await _learned(loop, question, wrong)


async def _known(loop: Loop, base: Base, rng: np.random.Generator) -> np.ndarray:
    """Import three questions of each answer; returns their places."""
    places = [
        rng.permutation(np.flatnonzero(base.answers == answer))[:KNOWN]
        for answer in range(len(base.titles))
    ]
    known = np.concatenate(places)
    pairs = [(base.questions[i], base.titles[base.answers[i]]) for i in known]
    await import_pairs(loop, (("faq", Written(*pair)) for pair in pairs), by="ann", published=True)
    await knowledge.refresh(loop)
    return known


async def _wrong(loop: Loop, question: str, right: str) -> str:
    """The likeliest answer of the knowledge base that is not the right one."""
    hits = await knowledge.search(loop, question, 100)
    return next(hit.entry.answer for hit in hits if hit.entry.answer != right)


async def _said(loop: Loop, name: str, pair: tuple[str, str], network: str, stars: int) -> None:
    """One conversation through the gateway, and its rating."""
    at = loop.clock.now().isoformat()
    record = {
        "conversation_id": name,
        "customer_id": f"customer {name}",
        "consent": "granted",
        "source": "gateway",
        "started_at": at,
        "closed": True,
        "messages": [
            {"role": "user", "content": pair[0], "at": at},
            {"role": "assistant", "content": pair[1], "at": at},
        ],
    }
    done = await conversation.log(loop, [record])
    assert not done.refused, done.refused
    async with loop.store.write() as tx:
        await tx.connection.execute(
            text("update conversations set network = :n, is_verified = 0 where id = :c"),
            {"n": network, "c": name},
        )
    happy = {"vote": "up", "helpful": True, "accurate": True} if stars == 5 else {}
    await feedback.record(loop, [Feedback(message_id=f"{name}#1", rating=stars, **happy)])


async def _learned(loop: Loop, question: str, wrong: str) -> dict[str, bool]:
    await collection.collect(loop)
    built = await dataset.build(loop, least=0)
    rows = [json.loads(line)["messages"] for line in built.lines]
    await knowledge.refresh(loop, accept_worse=True)
    async with loop.store.read() as tx:
        entries = await tx.knowledge.index_entries(loop.assistant, builds.current(loop)["build"])
    return {
        "dataset": any(
            row[-1]["content"] == wrong and row[-2]["content"] == question for row in rows
        ),
        "build": any(e.question == question and e.answer == wrong for e in entries),
    }


def rows(wanted: argparse.Namespace, embedder: MiniLMEmbedder) -> list[dict[str, Any]]:
    """A row for each source and campaign."""
    made = []
    for base in bases(wanted, embedder):
        for accounts, networks in CAMPAIGNS:
            found = []
            for seed in range(wanted.seeds):
                with tempfile.TemporaryDirectory() as name:
                    found.append(asyncio.run(campaign(base, seed, accounts, networks, Path(name))))
            made.append(
                {
                    "source": base.name,
                    "accounts": accounts,
                    "networks": networks,
                    "in_a_dataset": sum(each["dataset"] for each in found),
                    "in_a_build": sum(each["build"] for each in found),
                    "seeds": len(found),
                }
            )
    return made


def show(found: Sequence[dict[str, Any]]) -> str:
    """The figures as lines."""
    return "\n".join(
        f"{row['source']:16} {row['accounts']:3} accounts on {row['networks']:3} networks: in a "
        f"dataset at {row['in_a_dataset']} and in a build at {row['in_a_build']} of "
        f"{row['seeds']} seeds"
        for row in found
    )


def main() -> None:
    """Print the figures, or JSON with --json."""
    parser = argparse.ArgumentParser(description=__doc__)
    folder.add_arguments(parser)
    parser.add_argument("--seeds", type=int, default=4)
    parser.add_argument("--json", action="store_true")
    wanted = parser.parse_args()
    found = rows(wanted, MiniLMEmbedder(load().models_dir))
    print(json.dumps(found, indent=1) if wanted.json else show(found))


if __name__ == "__main__":
    main()
