"""The current build of examples: made of all that is collected, checked, and swapped in.

A rollout shows that examples help; from then on they are renewed each night as the knowledge base
is. A renewal that answers held-out questions worse than the present build is refused.
"""

import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from kaeshi.errors import InvalidInput, NotFound, Refused, TooFew
from kaeshi.files import write_whole
from kaeshi.formats.training_rows import parse_row
from kaeshi.loop import Loop
from kaeshi.nouns import Json
from kaeshi.rules.examples import Pair, pair_of
from kaeshi.steps import examples
from kaeshi.steps.embedding import vectors_of
from kaeshi.steps.fresh import right_of
from kaeshi.steps.refresh_check import Checked, questions

MOST = 1_000  # held-out questions, the latest
A_DAY = 24 * 3600  # seconds
KEPT = 3  # builds, the current one among them: for requests under way, and to go back
SHOWN = 10  # questions in a refusal
log = logging.getLogger("kaeshi")


@dataclass(frozen=True, kw_only=True)
class Renewed:
    """What a renewal made: `build` is current now; `is_new` where it was another before."""

    build: str
    is_new: bool
    examples: int
    not_taken: dict[str, int]
    checked: Checked


async def renew(loop: Loop, *, accept_worse: bool = False) -> Renewed:
    """Make a build of all that is collected, and make it the current one.

    Its part that was made to learn from is asked the test cases and what is held out, and the build
    is refused (Refused) where it loses more of them to the present one than it gains. Raises TooFew
    for too few examples.
    """
    train, held = await examples.collected(loop)
    made, dropped = await examples.write(loop, [train, held], is_clean=True)
    learned = await _learned(loop, train) or made
    listed = _listed(loop)
    is_new = not listed or listed[-1]["build"] != made.id
    found = await _checked(loop, learned, held) if is_new else Checked()
    if found.is_worse and not accept_worse:
        raise Refused(_worse(found))
    if is_new:
        await _make_current(loop, {"build": made.id, "learned": learned.id})
    return Renewed(
        build=made.id,
        is_new=is_new,
        examples=len(made.pairs),
        not_taken=dict(sorted(dropped.items())),
        checked=found,
    )


async def revert(loop: Loop) -> str:
    """Make the build before the current one current; returns it. Raises NotFound without one."""
    listed = examples.listed(loop)
    if len(listed) < 2:  # the current one, and one before
        msg = f"assistant {loop.assistant!r} has no build of examples before the current one"
        raise NotFound(msg)
    before = examples.read(loop, listed[-2]["build"])
    _write_list(loop, listed[:-1])
    return before.id


async def is_read(loop: Loop) -> bool:
    """Whether what is in production, or on its way there, reads the current build."""
    async with loop.store.read() as tx:
        found = await tx.rollouts.answering(loop.assistant)
    return any(one.serving.examples and not one.serving.examples_build for one in found)


async def _learned(loop: Loop, train: Path) -> examples.Build | None:
    """A build of its own of what was made to learn from; None where that is too little.

    Of several who ask the same the latest is kept, and may be held out.
    """
    try:
        return (await examples.write(loop, [train], is_clean=True))[0]
    except TooFew:
        return None


def _listed(loop: Loop) -> list[Json]:
    """The builds that were current; none where the list is damaged, which this mends."""
    try:
        return examples.listed(loop)
    except InvalidInput:
        log.warning("the list of examples of %s is damaged, and begun again", loop.assistant)
        return []


def _present(loop: Loop) -> examples.Build | None:
    """The part of the current build that was learned; None where it cannot be read any more."""
    listed = _listed(loop)
    try:
        return examples.read(loop, listed[-1]["learned"]) if listed else None
    except (NotFound, InvalidInput):
        return None


async def _make_current(loop: Loop, named: dict[str, str]) -> None:
    listed = [one for one in _listed(loop) if one["build"] != named["build"]]
    now = {**named, "since": loop.clock.now().isoformat()}
    _write_list(loop, [*listed, now][-KEPT:])
    await _sweep(loop)


def _write_list(loop: Loop, listed: Sequence[Json]) -> None:
    content = json.dumps({"builds": list(listed)}, indent=1)
    write_whole(examples.list_path(loop), content.encode())


async def _sweep(loop: Loop) -> None:
    """Remove builds that are neither listed nor named by a candidate, once they are a day old.

    Before that a judge or a search of another process may read them.
    """
    async with loop.store.read() as tx:
        kept = await tx.candidates.examples_named(loop.assistant)
    kept |= {one[part] for one in _listed(loop) for part in examples.PARTS}
    old = loop.clock.now().timestamp() - A_DAY
    for path in loop.folder("examples").glob("ex_*"):
        if path.stem not in kept and path.stat().st_mtime < old:
            path.unlink(missing_ok=True)


async def _checked(loop: Loop, learned: examples.Build, held: Path) -> Checked:
    """Whose nearest example says what is right, for each question that neither was made of."""
    before = _present(loop)
    asked = [*await _cases(loop), *_held_out(held)]
    if before is None or not asked:
        return Checked()
    shown = await examples.showable(loop, [pair.conversation for pair in before.pairs])
    then = await _right(loop, before.of(shown), asked)
    now = await _right(loop, learned, asked)
    return Checked(
        questions=len(asked), lost=_only(asked, then, now), gained=_only(asked, now, then)
    )


async def _cases(loop: Loop) -> list[Pair]:
    """The test cases that name an answer."""
    found = await questions(loop)
    return [Pair(question, case.expected) for case, question in found if case.expected]


def _only(asked: Sequence[Pair], one: Sequence[bool], other: Sequence[bool]) -> tuple[str, ...]:
    """The questions that one answers right and the other does not."""
    return tuple(
        pair.question
        for pair, is_right, was in zip(asked, one, other, strict=True)
        if is_right and not was
    )


def _held_out(path: Path) -> list[Pair]:
    pairs = [pair_of(parse_row(raw)["messages"]) for raw in path.read_bytes().splitlines()]
    return [pair for pair in pairs if isinstance(pair, Pair)][-MOST:]


async def _right(loop: Loop, build: examples.Build, asked: Sequence[Pair]) -> list[bool]:
    """Whether the example nearest to each question says what is right."""
    if not build.pairs:
        return [False] * len(asked)
    vectors, _ = await vectors_of(loop, [pair.question for pair in asked])
    nearest = (vectors @ build.vectors.T).argmax(axis=1)
    said = [build.pairs[place].answer for place in nearest]
    return await right_of(loop, said, [pair.answer for pair in asked])


def _worse(found: Checked) -> str:
    lost = "; ".join(repr(question[:80]) for question in found.lost[:SHOWN])
    return (
        f"the new build of examples has no right answer to {len(found.lost)} of {found.questions} "
        f"held-out questions that the present one has, and to {len(found.gained)} that it has not: "
        f"{lost}. The present build stays; --accept-worse takes the new one"
    )
