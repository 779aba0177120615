"""The loop over recorded logs, without live customers.

Learn from the first part by time, judge on the last, register the candidate.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Literal

from kaeshi.errors import ProviderError, TooFew
from kaeshi.loop import Loop
from kaeshi.nouns import Answer, Candidate, Consent, Dataset, Filters, Json, TrainingRun, text_of
from kaeshi.rules.conversation import is_answer
from kaeshi.rules.dataset import enough
from kaeshi.rules.statistics import wilson
from kaeshi.steps import asking, collection, dataset, importing, knowledge, rollout, training
from kaeshi.steps.collection import Collected
from kaeshi.steps.importing import Logs
from kaeshi.steps.shelf import Shelf
from kaeshi.store.conversation_rows import Stored

FIRST_PART = 0.8
AT_ONCE = 200
TAKEN_IN = ("new", "unchanged", "messages", "feedback", "consents", "withdrawn", "silent")
Progress = Callable[[str, float], None]


def quiet(_stage: str, _share: float) -> None:
    """Shows no progress."""


async def take_in(
    loop: Loop, logs: Sequence[Logs], *, consent: Consent | None, progress: Progress = quiet
) -> Json:
    """Import conversations, and their recorded questionnaires as feedback."""
    totals = dict.fromkeys(TAKEN_IN, 0)
    refused: list[str] = []
    for log in logs:
        done = 0
        async for stored in importing.imported(loop, log, consent=consent):
            done += stored.new + stored.unchanged
            for name in totals:
                totals[name] += getattr(stored, name)
            refused += stored.refused
            progress(f"{log.path.name}: {done} conversations", 0)
    return {**totals, "refused": len(refused), "first_refusals": refused[:5]}


async def learn(loop: Loop, *, progress: Progress = quiet) -> Json:
    """Train on the first 80 % of the logs by time, and judge on the last 20 %.

    Collect, build a dataset, train, judge, register the candidate. There is no quality minimum:
    recorded questionnaires are often incomplete, so that no conversation would reach it. Raises
    TooFew.
    """
    using = _without_minimum(loop)
    collected = await collection.collect(loop, using)
    starts, reasons, pii = await _stored_so_far(loop)
    await _check_enough(loop, using)
    cut = starts[int(len(starts) * FIRST_PART)][0]
    progress("building the dataset", 0)
    built = await dataset.write(loop, await dataset.build(loop, using, until=cut.isoformat()))
    run = await _train(loop, Path(built.path) / "train.jsonl", progress)
    judged = await _judge(
        loop,
        run,
        [name for at, name in starts if at >= cut],
        [name for at, name in starts if at < cut],
        built.rows,
        progress,
    )
    candidate = await _register(loop, run, judged)
    splits = Counter(built.splits)
    return _learned(starts, collected, reasons, pii, built, splits, cut, run, judged, candidate)


async def _check_enough(loop: Loop, using: Filters) -> None:
    """Raise TooFew, before the cut by time: its reason is then not that the last are set apart."""
    examples, dropped = await dataset.gather(loop, using)
    enough(
        len(examples),
        loop.settings.min_examples,
        f"dataset for assistant {loop.assistant!r}",
        dropped,
        "" if examples or dropped else await collection.why_nothing(loop),
    )


def _without_minimum(loop: Loop) -> Filters:
    return Filters(
        min_quality_tenths=None,
        missing_quality="keep",
        min_confidence=loop.settings.min_confidence,
        min_rating=loop.settings.min_rating,
    )


def _learned(
    starts: list[tuple[datetime, str]],
    collected: Collected,
    reasons: dict[str, int],
    pii: dict[str, int],
    built: Dataset,
    splits: Counter[Literal["train", "validation"]],
    cut: datetime,
    run: TrainingRun,
    judged: Json,
    candidate: Candidate,
) -> dict[str, object]:
    return {
        "conversations": len(starts),
        "kept": collected.total_kept,
        "dropped": reasons,
        "pii_replaced": pii,
        "ready_to_retrain": collected.ready_to_retrain,
        "dataset": {
            "id": built.id,
            "path": built.path,
            "rows": len(built.lines),
            "train": splits["train"],
            "validation": splits["validation"],
            "until": cut.isoformat(),
            "dropped": built.manifest["dropped"],
        },
        "run": {"id": run.id, "state": run.state, "model": run.model, "provider": run.provider},
        "judged": judged,
        "candidate": candidate.id,
    }


async def _stored_so_far(
    loop: Loop,
) -> tuple[list[tuple[datetime, str]], dict[str, int], dict[str, int]]:
    async with loop.store.read() as tx:
        starts = await tx.reports.starts(loop.assistant)
        reasons = await tx.examples.reasons(loop.assistant)
        pii = await tx.examples.pii_counts(loop.assistant)
    if not starts:
        msg = f"assistant {loop.assistant!r} has no conversations; check the files' format"
        raise TooFew(msg)
    return starts, reasons, pii


async def propose_knowledge(loop: Loop, *, approve_policy: bool) -> Json:
    """Propose entries from the kept examples, and approve by policy only if asked to."""
    new, dropped = await knowledge.propose(loop)
    approved = await knowledge.approve_by_policy(loop) if approve_policy else 0
    refreshed = await knowledge.refresh(loop) if approved else {"index": None}
    async with loop.store.read() as tx:
        sample = await tx.knowledge.entries(loop.assistant, ("proposed", "approved"), 5)
    return {
        "proposed": new,
        "approved": approved,
        "not_proposed": dict(sorted(dropped.items())),
        "index": refreshed["index"],
        "examples": [{"question": e.question, "answer": e.answer} for e, _ in sample],
    }


async def _train(loop: Loop, path: Path, progress: Progress) -> TrainingRun:
    progress("training", 0)
    file_id = await training.upload(loop, path)
    run = await training.start(
        loop,
        file_id,
        loop.settings.fine_tune_base_model,
        loop.settings.fine_tune_suffix,
        loop.settings.fine_tune_epochs,
    )
    run = await training.wait(loop, run, lambda r: progress(f"training: {r.state}", 0))
    if run.state != "succeeded" or run.model is None:
        msg = f"run {run.id!r} ended {run.state}: {run.error}"
        raise ProviderError(msg)
    return run


async def _judge(
    loop: Loop,
    run: TrainingRun,
    later: Sequence[str],
    earlier: Sequence[str],
    rows: Sequence[Json],
    progress: Progress,
) -> Json:
    """Next action and exact reply on conversations that no dataset has seen.

    Replies that occur in the training rows are counted apart.
    """
    judge = _Judge(
        loop=loop,
        candidate=await asking.candidate_named(loop, run.model or ""),
        acts=await _acts_of_replies(loop, earlier),
        seen=_replies(rows),
    )
    for start in range(0, len(later), AT_ONCE // 4):
        part = later[start : start + AT_ONCE // 4]
        await judge.take(part)
        progress("judging on the last part", min(1.0, (start + len(part)) / max(len(later), 1)))
    return {"conversations": len(later), **judge.shares()}


@dataclass(frozen=True, kw_only=True)
class _Judge:
    """Compares a candidate's answers with the replies that people gave.

    `acts`: the action that each reply stands for. `seen`: replies that occur in training.
    """

    loop: Loop
    candidate: Candidate
    acts: Mapping[str, str]
    seen: frozenset[str]
    shelf: Shelf = field(default_factory=Shelf)
    tally: Counter[str] = field(default_factory=Counter)

    async def take(self, conversations: Sequence[str]) -> None:
        """Count these conversations."""
        assistant = self.loop.assistant
        async with self.loop.store.read() as tx:
            stored = await tx.conversations.read(assistant, conversations)
            labelled = await tx.reports.acts(assistant, conversations)
        for each, messages in zip(stored, _scrubbed(self.loop, stored), strict=True):
            await self._take_one(messages, labelled.get(each.id, {}))

    async def _take_one(self, messages: Sequence[Json], labelled: Mapping[int, str]) -> None:
        places = _answered_places(messages)
        answers = await asyncio.gather(*(self._ask(messages[:place]) for place in places))
        for place, said in zip(places, answers, strict=True):
            self._count_reply(said, text_of(messages[place]).strip())
            if place in labelled:
                self._count_act(said, labelled[place])

    async def _ask(self, messages: Sequence[Json]) -> Answer:
        return await asking.answer_scrubbed(self.loop, self.shelf, self.candidate, messages)

    def _count_reply(self, said: Answer, gold: str) -> None:
        self.tally["turns"] += 1
        self.tally["seen" if gold in self.seen else "unseen"] += 1
        if not said.hand_over:
            self.tally["answered"] += 1
            self.tally["exact"] += said.text == gold

    def _count_act(self, said: Answer, gold: str) -> None:
        self.tally["act_turns"] += 1
        self.tally[f"gold:{gold}"] += 1
        if not said.hand_over:
            self.tally["act_answered"] += 1
            self.tally["act_right"] += self.acts.get(said.text) == gold

    def shares(self) -> Json:
        """The counts as shares with their limits."""
        tally = self.tally
        most_common = max((n for k, n in tally.items() if k.startswith("gold:")), default=0)
        return {
            "turns": tally["turns"],
            "answered": _share(tally["answered"], tally["turns"]),
            "act_when_answered": _share(tally["act_right"], tally["act_answered"]),
            "act_of_all": _share(tally["act_right"], tally["act_turns"]),
            "exact_when_answered": _share(tally["exact"], tally["answered"]),
            "exact_seen": _share(tally["exact"], tally["seen"]),
            "exact_unseen": _share(0, tally["unseen"]),
            "always_most_common_act": _share(most_common, tally["act_turns"]),
        }


def _replies(rows: Sequence[Json]) -> frozenset[str]:
    """The assistant's replies in training rows."""
    messages = [message for row in rows for message in row["messages"]]
    return frozenset(text_of(m).strip() for m in messages if is_answer(m))


def _answered_places(messages: Sequence[Json]) -> list[int]:
    """Positions of the assistant's replies to a customer."""
    roles = [message["role"] for message in messages]
    first = roles.index("user") if "user" in roles else len(roles)
    return [place for place in range(first, len(roles)) if _is_reply(messages[place])]


def _is_reply(message: Json) -> bool:
    """Whether the assistant gave it, and no client wrote it into its history."""
    return message["role"] == "assistant" and message.get("weight") != 0


async def _acts_of_replies(loop: Loop, earlier: Sequence[str]) -> dict[str, str]:
    """The action that each scrubbed reply most often stood for in the first part."""
    votes: dict[str, Counter[str]] = {}
    for start in range(0, len(earlier), AT_ONCE):
        part = earlier[start : start + AT_ONCE]
        async with loop.store.read() as tx:
            stored = await tx.conversations.read(loop.assistant, part)
            labelled = await tx.reports.acts(loop.assistant, part)
        _count_votes(stored, labelled, loop, votes)
    return {
        reply: min(counts, key=lambda act: (-counts[act], act)) for reply, counts in votes.items()
    }


def _count_votes(
    stored: list[Stored],
    labelled: dict[str, dict[int, str]],
    loop: Loop,
    votes: dict[str, Counter[str]],
) -> None:
    known = [conversation for conversation in stored if conversation.id in labelled]
    for conversation, messages in zip(known, _scrubbed(loop, known), strict=True):
        for place, act in labelled[conversation.id].items():
            votes.setdefault(text_of(messages[place]).strip(), Counter())[act] += 1


def _scrubbed(loop: Loop, stored: Sequence[Stored]) -> list[Sequence[Json]]:
    """Their messages, scrubbed as a model sees them. Raises what the scrubber raises."""
    said = [[t.message for t in s.said] for s in stored]
    return [
        (collection.scrub_messages(loop, messages) if isinstance(clean, str) else clean)[0]
        for messages, clean in zip(said, collection.scrub_each(loop, said), strict=True)
    ]


async def _register(loop: Loop, run: TrainingRun, judged: Json) -> Candidate:
    return await rollout.register(loop, run.model or "", evidence={"offline": judged})


def _share(count: int, of: int) -> Json | None:
    """A share with its 95 % Wilson limits; None without observations."""
    if of == 0:
        return None
    low, high = wilson(count, of)
    return {
        "count": count,
        "of": of,
        "share": round(count / of, 4),
        "low": round(low, 4),
        "high": round(high, 4),
    }
