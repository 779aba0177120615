"""The entries for candidates that read the knowledge base before they answer.

Kept in memory until another index is swapped in.
"""

import asyncio
from collections.abc import Sequence

from kaeshi.loop import Loop
from kaeshi.nouns import Candidate, Entry, Hit, Json, text_of
from kaeshi.rules import wire
from kaeshi.steps import knowledge

SPARE = 20  # entries that may have been withdrawn or rejected since the index was built


class Shelf:
    """The entries of each assistant's index, read again only when its manifest has changed."""

    def __init__(self) -> None:
        self._held: dict[str, tuple[int, Json, list[Entry]]] = {}

    async def informed(
        self, loop: Loop, candidate: Candidate, messages: Sequence[Json]
    ) -> list[Json]:
        """The messages with the candidate's entries.

        Raises NotFound without an index: the candidate is not asked without its entries.
        """
        if not candidate.serving.entries:
            return list(messages)
        question = next((text_of(m) for m in reversed(messages) if m.get("role") == "user"), "")
        if not question.strip():
            return list(messages)
        manifest, entries = await self._current(loop)
        said = [text_of(m) for m in messages if m.get("role") in {"user", "assistant"}]
        wanted = candidate.serving.entries
        hits = await asyncio.to_thread(
            knowledge.nearest, loop, manifest, entries, question, wanted + SPARE, said
        )
        shown = (await self._open(loop, hits))[:wanted]
        return (
            wire.informed(messages, [(hit.entry.question, hit.entry.answer) for hit in shown])
            if shown
            else list(messages)
        )

    async def _current(self, loop: Loop) -> tuple[Json, list[Entry]]:
        path = knowledge.manifest_path(loop)
        changed = path.stat().st_mtime_ns if path.exists() else 0
        known = self._held.get(loop.assistant)
        if known is None or known[0] != changed:
            manifest = await asyncio.to_thread(knowledge.current, loop)
            async with loop.store.read() as tx:
                entries = await tx.knowledge.index_entries(loop.assistant, manifest["build"])
            known = self._held[loop.assistant] = (changed, manifest, entries)
        return known[1], known[2]

    async def _open(self, loop: Loop, hits: list[Hit]) -> list[Hit]:
        """Without those that were withdrawn or rejected since the index was built."""
        async with loop.store.read() as tx:
            left = await tx.knowledge.open_among(loop.assistant, [hit.entry.id for hit in hits])
        return [hit for hit in hits if hit.entry.id in left]
