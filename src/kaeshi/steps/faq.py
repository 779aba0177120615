"""Imports questions and answers that a team has written, approved in a person's name."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from kaeshi import pii
from kaeshi.errors import InvalidInput
from kaeshi.loop import Loop
from kaeshi.nouns import Entry
from kaeshi.steps.knowledge import entry_id

AT_ONCE = 100
BEST = 10  # tenths


@dataclass
class Imported:
    """The result of importing a file: entries that are new, were there before, and were refused."""

    new: int = 0
    unchanged: int = 0
    refused: list[str] = field(default_factory=list)


async def import_pairs(
    loop: Loop,
    pairs: Iterable[tuple[str, tuple[str, str] | InvalidInput]],
    *,
    by: str,
    published: bool = False,
) -> Imported:
    """Add each question with its answer as an approved entry; one that is there stays as it is.

    `published`: the texts are public, and may hold names, numbers and addresses; without it an
    entry that holds any is refused, for it may be shown to any customer. Raises InvalidInput
    without a name.
    """
    if not by.strip() or len(by) > 200:
        msg = "an import needs the name of the person who approves it (--by NAME)"
        raise InvalidInput(msg)
    done = Imported()
    waiting: list[tuple[str, tuple[str, str]]] = []
    for where, pair in pairs:
        if isinstance(pair, InvalidInput):
            done.refused.append(f"{where}: {pair}")
            continue
        waiting.append((where, pair))
        if len(waiting) >= AT_ONCE:
            await _store(loop, waiting, by, done, published=published)
            waiting = []
    await _store(loop, waiting, by, done, published=published)
    return done


async def _store(
    loop: Loop,
    pairs: list[tuple[str, tuple[str, str]]],
    by: str,
    done: Imported,
    *,
    published: bool,
) -> None:
    private = [""] * len(pairs) if published else _private_in(loop, [pair for _, pair in pairs])
    entries = []
    for (where, (question, answer)), kinds in zip(pairs, private, strict=True):
        if kinds:
            done.refused.append(
                f"{where}: it holds {kinds}, and may be shown to any customer; --published says "
                "that the text is public"
            )
            continue
        entry = Entry(
            id=entry_id(loop.assistant, question, answer),
            assistant=loop.assistant,
            question=question,
            answer=answer,
            state="approved",
            by=by,
            at=loop.clock.now(),
        )
        entries.append((entry, BEST))
    async with loop.store.write() as tx:
        new = await tx.knowledge.propose(entries)
    done.new += new
    done.unchanged += len(entries) - new


def _private_in(loop: Loop, pairs: list[tuple[str, str]]) -> list[str]:
    """The kinds of personal data in each pair, in words; empty without any."""
    texts = [list(pair) for pair in pairs]
    scrubbed = pii.scrub_each(texts, loop.names.find_each(texts), loop.policy)
    return [", ".join(sorted(one.counts)) for one in scrubbed]
