"""Imports questions and answers that a team has written, approved in a person's name."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from kaeshi import pii
from kaeshi.errors import InvalidInput
from kaeshi.formats.faq import Written
from kaeshi.loop import Loop
from kaeshi.nouns import Entry
from kaeshi.steps.knowledge import approved_entries, contradicted, entry_id

AT_ONCE = 100
BEST = 10  # tenths


@dataclass
class Imported:
    """The result of importing a file.

    Entries that are new, were there before, hold until another day than before, wait for a decision
    because a live entry says something else, and were refused.
    """

    new: int = 0
    unchanged: int = 0
    changed: int = 0
    held: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)


async def import_pairs(
    loop: Loop,
    pairs: Iterable[tuple[str, Written | InvalidInput]],
    *,
    by: str,
    published: bool = False,
) -> Imported:
    """Add each question with its answer as an approved entry; one that is there stays as it is.

    One that answers a live entry's question otherwise is proposed and not approved. `published`:
    the texts are public, and may hold names, numbers and addresses; without it an entry that holds
    any is refused, for it may be shown to any customer. Raises InvalidInput without a name.
    """
    if not by.strip() or len(by) > 200:
        msg = "an import needs the name of the person who approves it (--by NAME)"
        raise InvalidInput(msg)
    done = Imported()
    written: list[tuple[str, Written]] = []
    for where, pair in pairs:
        if isinstance(pair, InvalidInput):
            done.refused.append(f"{where}: {pair}")
        else:
            written.append((where, pair))
    for start in range(0, len(written), AT_ONCE):
        await _store(loop, written[start : start + AT_ONCE], by, done, published=published)
    return done


async def _store(
    loop: Loop,
    pairs: list[tuple[str, Written]],
    by: str,
    done: Imported,
    *,
    published: bool,
) -> None:
    private = [""] * len(pairs) if published else _private_in(loop, [pair for _, pair in pairs])
    done.refused += [
        f"{where}: it holds {kinds}, and may be shown to any customer; --published says that the "
        "text is public"
        for (where, _), kinds in zip(pairs, private, strict=True)
        if kinds
    ]
    found = [
        _entry(loop, where, pair, by)
        for (where, pair), kinds in zip(pairs, private, strict=True)
        if not kinds
    ]
    await _propose(loop, found, done)


async def _propose(loop: Loop, found: list[Entry], done: Imported) -> None:
    opposed = await _opposed(loop, found)
    done.held += [_held(entry) for entry in found if entry.id in opposed]
    rows = [(_proposed(e) if e.id in opposed else e, BEST) for e in found]
    async with loop.store.write() as tx:
        new = await tx.knowledge.propose(rows)
        changed = await tx.knowledge.renew([entry for entry, _ in rows])
    done.new += new
    done.changed += changed
    done.unchanged += len(rows) - new - changed


def _held(entry: Entry) -> str:
    return f"{entry.source}: {entry.question!r} is answered otherwise now"


async def _opposed(loop: Loop, found: list[Entry]) -> set[str]:
    """Those that are new and that a live entry contradicts."""
    known = {entry.id for entry in await approved_entries(loop)}
    fresh = [_proposed(entry) for entry in found if entry.id not in known]
    return set(await contradicted(loop, fresh))


def _entry(loop: Loop, where: str, pair: Written, by: str) -> Entry:
    return Entry(
        id=entry_id(loop.assistant, pair.question, pair.answer, pair.entity),
        assistant=loop.assistant,
        question=pair.question,
        answer=pair.answer,
        state="approved",
        by=by,
        conversation=pair.conversation,
        entity=pair.entity,
        source=where[-500:],
        valid_from=pair.valid_from,
        valid_until=pair.valid_until,
        at=loop.clock.now(),
    )


def _proposed(entry: Entry) -> Entry:
    return entry.model_copy(update={"state": "proposed", "by": None})


def _private_in(loop: Loop, pairs: list[Written]) -> list[str]:
    """The kinds of personal data in each pair, in words; empty without any."""
    texts = [[pair.question, pair.answer] for pair in pairs]
    scrubbed = pii.scrub_each(texts, loop.names.find_each(texts), loop.policy)
    return [", ".join(sorted(one.counts)) for one in scrubbed]
