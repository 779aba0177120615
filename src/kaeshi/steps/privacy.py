"""Evidence for auditors: what was replaced, and how much may remain."""

import hashlib
from collections.abc import Collection, Iterable, Sequence

from kaeshi.loop import Loop
from kaeshi.nouns import Json, text_of
from kaeshi.pii.risk import residual
from kaeshi.store.examples import Judged, by_type

PAGE = 400


def proof(loop: Loop, recognised: dict[str, int]) -> Json:
    """Counts by type and recogniser, the estimated residual with its bound, and the settings."""
    counts = by_type(recognised)
    return {
        "replaced": counts,
        "by_recogniser": dict(sorted(recognised.items())),
        "residual": residual(counts, loop.recalls),
        "settings_sha256": hashlib.sha256(loop.policy.model_dump_json().encode()).hexdigest(),
    }


async def report(loop: Loop, *, sample: int = 5) -> Json:
    """`proof` over all kept examples, with some of them to read.

    The same examples are shown every time: those whose ids hash lowest.
    """
    async with loop.store.read() as tx:
        recognised = await tx.examples.pii_recognised(loop.assistant)
        count, _ = await tx.examples.count_kept(loop.assistant)
    lowest: list[tuple[str, Json]] = []
    scrubbers: set[str] = set()
    after = ""
    while True:
        async with loop.store.read() as tx:
            page = await tx.examples.judged(loop.assistant, after, PAGE)
        if not page:
            break
        after = page[-1].conversation
        found = _sampled(page, scrubbers)
        lowest = sorted([*lowest, *found], key=lambda pair: pair[0])[:sample]
    return {
        "examples": count,
        "scrubber": sorted(scrubbers),
        **proof(loop, recognised),
        "sample": [one for _, one in lowest],
    }


def _sampled(
    page: list[Judged], scrubbers: set[str]
) -> list[tuple[str, dict[str, Sequence[Collection[str]]]]]:
    kept = [j for j in page if j.body is not None]
    scrubbers.update(j.scrubber for j in kept)
    return [
        (
            hashlib.sha256(j.id.encode()).hexdigest(),
            {"example": j.id, "messages": list(_read(j.example.messages))},
        )
        for j in kept
        if j.pii
    ]


def _read(messages: Iterable[Json]) -> Iterable[Json]:
    return ({"role": m["role"], "text": text_of(m)} for m in messages if text_of(m))
