"""The knowledge base: approved questions and answers, and the index that finds them.

A new index is built beside the old one and swapped in whole.
"""

import asyncio
import hashlib
import json
from collections import Counter
from collections.abc import Hashable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import cast

import numpy as np
from numpy.typing import NDArray

from kaeshi.errors import InvalidInput, NotFound, Refused
from kaeshi.files import sha256_of, write_whole
from kaeshi.loop import Loop
from kaeshi.nouns import Drop, Entry, Hit, Json
from kaeshi.ports import Embedder, Vectors
from kaeshi.rules import knowledge as rules
from kaeshi.rules.retrieval import Answerer, entities_in, nearest_in, without
from kaeshi.steps import answering
from kaeshi.steps.embedding import vectors_of
from kaeshi.steps.refresh_check import Build, Checked, checked, questions
from kaeshi.store.examples import Judged

Fitted = tuple[Answerer, NDArray[np.int64]]
AT_ONCE = 200
TEXTS_KEPT = 20_000  # entries' vectors that stay in memory
NEAR_ANY = 50  # places among which entries about anything are looked for
OF_ANY = 0.1  # by how much an entry about anything must be nearer than one about the entity
SPARE = 20  # places that are looked at beyond what is wanted: some may not hold now
SHOWN = 10  # questions in a refusal
POLICY = "policy:auto"
MANIFEST = frozenset({"build", "file", "sha256", "embedder"})
KEPT_INDEXES = 2  # the current one, and its predecessor for requests that are being answered


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
    index = await _swap_in(loop, approved, vectors, answerer)
    return result | {"embedded": embedded, "index": index, "checked": vars(found)}


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
        return current(loop)
    except (NotFound, InvalidInput):
        return None


def _worse(found: Checked) -> str:
    lost = "; ".join(repr(question[:80]) for question in found.lost[:SHOWN])
    return (
        f"the new build answers {len(found.lost)} of {found.questions} test cases wrong that the "
        f"present one answers right, and {len(found.gained)} right that it does not: {lost}. The "
        "present build stays; look at these entries, or take the new one with --accept-worse"
    )


async def revert(loop: Loop) -> Json:
    """Put the build before the present one in its place, bit for bit.

    Entries that were rejected or withdrawn since stay hidden even so. Raises NotFound where
    no earlier build is kept.
    """
    now = current(loop)["build"]
    folder = loop.folder("knowledge")
    async with loop.store.read() as tx:
        builds = await tx.knowledge.builds(loop.assistant)
    earlier = [m for m in builds if m["build"] != now and _is_whole(folder, m)]
    if not earlier:
        msg = f"no build before {now!r} is kept; `kaeshi knowledge refresh` makes one"
        raise NotFound(msg)
    async with loop.store.write() as tx:
        await tx.knowledge.make_current(loop.assistant, earlier[0]["build"], loop.clock.now())
    _make_current(folder, earlier[0])
    return {"build": earlier[0]["build"], "instead_of": now, "sha256": earlier[0]["sha256"]}


def _is_whole(folder: Path, manifest: Json) -> bool:
    """Whether the build's files are there and are the ones that were written."""
    files = [manifest, manifest["answerer"]] if "answerer" in manifest else [manifest]
    return all(
        (folder / named["file"]).is_file() and sha256_of(folder / named["file"]) == named["sha256"]
        for named in files
    )


def _make_current(folder: Path, manifest: Json) -> None:
    write_whole(folder / "manifest.json", json.dumps(manifest, indent=1, sort_keys=True).encode())


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
    manifest = current(loop)
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
        while len(_ENTITIES) >= KEPT_INDEXES:
            _ENTITIES.pop(next(iter(_ENTITIES)))
        _ENTITIES[build] = list({entry.entity for entry in entries if entry.entity})
    return _ENTITIES[build]


_ENTITIES: dict[str, list[str]] = {}


def _found_of(
    loop: Loop, manifest: Json, entries: Sequence[Entry], entity: str, query: str
) -> list[tuple[int, float, float | None]]:
    """Places of an entity's entries, and of near ones about any, with cosines, likeliest first."""
    asked = without(query, entity)
    any_ = [p for p, _, _ in _found(loop, manifest, asked, NEAR_ANY) if not entries[p].entity]
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
    loop: Loop, manifest: Json, query: str, count: int
) -> list[tuple[int, float, float | None]]:
    """Places in the index where no entity is named, with cosines and probabilities."""
    vectors = loop.embedder.embed([query])
    path = Path(manifest["path"])
    fitted = answering.read(path, manifest)
    if fitted is None:
        return [(p, s, None) for p, s in loop.index.search(path, vectors, count)[0]]
    columns = answering.ranked(*fitted, query, vectors[0])
    return [(int(p), float(c), float(s)) for p, s, c in zip(*columns, strict=True)]


def manifest_path(loop: Loop) -> Path:
    """The file that changes when another index is swapped in."""
    return loop.folder("knowledge") / "manifest.json"


def current(loop: Loop) -> Json:
    """The manifest of the index in use.

    Raises NotFound when there is none, InvalidInput when the index file is another.
    """
    path = manifest_path(loop)
    if not path.exists():
        msg = f"assistant {loop.assistant!r} has no knowledge index; type: kaeshi knowledge refresh"
        raise NotFound(msg)
    manifest = _read_manifest(path)
    index = path.parent / manifest["file"]
    if not index.is_file() or sha256_of(index) != manifest["sha256"]:
        msg = (
            f"knowledge index {str(index)!r} is {'not' if index.is_file() else 'missing or not'} "
            "the file its manifest names; type: kaeshi knowledge refresh"
        )
        raise InvalidInput(msg)
    if manifest["embedder"] != loop.embedder.name:
        msg = (
            f"knowledge index {str(index)!r} is built with {manifest['embedder']!r}, and questions "
            f"are embedded with {loop.embedder.name!r}; type: kaeshi knowledge refresh"
        )
        raise InvalidInput(msg)
    return {**manifest, "path": str(index)}


def _read_manifest(path: Path) -> Json:
    """The manifest as it was written. Raises InvalidInput for anything else."""
    try:
        manifest = json.loads(path.read_bytes())
    except ValueError:
        manifest = None
    if not isinstance(manifest, dict) or not manifest.keys() >= MANIFEST:
        msg = f"the manifest {str(path)!r} is damaged; type: kaeshi knowledge refresh"
        raise InvalidInput(msg)
    return manifest


def entry_id(assistant: str, question: str, answer: str, entity: str = "") -> str:
    """The same question and answer about the same have the same id."""
    said = f"{assistant}\0{question}\0{answer}" + (f"\0{entity}" if entity else "")
    return f"kb_{hashlib.sha256(said.encode('utf-8', 'replace')).hexdigest()[:20]}"


async def _swap_in(
    loop: Loop, approved: list[Entry], vectors: Vectors, answerer: Fitted | None
) -> str:
    """Write files, lineage and manifest, in this order.

    Until the manifest is renamed, readers see the old index whole.
    """
    content = answering.packed(*answerer) if answerer else b""
    build = _build_id(approved, content)
    folder = loop.folder("knowledge")
    file = f"{build}.faiss"
    digest = loop.index.build(folder / file, vectors)
    manifest = _index_manifest(build, file, digest, approved, loop)
    if content:
        manifest["answerer"] = _written(folder / f"{build}.npz", content)
    await _record_build(loop, build, folder, file, manifest, approved)
    _make_current(folder, manifest)
    _remove_old(loop, folder, folder / file)
    return build


def _written(path: Path, content: bytes) -> Json:
    return {"file": path.name, "sha256": write_whole(path, content)}


def _build_id(approved: list[Entry], answerer: bytes) -> str:
    """The same entries and the same answerer make the same build."""
    content = "\n".join(f"{e.id} {e.answer}" for e in approved).encode()
    return f"kb_{hashlib.sha256(content + hashlib.sha256(answerer).digest()).hexdigest()[:16]}"


def _remove_old(loop: Loop, folder: Path, current_file: Path) -> None:
    """Delete the indexes that no reader can be using."""
    others = [path for path in folder.glob("kb_*.faiss") if path != current_file]
    others.sort(key=lambda path: path.stat().st_mtime, reverse=True)
    for path in others[KEPT_INDEXES - 1 :]:
        loop.index.remove(path)
        path.with_suffix(".npz").unlink(missing_ok=True)


async def _record_build(
    loop: Loop,
    build: str,
    folder: Path,
    file: str,
    manifest: dict[str, object],
    approved: list[Entry],
) -> None:
    async with loop.store.write() as tx:
        await tx.knowledge.add_index_build(
            loop.assistant,
            build,
            str(folder / file),
            manifest,
            [e.id for e in approved],
            loop.clock.now(),
        )


def _index_manifest(
    build: str, file: str, digest: str, approved: list[Entry], loop: Loop
) -> dict[str, object]:
    return {
        "build": build,
        "file": file,
        "sha256": digest,
        "entries": len(approved),
        "embedder": loop.embedder.name,
    }
