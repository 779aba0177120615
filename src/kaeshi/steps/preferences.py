"""Exports rated answers as training rows for other trainers."""

from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path

from kaeshi.errors import KaeshiError, TooFew
from kaeshi.files import write_whole
from kaeshi.loop import Loop
from kaeshi.nouns import Json, Opinion, text_of
from kaeshi.rules import preferences as rules
from kaeshi.rules.conversation import is_answer
from kaeshi.rules.dataset import line
from kaeshi.rules.preferences import Rated
from kaeshi.steps import collection
from kaeshi.store.conversation_rows import Stored
from kaeshi.store.examples import Reviewed

AT_ONCE = 200


async def export(loop: Loop, path: Path, kind: rules.Kind, form: rules.Format) -> int:
    """Write rows of that kind into one file, whole or not at all; returns how many.

    Only conversations with consent, scrubbed as datasets are. What a reviewer rejected is left out,
    what one corrected is a correction; a customer's correction counts once a person has approved
    it, and an unnamed customer's ratings once the example is approved. Raises TooFew without rows.
    """
    await collection.collect(loop)
    found: list[bytes] = []
    used: list[str] = []
    async for rated, conversation in _rated(loop):
        intent = conversation.intents[0] if conversation.intents else ""
        prompt = loop.prompts.get(intent) or loop.prompts["default"]
        rows = [line(row) for row in rules.rows(rated, kind, form, prompt)]
        found += rows
        used += [collection.example_id(loop.assistant, conversation.id)] if rows else []
    if not found:
        msg = (
            f"nothing to export as {kind}: no person has "
            f"{'corrected' if kind == 'dpo' else 'rated'} an answer that may be learned from "
            "(`kaeshi review list` shows what waits for approval)"
        )
        raise TooFew(msg)
    sha256 = write_whole(path, found)
    await _register(loop, path, sha256, len(found), used)
    return len(found)


async def _register(loop: Loop, path: Path, sha256: str, rows: int, used: Sequence[str]) -> None:
    """Write down what the file was made of: a withdrawal then names it, and it trains no more."""
    name = f"export_{sha256[:20]}"
    manifest = {"id": name, "files": {path.name: {"sha256": sha256, "rows": rows}}}
    lineage = [(example, "train") for example in used]
    async with loop.store.write() as tx:
        await tx.datasets.add(loop.assistant, name, str(path), manifest, lineage, loop.clock.now())


async def _rated(loop: Loop) -> AsyncIterator[tuple[rules.Rated, Stored]]:
    after = ""
    while True:
        async with loop.store.read() as tx:
            judged = await tx.examples.judged(loop.assistant, after, AT_ONCE)
            ids = [j.conversation for j in judged if j.consent != "none" and j.review != "rejected"]
            must_wait = loop.settings.review_unnamed
            unrated = {j.conversation for j in judged if j.waits(review_unnamed=must_wait)}
            stored = await tx.conversations.read(loop.assistant, ids)
            said = await tx.feedback.on(loop.assistant, [i for i in ids if i not in unrated])
            reviews = await tx.examples.reviews(loop.assistant, ids)
            corrections = await tx.feedback.corrections(loop.assistant, ids)
        if not judged:
            return
        after = judged[-1].conversation
        for conversation in stored:
            rated = _rated_of(reviews, conversation, loop, said, corrections)
            if rated is not None:
                yield rated, conversation


def _rated_of(
    reviews: dict[str, Reviewed],
    conversation: Stored,
    loop: Loop,
    said: dict[str, list[tuple[int, Opinion]]],
    corrections: dict[str, dict[int, str]],
) -> Rated | None:
    review = reviews.get(conversation.id)
    return _scrubbed(
        loop,
        conversation,
        said.get(conversation.id, []),
        corrections.get(conversation.id, {}),
        review.corrected if review else None,
    )


def _scrubbed(
    loop: Loop,
    stored: Stored,
    said: list[tuple[int, Opinion]],
    given: Mapping[int, str],
    corrected: list[Json] | None,
) -> rules.Rated | None:
    """The conversation and its corrections, scrubbed together.

    A person then has the same number in both. None: it was not rated, or cannot be scrubbed.
    """
    answers = _answer_places(stored)
    corrections = {position: text for position, text in given.items() if position in answers}
    places = sorted(corrections)
    messages = [s.message for s in stored.said]
    try:
        clean, _ = collection.scrub_messages(
            loop, [*messages, *({"role": "assistant", "content": corrections[p]} for p in places)]
        )
    except KaeshiError:
        return None
    better, likes = _better_and_likes(places, clean, messages, corrected, answers, said)
    return (
        rules.Rated(
            messages=clean[: len(messages)],
            liked=likes,
            corrections=better,
            context=stored.context,
        )
        if likes or better
        else None
    )


def _answer_places(stored: Stored) -> set[int]:
    return {i for i, s in enumerate(stored.said) if is_answer(s.message)}


def _better_and_likes(
    places: list[int],
    clean: tuple[Json, ...],
    messages: list[Json],
    corrected: list[Json] | None,
    answers: set[int],
    said: list[tuple[int, Opinion]],
) -> tuple[dict[int, str], dict[int, bool]]:
    better = {p: text_of(m) for p, m in zip(places, clean[len(messages) :], strict=True)}
    if (
        corrected is not None and len(corrected) - 1 in answers
    ):  # a reviewer's correction, scrubbed when it was given
        better[len(corrected) - 1] = text_of(corrected[-1])
    likes = {
        position: is_liked
        for position, is_liked in rules.liked(said).items()
        if position in answers
    }
    return better, likes
