"""Vectors of texts, each computed once and kept."""

import hashlib

import numpy as np

from kaeshi.loop import Loop
from kaeshi.ports import Vectors

AT_ONCE = 256


async def vectors_of(loop: Loop, texts: list[str]) -> tuple[Vectors, int]:
    """Unit vectors, shape (len(texts), d), and how many texts had none yet."""
    digests = [hashlib.sha256(text.encode()).hexdigest() for text in texts]
    async with loop.store.read() as tx:
        known = await tx.knowledge.known_vectors(
            loop.assistant, loop.embedder.name, list(dict.fromkeys(digests))
        )
    missing = {d: t for d, t in zip(digests, texts, strict=True) if d not in known}
    known = await _embedded(missing, loop, known)
    return np.stack([np.frombuffer(known[d], np.float32) for d in digests]), len(missing)


async def _embedded(
    missing: dict[str, str], loop: Loop, known: dict[str, bytes]
) -> dict[str, bytes]:
    items = list(missing.items())
    for start in range(0, len(items), AT_ONCE):
        part = items[start : start + AT_ONCE]
        made = loop.embedder.embed([text for _, text in part])
        fresh = {digest: row.tobytes() for (digest, _), row in zip(part, made, strict=True)}
        async with loop.store.write() as tx:
            await tx.knowledge.keep_vectors(loop.assistant, loop.embedder.name, fresh)
        known |= fresh
    return known
