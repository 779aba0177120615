"""What was learned in a week, and from whom, in words."""

from collections.abc import Mapping

from kaeshi.nouns.value import Value


class Learned(Value):
    """Counts of one week.

    `kept`: conversations that were kept to learn from, of `customers` customers of the gateway and
    `logged` by an operator; `waiting`: of those, how many a person must approve; `doubtful`:
    dropped for what all votes together say; `entries`: knowledge entries approved, and `decisions`
    made in review, by name.
    """

    kept: int = 0
    customers: int = 0
    logged: int = 0
    waiting: int = 0
    doubtful: int = 0
    entries: Mapping[str, int] = {}
    decisions: Mapping[str, int] = {}


def sentences(learned: Learned, bought: str | None) -> tuple[str, ...]:
    """A sentence for each thing that happened. `bought`: what answers of people were worth.

    >>> sentences(Learned(kept=3, logged=3, entries={"ann": 2}), None)
    ('kept to learn from: 3 conversations', 'knowledge entries approved: ann 2')
    """
    said = []
    if learned.kept:
        whom = f" of {learned.customers} customers" if learned.customers else ""
        more = f" and {learned.logged} imported" if learned.logged and learned.customers else ""
        waits = f", of which {learned.waiting} wait for a person" if learned.waiting else ""
        count = learned.kept - (learned.logged if more else 0)
        said.append(f"kept to learn from: {count} conversations{whom}{more}{waits}")
    if learned.doubtful:
        said.append(f"too likely wrong, by all votes together: {learned.doubtful}")
    if learned.entries:
        said.append(f"knowledge entries approved: {_by_name(learned.entries)}")
    if learned.decisions:
        said.append(f"decided in review: {_by_name(learned.decisions)}")
    return (*said, f"worth of people's answers: {bought}") if bought else tuple(said)


def _by_name(counts: Mapping[str, int]) -> str:
    most_first = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return ", ".join(f"{name} {count}" for name, count in most_first)
