"""How much each vote counts.

Whoever can make accounts can make votes, so what promotes an answer is not how many praise it but
how many *independent* customers do; and praise alone is never enough (quality.MOST_PRAISE).
"""

import math
from collections import defaultdict
from collections.abc import Sequence
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
    latest: dict[str, Vote] = {}
    for vote in sorted(votes, key=lambda v: (v.at, v.customer, v.stars)):
        latest[vote.customer] = vote
    current = sorted(latest.values(), key=lambda v: (v.at, v.customer))
    held = _in_bursts(current)
    of_network: dict[tuple[str | None, bool], int] = defaultdict(int)
    result = []
    for vote in current:
        if vote.customer in held:
            result.append(Weighed(vote=vote, weight=0.0, why="held: it came in a burst"))
        elif vote.signed:
            result.append(Weighed(vote=vote, weight=SIGNED, why="a signed customer"))
        elif vote.network is None:
            result.append(Weighed(vote=vote, weight=UNKNOWN_NETWORK, why="no network is known"))
        else:
            side = (vote.network, vote.stars > 3)
            of_network[side] += 1
            rank = of_network[side]
            why = "the first of its network" if rank == 1 else f"number {rank} of its network"
            result.append(Weighed(vote=vote, weight=1 / rank, why=why))
    return result


def _in_bursts(votes: Sequence[Vote]) -> set[str]:
    """The customers whose unsigned votes came in a burst. `votes`: by time."""
    unsigned = [vote for vote in votes if not vote.signed]
    if len(unsigned) < LEAST_BURST:
        return set()
    slots = max(1.0, (unsigned[-1].at - unsigned[0].at) / BURST)
    usual = len(unsigned) / slots
    held: set[str] = set()
    first = 0
    for last, vote in enumerate(unsigned):
        while vote.at - unsigned[first].at > BURST:
            first += 1
        count = last - first + 1
        if count >= LEAST_BURST and (slots == 1.0 or count >= LARGE * usual):
            held |= {v.customer for v in unsigned[first : last + 1]}
    return held


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
