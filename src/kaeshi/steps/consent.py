"""Consent to learn from conversations: given, withdrawn, and what holds what was learned."""

from collections.abc import Sequence
from dataclasses import dataclass

from kaeshi.errors import NotFound
from kaeshi.loop import Loop
from kaeshi.nouns import Consent, ConsentStatement


@dataclass(frozen=True, kw_only=True)
class Agreed:
    """Conversations whose consent changed, and those in which it was withdrawn.

    `datasets` and `models` hold what is now withdrawn: they were made before.
    """

    changed: tuple[str, ...] = ()
    withdrawn: tuple[str, ...] = ()
    datasets: tuple[str, ...] = ()
    models: tuple[str, ...] = ()


async def agree(
    loop: Loop,
    ids: Sequence[str],
    consent: Consent,
    *,
    by: str,
    text: str = "",
    of_customers: bool = False,
) -> Agreed:
    """Store a person's statement on conversations and their forks; a withdrawal works at once.

    `text`: what was agreed to. `of_customers`: it is about all conversations of their customers.
    Raises NotFound, and then nothing is stored.
    """
    now = loop.clock.now()
    said = ConsentStatement(consent=consent, how="person", said_at=now, text=text, by=by)
    async with loop.store.write() as tx:
        known = await tx.conversations.known(loop.assistant, ids)
        missing = [name for name in ids if name not in known]
        if missing:
            msg = (
                f"conversation {missing[0]!r} of assistant {loop.assistant!r} is not stored; "
                "`kaeshi conversation list` shows those that are"
            )
            raise NotFound(msg)
        meant = await tx.consents.family(loop.assistant, ids)
        if of_customers:
            customers = {customer for customer, _ in known.values()}
            meant = await tx.consents.of_customers(loop.assistant, customers)
        settled = await tx.consents.settle(loop.assistant, [(name, said) for name in meant], now)
        datasets, models = await tx.datasets.holding(loop.assistant, settled.withdrawn)
    return Agreed(
        changed=tuple(settled.changed),
        withdrawn=tuple(settled.withdrawn),
        datasets=tuple(datasets),
        models=tuple(models),
    )
