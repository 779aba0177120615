"""How much each vote counts.

Accounts are cheap, so what may be learned without a person rests on how many *independent*
customers praise an answer, not on how many accounts do: of one network, all accounts that say the
same count as one customer. Where no network is known, only customers whom the team vouches for
count one by one.
"""

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from kaeshi.nouns.value import Value
from kaeshi.rules import quality
from kaeshi.rules.statistics import wilson

PRAISE = 4  # stars from which on a vote calls the answer right
BURST = timedelta(minutes=10)
# so many votes on one answer within BURST, by customers who are not vouched for, are held, where
# they are also LARGE times as many as the answer gets in such a time otherwise
LEAST_BURST = 6
LARGE = 5.0
TWO_SIDED = 0.9  # whose lower end holds in 95 of 100 cases
# one-coin raters (Dawid and Skene 1979 with one parameter a rater): a rater of whom nothing is
# known is right in USUALLY of their votes, which weighs as much as STRENGTH votes
USUALLY = 0.8
STRENGTH = 5.0
ROUNDS = 20
LEAST_ERROR = 1e-6


class Vote(Value):
    """One customer's current stars for one answer.

    `network`: a keyed hash of the address's prefix, empty where it is not known; `is_vouched`: the
    customer came with a token of the team's, or the operator logged the vote.
    """

    customer: str
    stars: int
    at: datetime
    network: str = ""
    is_vouched: bool = False


class Weighed(Value):
    """A vote with its weight, 0 to 1, and why it has that weight."""

    vote: Vote
    weight: float
    why: str


class Standing(Value):
    """What all votes on one answer amount to.

    `praise`, `blame`: independent customers; `bound`: lower bound of the share of independent
    customers who call the answer right (95 %, Wilson 1927), 0 without votes; `odds`: log odds that
    it is right; `held`: votes that came in a burst.
    """

    accounts: int = 0
    praise: float = 0.0
    blame: float = 0.0
    bound: float = 0.0
    odds: float = 0.0
    held: int = 0


class _Group(NamedTuple):
    """Votes that count as one customer's."""

    network: str
    customer: str  # where no network is known, and the customer is vouched for
    is_praise: bool


FORGOTTEN = "-"  # a network whose hash was deleted: all of these count as one


def weighed(
    votes: Sequence[Vote], reliabilities: Mapping[str, float] | None = None
) -> list[Weighed]:
    """Every customer's latest vote on one answer, with its weight.

    The order of `votes` and repeated ones change nothing. `reliabilities`: see `reliability`.
    """
    current = sorted(_latest(votes, lambda vote: vote.customer), key=_order)
    held = _in_bursts(current)
    sizes = Counter(_group_of(v) for v in current if v.customer not in held)
    return [
        _weight(vote, vote.customer in held, sizes[_group_of(vote)], reliabilities or {})
        for vote in current
    ]


def rater(vote: Vote) -> str:
    """By whom a vote counts: the customer, or all of a network together."""
    return vote.network or vote.customer


def _order(vote: Vote) -> tuple[datetime, str, int, str, bool]:
    return vote.at, vote.customer, vote.stars, vote.network, vote.is_vouched


def _group_of(vote: Vote) -> _Group:
    is_alone = vote.is_vouched and not vote.network
    return _Group(vote.network, vote.customer if is_alone else "", vote.stars >= PRAISE)


def _weight(vote: Vote, is_held: bool, like: int, known: Mapping[str, float]) -> Weighed:
    """`like`: how many votes of the same network say the same."""
    if is_held:
        return Weighed(vote=vote, weight=0.0, why="held: it came in a burst")
    share = informed(known.get(rater(vote), USUALLY))
    reliable = "" if share == 1.0 else f", right in {known[rater(vote)]:.0%} of other votes"
    of = "its network" if vote.network else "unknown networks"
    if vote.is_vouched and not vote.network:
        of = "its customer"
    why = f"one of {like} of {of} that say the same" if like > 1 else f"the only one of {of}"
    return Weighed(vote=vote, weight=share / like, why=why + reliable)


def informed(reliability: float) -> float:
    """The weight of a vote by its rater's reliability: 1 for the usual one, 0 for a coin's.

    >>> informed(0.8), informed(0.5), informed(0.2)
    (1.0, 0.0, 0.0)
    """
    return max(0.0, min(1.0, (reliability - 0.5) / (USUALLY - 0.5)))


def reliability(
    votes: Mapping[str, Sequence[Vote]], strength: float = STRENGTH, rounds: int = ROUNDS
) -> dict[str, float]:
    """How often each rater's votes are right, from answers that several voted on; by `rater`.

    `votes`, by answer: the latest of each rater counts. Expectation maximisation over raters and
    the share of right answers, with the prior above; only raters who share an answer with others
    are in the result. Without the prior it is crowd-kit's OneCoinDawidSkene
    (tests/rules/test_trust.py).
    """
    latest = {answer: _latest(given, rater) for answer, given in votes.items()}
    shared = {answer: given for answer, given in latest.items() if len(given) > 1}
    said: dict[str, list[tuple[str, bool]]] = defaultdict(list)
    for answer, given in shared.items():
        for vote in given:
            said[rater(vote)].append((answer, vote.stars >= PRAISE))
    known = dict.fromkeys(said, USUALLY)
    share = 0.5
    for _ in range(rounds if said else 0):
        right = _rightness(shared, known, share)
        share = _mean(0.5, strength, sum(right.values()), len(right))
        known = {
            customer: _mean(USUALLY, strength, _agreement(given, right), len(given))
            for customer, given in said.items()
        }
    return known


def _latest(votes: Sequence[Vote], of: Callable[[Vote], str]) -> list[Vote]:
    """The latest vote of each customer, or rater."""
    return list({of(vote): vote for vote in sorted(votes, key=_order)}.values())


def _mean(before: float, strength: float, whole: float, count: int) -> float:
    """Of `count` values, and of a prior that weighs as much as `strength` of them."""
    return (before * strength + whole) / (strength + count)


def _rightness(
    votes: Mapping[str, Sequence[Vote]], known: Mapping[str, float], share: float
) -> dict[str, float]:
    """The probability that each answer is right, by its raters' reliability."""
    found = {}
    for answer, given in votes.items():
        odds = _log_odds(share) + sum(
            _log_odds(known.get(rater(vote), USUALLY)) * (1 if vote.stars >= PRAISE else -1)
            for vote in given
        )
        found[answer] = 1 / (1 + math.exp(-max(-30.0, min(30.0, odds))))
    return found


def _log_odds(share: float) -> float:
    kept = min(1 - LEAST_ERROR, max(LEAST_ERROR, share))
    return math.log(kept / (1 - kept))


def _agreement(given: Sequence[tuple[str, bool]], right: Mapping[str, float]) -> float:
    return sum(right[answer] if is_praise else 1 - right[answer] for answer, is_praise in given)


def standing(votes: Sequence[Weighed]) -> Standing:
    """What weighed votes amount to."""
    praise = sum(w.weight for w in votes if w.vote.stars >= PRAISE)
    blame = sum(w.weight for w in votes if w.vote.stars < PRAISE)
    return Standing(
        accounts=len(votes),
        praise=round(praise, 4),
        blame=round(blame, 4),
        bound=round(lower_bound(praise, praise + blame), 4),
        odds=quality.said_of([w.vote.stars for w in votes], [w.weight for w in votes]),
        held=sum(w.weight == 0.0 and w.why.startswith("held") for w in votes),
    )


def lower_bound(praise: float, of: float) -> float:
    """Of the share that praises: Wilson's, one-sided.

    >>> [round(lower_bound(n, n), 2) for n in (0, 1, 3, 10, 11)]
    [0.0, 0.27, 0.53, 0.79, 0.8]
    """
    return wilson(praise, of, TWO_SIDED)[0] if of > 0 else 0.0


def _in_bursts(votes: Sequence[Vote]) -> set[str]:
    """The customers whose unvouched votes came in a burst. `votes`: by time."""
    unvouched = [vote for vote in votes if not vote.is_vouched]
    held: set[str] = set()
    first = 0
    done = 0  # votes before this place are held or will not be
    for last, vote in enumerate(unvouched):
        while vote.at - unvouched[first].at > BURST:
            first += 1
        count = last - first + 1
        if count >= LEAST_BURST and count >= LARGE * _usual(unvouched, count):
            held |= {v.customer for v in unvouched[max(first, done) : last + 1]}
            done = last + 1
    return held


def _usual(votes: Sequence[Vote], count: int) -> float:
    """How many votes a time of BURST brings, but for these `count`."""
    span = votes[-1].at - votes[0].at - BURST
    return (len(votes) - count) / max(1.0, span / BURST)


def needs_person(votes: Standing, least: float, *, is_supported: bool) -> str:
    """Why an answer that came through the gateway may not be learned without a person; or empty.

    `least`: of `Standing.bound`; `is_supported`: an approved entry says the same.
    """
    if is_supported or votes.bound >= least:
        return ""
    if votes.held:
        return f"{votes.held} of {votes.accounts} votes came in a burst"
    count = "1 customer votes" if votes.accounts == 1 else f"{votes.accounts} customers vote"
    return f"{count} on it, who count for {votes.praise + votes.blame:.3g}"
