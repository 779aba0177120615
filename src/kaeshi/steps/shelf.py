"""What candidates read before they answer: entries of the knowledge base, and examples.

Kept in memory until another index is swapped in.
"""

import asyncio
from collections.abc import Sequence

from kaeshi.loop import Loop
from kaeshi.nouns import Candidate, Entry, Hit, Json, Serving, text_of
from kaeshi.rules import wire
from kaeshi.rules.examples import MOST_TOKENS, affordable
from kaeshi.steps import builds, examples, knowledge

KEPT = 64  # indexes in memory, of all assistants together
SPARE = 20  # entries that may have been withdrawn or rejected since the index was built


class Shelf:
    """The entries of each assistant's indexes, read again only when a manifest has changed."""

    def __init__(self) -> None:
        self._held: dict[tuple[str, str], tuple[int, Json, list[Entry]]] = {}
        self._reading = asyncio.Lock()

    async def informed(
        self, loop: Loop, candidate: Candidate, messages: Sequence[Json], customer: str = ""
    ) -> list[Json]:
        """The messages with the candidate's entries and examples.

        `customer`: who asks; what they said elsewhere is no example for them. Raises NotFound
        without an index or a build: the candidate is not asked without them.
        """
        found = list(messages)
        question = next((text_of(m) for m in reversed(messages) if m.get("role") == "user"), "")
        if not candidate.serving.reads or not question.strip():
            return found
        if candidate.serving.entries:
            found = await self._with_entries(loop, candidate, found, question)
        if candidate.serving.examples:
            found = await _with_examples(loop, candidate, found, question, customer)
        return found

    async def _with_entries(
        self, loop: Loop, candidate: Candidate, messages: list[Json], question: str
    ) -> list[Json]:
        manifest, entries = await self._build(loop, candidate.serving.knowledge_build)
        said = [text_of(m) for m in messages if m.get("role") in {"user", "assistant"}]
        wanted = candidate.serving.entries
        hits = await asyncio.to_thread(
            knowledge.nearest, loop, manifest, entries, question, wanted + SPARE, said
        )
        shown = (await self._open(loop, hits))[:wanted]
        known = [wire.Known(h.entry.question, h.entry.answer, h.probability) for h in shown]
        return wire.informed(messages, known) if shown else messages

    async def _build(self, loop: Loop, build: str) -> tuple[Json, list[Entry]]:
        """The manifest and the entries of a build, or of the current one."""
        path = builds.manifest_path(loop)
        changed = path.stat().st_mtime_ns if not build and path.exists() else 0
        key = (loop.assistant, build)
        if (held := self._held.get(key)) is not None and held[0] == changed:
            return held[1], held[2]
        async with self._reading:  # once, for all requests that wait for it
            held = self._held.get(key)
            if held is None or held[0] != changed:
                if len(self._held) >= KEPT:
                    self._held.pop(next(iter(self._held)))
                held = self._held[key] = (changed, *await _read(loop, build))
        return held[1], held[2]

    async def _open(self, loop: Loop, hits: list[Hit]) -> list[Hit]:
        """Without those that were withdrawn or rejected since the index was built."""
        async with loop.store.read() as tx:
            left = await tx.knowledge.open_among(loop.assistant, [hit.entry.id for hit in hits])
        return [hit for hit in hits if hit.entry.id in left]


async def _read(loop: Loop, build: str) -> tuple[Json, list[Entry]]:
    if build:
        manifest = await builds.pinned(loop, build)
    else:
        manifest = await asyncio.to_thread(builds.current, loop)
    async with loop.store.read() as tx:
        return manifest, await tx.knowledge.index_entries(loop.assistant, manifest["build"])


async def _with_examples(
    loop: Loop, candidate: Candidate, messages: list[Json], question: str, customer: str
) -> list[Json]:
    """The messages with the examples that may be shown, the nearest last."""
    wanted = candidate.serving.examples
    build, places = await asyncio.to_thread(_found, loop, candidate.serving, question)
    free = await _showable(loop, build, places, customer)
    kept = affordable(free[:wanted], build.tokens, MOST_TOKENS)
    pairs = [(build.pairs[place].question, build.pairs[place].answer) for place in reversed(kept)]
    return wire.exampled(messages, pairs)


def _found(loop: Loop, serving: Serving, question: str) -> tuple[examples.Build, list[int]]:
    build = examples.read(loop, serving.examples_build or examples.current(loop))
    return build, examples.nearest(loop, build, question, serving.examples)


async def _showable(
    loop: Loop, build: examples.Build, places: Sequence[int], customer: str
) -> list[int]:
    """Those of these places whose conversations may be shown to this customer now."""
    origins = [build.pairs[place].conversation for place in places]
    shown = await examples.showable(loop, origins, customer)
    return [place for place, origin in zip(places, origins, strict=True) if origin in shown]
