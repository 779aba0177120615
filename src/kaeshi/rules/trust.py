"""How much each vote counts.

Accounts are cheap, and so are votes: what promotes an answer is not how many praise it but how many
*independent* customers do; and praise alone is never enough (quality.MOST_PRAISE).
"""

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from kaeshi.nouns.value import Value

# of one network's accounts that praise one answer, the first counts whole, the n-th 1/n: thirty
# count for four
UNKNOWN_NETWORK = 0.5  # a vote of which no network is known and which no token vouches for
SIGNED = 1.0  # a customer whom the team's own server vouches for, whatever the network
BURST = timedelta(minutes=10)
# so many votes on one answer within BURST are held until a person has looked, where they are also
# LARGE times as many as the answer gets in such a time on average
LEAST_BURST = 6
LARGE = 5.0
PERSONS_SHARE = 0.01  # of a dataset, at most
CLUSTERS_SHARE = 0.05


class Vote(Value):
    """One customer's current stars for one answer.

    `network`: a keyed hash of the address's prefix, None where it is not known; `signed`: the
    customer came with a token of the team's.
    """

    customer: str
    stars: int
    at: datetime
    network: str | None = None
    signed: bool = False


class Weighed(Value):
    """A vote with its weight, 0 to 1, and why it has that weight."""

    vote: Vote
    weight: float
    why: str


def weighed(votes: Sequence[Vote]) -> list[Weighed]:
    """Every customer's latest vote on one answer, with its weight.

    The order of `votes` and repeated ones change nothing.
    """
    current = _latest(votes)
    held = _in_bursts(current)
    of_network: Counter[tuple[str, bool]] = Counter()
    result = []
    for vote in current:
        side = (vote.network or "", vote.stars > 3)
        if not vote.signed and vote.customer not in held:
            of_network[side] += 1
        weight, why = _weight(vote, of_network[side], is_held=vote.customer in held)
        result.append(Weighed(vote=vote, weight=weight, why=why))
    return result


def _latest(votes: Sequence[Vote]) -> list[Vote]:
    """The last vote of each customer, by time."""
    latest = {vote.customer: vote for vote in sorted(votes, key=_in_order)}
    return sorted(latest.values(), key=_in_order)


def _in_order(vote: Vote) -> tuple[object, ...]:
    return vote.at, vote.customer, vote.stars, vote.network or "", vote.signed


def _weight(vote: Vote, rank: int, *, is_held: bool) -> tuple[float, str]:
    """A vote's weight and why. `rank`: the how manieth of its network that says the same."""
    if vote.signed:
        return SIGNED, "a signed customer"
    if is_held:
        return 0.0, "held: it came in a burst"
    if vote.network is None:
        return UNKNOWN_NETWORK, "no network is known"
    return 1 / rank, "the first of its network" if rank == 1 else f"number {rank} of its network"


def _in_bursts(votes: Sequence[Vote]) -> set[str]:
    """The customers whose unsigned votes came in a burst. `votes`: by time."""
    unsigned = [vote for vote in votes if not vote.signed]
    if len(unsigned) < LEAST_BURST:
        return set()
    slots = max(1.0, (unsigned[-1].at - unsigned[0].at) / BURST)
    usual = len(unsigned) / slots
    least = LEAST_BURST if slots == 1.0 else max(LEAST_BURST, LARGE * usual)
    held: set[str] = set()
    for first, last in _within_a_burst(unsigned):
        if last - first >= least:
            held |= {vote.customer for vote in unsigned[first:last]}
    return held


def _within_a_burst(votes: Sequence[Vote]) -> Iterator[tuple[int, int]]:
    """For each vote the votes up to it that came within BURST: [first, last)."""
    first = 0
    for last, vote in enumerate(votes):
        while vote.at - votes[first].at > BURST:
            first += 1
        yield first, last + 1


def independent(weights: Sequence[float]) -> float:
    """How many independent customers these weights amount to (Kish 1965).

    >>> independent([1.0, 1.0, 0.5])
    2.78
    """
    whole = sum(weights)
    squares = sum(weight * weight for weight in weights)
    return round(whole * whole / squares, 2) if squares else 0.0


def most_rows(rows: int, share: float) -> int:
    """How many of a dataset's rows may be one customer's, or one cluster's; at least one.

    >>> most_rows(250, PERSONS_SHARE), most_rows(20, PERSONS_SHARE)
    (2, 1)
    """
    return max(1, math.floor(rows * share))
