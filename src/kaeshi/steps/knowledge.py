"""The knowledge base: approved questions and answers, and the index that finds them.

A new index is built beside the old one and swapped in whole.
"""

import asyncio
import hashlib
from collections import Counter
from collections.abc import Hashable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import cast

import numpy as np

from kaeshi.errors import InvalidInput, NotFound, Refused, TooFew
from kaeshi.loop import Loop
from kaeshi.nouns import Drop, Entry, Hit, Json
from kaeshi.ports import Embedder, Vectors
from kaeshi.rules import knowledge as rules
from kaeshi.rules.retrieval import entities_in, nearest_in, without
from kaeshi.steps import answering, builds
from kaeshi.steps.builds import Fitted
from kaeshi.steps.embedding import vectors_of
from kaeshi.steps.refresh_check import Build, Checked, checked, questions
from kaeshi.store.examples import Judged

AT_ONCE = 200
TEXTS_KEPT = 20_000  # entries' vectors that stay in memory
NEAR_ANY = 50  # places among which entries about anything are looked for
OF_ANY = 0.1  # by how much an entry about anything must be nearer than one about the entity
SPARE = 20  # places that are looked at beyond what is wanted: some may not hold now
SHOWN = 10  # questions in a refusal
POLICY = "policy:auto"
KEPT_ENTITIES = 4  # builds: those that the arms of a rollout read, and their predecessors


async def propose(loop: Loop) -> tuple[int, Counter[str]]:
    """Propose an entry for every kept example with a self-contained last exchange.

    Returns how many were new, and the refusals by reason.
    """
    proposed = 0
    dropped = Counter[str]()
    after = ""
    while True:
        async with loop.store.read() as tx:
            judged = await tx.examples.judged(loop.assistant, after, AT_ONCE)
        if not judged:
            return proposed, dropped
        after = judged[-1].conversation
        found: list[tuple[Entry, int]] = []
        _entries_in(judged, dropped, loop, found)
        async with loop.store.write() as tx:
            proposed += await tx.knowledge.propose(found)


def _entries_in(
    judged: list[Judged], dropped: Counter[str], loop: Loop, found: list[tuple[Entry, int]]
) -> None:
    for j in judged:
        if j.body is None:
            continue
        verdict = rules.choose(j.example)
        pair = rules.question_and_answer(j.example.messages)
        if isinstance(verdict, Drop) or pair is None:
            dropped[verdict.reason if isinstance(verdict, Drop) else "no_pair"] += 1
            continue
        entry = Entry(
            id=entry_id(loop.assistant, *pair),
            assistant=loop.assistant,
            question=pair[0],
            answer=pair[1],
            state="proposed",
            conversation=j.conversation,
            at=loop.clock.now(),
        )
        found.append((entry, j.signals.quality_tenths or 0))


async def approve(loop: Loop, ids: list[str], *, by: str, note: str = "") -> int:
    """Approve entries in a person's name. Raises InvalidInput without a name."""
    if not by.strip():
        msg = "an approval needs the name of the person who gives it (--by NAME)"
        raise InvalidInput(msg)
    async with loop.store.write() as tx:
        for identifier in ids:
            await tx.knowledge.decide(
                loop.assistant, identifier, "approved", by, note, loop.clock.now()
            )
    return len(ids)


async def approve_by_policy(loop: Loop) -> int:
    """Approve by policy, which is off by default.

    It approves proposals that score at least the minimum, that come from customers who were named,
    and that no other answer contradicts, be it proposed, approved or corrected.
    """
    async with loop.store.read() as tx:
        proposed = await tx.knowledge.entries(loop.assistant, ("proposed",))
        decided = await tx.knowledge.entries(loop.assistant, ("approved", "corrected", "rejected"))
        vouched = await tx.examples.vouched(
            loop.assistant,
            [e.conversation for e, _ in proposed if e.conversation],
            review_unnamed=loop.settings.review_unnamed,
        )
    if not proposed:
        return 0
    every = [entry for entry, _ in (*proposed, *decided)]
    vectors, _ = await vectors_of(loop, [entry.question for entry in every])
    waiting = rules.opposed(every, vectors)
    # what waits for a person, was rejected, or is doubtful by now
    waiting |= {e.id for e, _ in proposed if e.conversation and e.conversation not in vouched}
    good = [entry.id for entry, score in proposed if score >= loop.settings.min_quality_tenths]
    sure = [identifier for identifier in good if identifier not in waiting]
    return await approve(loop, sure, by=POLICY) if sure else 0


async def refresh(loop: Loop, *, accept_worse: bool = False) -> Json:
    """Propose from new examples, then build and swap in an index of everything approved.

    Only new texts are embedded. Raises Refused where the new build loses more of the assistant's
    test cases than it gains, unless `accept_worse`; the present one stays.
    """
    new, dropped = await propose(loop)
    by_policy = await approve_by_policy(loop) if loop.settings.knowledge_auto_approve else 0
    approved = await approved_entries(loop)
    result: Json = {
        "proposed": new,
        "not_proposed": dict(sorted(dropped.items())),
        "approved_by_policy": by_policy,
        "entries": len(approved),
        "embedded": 0,
        "index": None,
    }
    if not approved:
        return result
    vectors, embedded = await vectors_of(loop, [entry.question for entry in approved])
    answerer = await _answerer(loop, approved, vectors)
    found = await _checked(loop, Build(entries=approved, vectors=vectors, fitted=answerer))
    if found.is_worse and not accept_worse:
        raise Refused(_worse(found))
    index = await builds.swap_in(loop, approved, vectors, answerer)
    return result | {"embedded": embedded, "index": index, "checked": vars(found)}


async def build_beside(loop: Loop) -> tuple[str, int]:
    """Write a build of what is approved now, and leave the current one; its id and size.

    Raises TooFew where nothing is approved.
    """
    approved = await approved_entries(loop)
    if not approved:
        msg = (
            f"assistant {loop.assistant!r} has no approved entries; `kaeshi review list --kind "
            "entry` shows what is proposed"
        )
        raise TooFew(msg)
    vectors, _ = await vectors_of(loop, [entry.question for entry in approved])
    manifest = await builds.write(loop, approved, vectors, await _answerer(loop, approved, vectors))
    return str(manifest["build"]), len(approved)


async def _checked(loop: Loop, after: Build) -> Checked:
    """The new build beside the present one, where there is one, and there are test cases."""
    asked = await questions(loop)
    manifest = _readable(loop) if asked else None
    if manifest is None:
        return Checked()
    async with loop.store.read() as tx:
        entries = await tx.knowledge.index_entries(loop.assistant, manifest["build"])
    if not entries:
        return Checked()
    vectors, _ = await vectors_of(loop, [entry.question for entry in entries])
    fitted = answering.read(Path(manifest["path"]), manifest)
    before = Build(entries=entries, vectors=vectors, fitted=fitted)
    return await checked(loop, asked, before, after)


def _readable(loop: Loop) -> Json | None:
    """The manifest of the present index; None without one that can be read."""
    try:
        return builds.current(loop)
    except (NotFound, InvalidInput):
        return None


def _worse(found: Checked) -> str:
    lost = "; ".join(repr(question[:80]) for question in found.lost[:SHOWN])
    return (
        f"the new build answers {len(found.lost)} of {found.questions} test cases wrong that the "
        f"present one answers right, and {len(found.gained)} right that it does not: {lost}. The "
        "present build stays; look at these entries, or take the new one with --accept-worse"
    )


async def approved_entries(loop: Loop) -> list[Entry]:
    """What people approved or corrected and holds now, the oldest first."""
    async with loop.store.read() as tx:
        found = await tx.knowledge.entries(loop.assistant, ("approved", "corrected"))
    now = loop.clock.now()
    return [entry for entry, _ in found if entry.holds(now)]


async def contradicted(loop: Loop, entries: Sequence[Entry]) -> dict[str, Entry]:
    """By id, of these entries that wait, the live one that answers its question otherwise."""
    waiting = [entry for entry in entries if entry.state == "proposed"]
    live = await approved_entries(loop) if waiting else []
    if not live:
        return {}
    there, _ = await vectors_of(loop, [entry.question for entry in live])
    here, _ = await vectors_of(loop, [entry.question for entry in waiting])
    return rules.contradicted(waiting, here, live, there)


async def stale_entries(loop: Loop) -> list[tuple[Entry, str]]:
    """Live entries that may no longer be true, or will soon not be, each with why."""
    now = loop.clock.now()
    found = [(entry, rules.stale(entry, now)) for entry in await approved_entries(loop)]
    return [(entry, why) for entry, why in found if why]


async def _answerer(loop: Loop, approved: list[Entry], vectors: Vectors) -> Fitted | None:
    """The classifier of these answers, taught by what customers asked since."""
    if len(approved) > answering.MOST_ENTRIES:
        return None
    asked = await answering.asked_since(loop)
    answers, _ = await vectors_of(loop, [entry.answer for entry in approved])
    questions = given = np.zeros((0, vectors.shape[1]), np.float32)
    if asked.questions:
        questions, _ = await vectors_of(loop, asked.questions)
        given, _ = await vectors_of(loop, asked.answers)
    return await asyncio.to_thread(
        answering.fitted, approved, vectors, answers, asked, questions, given
    )


async def search(loop: Loop, query: str, count: int = 5, said: Sequence[str] = ()) -> list[Hit]:
    """The approved entries nearest to a question. Raises NotFound before the first refresh.

    `said`: what was said before it, the oldest first; an entity that is named there or in the
    question narrows the search to its entries and those of any.
    """
    if not query.strip():
        msg = "the query is empty; give a question"
        raise InvalidInput(msg)
    manifest = builds.current(loop)
    async with loop.store.read() as tx:
        entries = await tx.knowledge.index_entries(loop.assistant, manifest["build"])
    return await asyncio.to_thread(nearest, loop, manifest, entries, query, count, said)


def nearest(
    loop: Loop,
    manifest: Json,
    entries: Sequence[Entry],
    query: str,
    count: int,
    said: Sequence[str] = (),
) -> list[Hit]:
    """`search` for callers that hold the index's entries.

    It computes; inside a server call it in a thread.
    """
    hits = _open_hits(loop, manifest, entries, query, count + SPARE, said)
    if len(hits) < count:  # many were withdrawn, or do not hold now
        hits = _open_hits(loop, manifest, entries, query, len(entries), said)
    return hits[:count]


def _open_hits(
    loop: Loop,
    manifest: Json,
    entries: Sequence[Entry],
    query: str,
    count: int,
    said: Sequence[str],
) -> list[Hit]:
    """What holds now of the first `count` places, the likeliest first."""
    now = loop.clock.now()
    named = entities_in([*said, query], _entities(manifest["build"], entries))
    found = (
        _found_of(loop, manifest, entries, named[0], query)
        if named
        else _found(loop, manifest, query, count)
    )
    return [
        Hit(
            entry=entries[place],
            score=round(score, 4),
            probability=None if share is None else round(share, 4),
        )
        for place, score, share in found[:count]
        if place < len(entries) and entries[place].holds(now)
    ]


def _entities(build: str, entries: Sequence[Entry]) -> list[str]:
    """What a build's entries are about; looked for once a build, for there may be many."""
    if build not in _ENTITIES:
        while len(_ENTITIES) >= KEPT_ENTITIES:
            _ENTITIES.pop(next(iter(_ENTITIES)))
        _ENTITIES[build] = list({entry.entity for entry in entries if entry.entity})
    return _ENTITIES[build]


_ENTITIES: dict[str, list[str]] = {}


def _found_of(
    loop: Loop, manifest: Json, entries: Sequence[Entry], entity: str, query: str
) -> list[tuple[int, float, float | None]]:
    """Places of an entity's entries, and of near ones about any, with cosines, likeliest first."""
    asked = without(query, entity)
    any_ = [
        p
        for p, _, _ in _found(loop, manifest, asked, NEAR_ANY, judges=False)
        if not entries[p].entity
    ]
    own = [i for i, entry in enumerate(entries) if entry.entity == entity]
    places = own + any_
    texts = [f"{entries[i].question} {entries[i].answer}" for i in places]
    vectors = _vectors_of_texts(loop, texts)
    vector = loop.embedder.embed([asked])[0]
    scores = nearest_in(asked, vector, texts, vectors)
    scores[len(own) :] -= OF_ANY
    order = np.argsort(-scores, kind="stable")
    return [(places[i], float(vectors[i] @ vector), None) for i in order]


def _vectors_of_texts(loop: Loop, texts: Sequence[str]) -> Vectors:
    """Each computed once."""
    embedder = cast("Hashable", loop.embedder)
    return np.vstack([_vectors_of_entity(embedder, (text,)) for text in texts])


@lru_cache(TEXTS_KEPT)
def _vectors_of_entity(embedder: Hashable, texts: tuple[str, ...]) -> Vectors:
    return cast("Embedder", embedder).embed(list(texts))


def _found(
    loop: Loop, manifest: Json, query: str, count: int, *, judges: bool = True
) -> list[tuple[int, float, float | None]]:
    """Places in the index where no entity is named, with cosines and probabilities.

    `judges`: computes the probabilities; the order is the same without.
    """
    vectors = loop.embedder.embed([query])
    path = Path(manifest["path"])
    fitted = answering.read(path, manifest)
    if fitted is None:
        return [(p, s, None) for p, s in loop.index.search(path, vectors, count)[0]]
    columns = answering.ranked(*fitted, query, vectors[0], is_known=None if judges else 1.0)
    return [
        (int(p), float(c), float(s) if judges else None) for p, s, c in zip(*columns, strict=True)
    ]


def entry_id(assistant: str, question: str, answer: str, entity: str = "") -> str:
    """The same question and answer about the same have the same id."""
    said = f"{assistant}\0{question}\0{answer}" + (f"\0{entity}" if entity else "")
    return f"kb_{hashlib.sha256(said.encode('utf-8', 'replace')).hexdigest()[:20]}"
