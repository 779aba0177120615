"""Whether a rollout's votes come in bursts or from few networks, as customers' votes do not.

Customers of a campaign come all at once too, but rate no more often than others: a burst is judged
by the share that votes among those who began together, not by how many they are.
"""

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from datetime import datetime

from kaeshi.nouns import RolloutPlan, TrialRow
from kaeshi.rules.measured import sparse_stars

SLOT_S = 600
RARE = 1e-6  # chance of a burst by accident, for each slot
LEAST_NETWORKS = 20
LEAST_VOTES = 10
LARGEST_SHARE = 0.1  # of all votes, from one network
# a back end or a proxy stands between, and the customers' own networks are not seen
HIDDEN_SHARE = 0.5


def suspicion(plan: RolloutPlan, rows: Sequence[TrialRow]) -> str | None:
    """Why the votes among these counted customers look arranged; None if they do not."""
    for name, is_vote, expected in _votes(plan):
        voted = [is_vote(row) for row in rows]
        found = _burst(rows, voted, expected, name) or _network(rows, voted, name)
        if found:
            return found
    return None


def _votes(plan: RolloutPlan) -> list[tuple[str, Callable[[TrialRow], bool], float]]:
    """(what they did, whether a customer did, how often production's customers do)."""
    found: list[tuple[str, Callable[[TrialRow], bool], float]] = [
        (f"gave {stars}", lambda row, stars=stars: stars in row.values, plan.rated[stars])  # type: ignore[misc]  # a lambda's default has no type
        for stars in sparse_stars(plan)
    ]
    if "containment" in plan.means:
        rate = 1 - plan.means["containment"]
        found.append(("asked for a person", lambda row: not row.values.get("containment"), rate))
    return found


def _burst(
    rows: Sequence[TrialRow], voted: Sequence[bool], expected: float, what: str
) -> str | None:
    usual = max(expected, sum(voted) / len(voted)) if voted else expected
    slots: dict[int, list[bool]] = defaultdict(list)
    for row, vote in zip(rows, voted, strict=True):
        slots[int(row.started_at.timestamp()) // SLOT_S].append(vote)
    for slot, votes in slots.items():
        if _log_chance(sum(votes), len(votes), usual) < math.log(RARE):
            at = datetime.fromtimestamp(slot * SLOT_S, rows[0].started_at.tzinfo)
            return (
                f"{sum(votes)} of the {len(votes)} customers who began within "
                f"{SLOT_S // 60} minutes from {at:%Y-%m-%d %H:%M} {what}, and of all others "
                f"{usual:.0%}"
            )
    return None


def _log_chance(count: int, of: int, rate: float) -> float:
    """An upper bound of the log chance of so many or more (Chernoff 1952, with the entropy)."""
    share = count / of
    if share <= rate:
        return 0.0
    missing = (1 - share) * math.log((1 - share) / (1 - rate)) if share < 1 else 0.0
    return -of * (share * math.log(share / rate) + missing)


def _network(rows: Sequence[TrialRow], voted: Sequence[bool], what: str) -> str | None:
    networks = Counter(row.network for row in rows if row.network)
    if len(networks) < LEAST_NETWORKS or max(networks.values()) > HIDDEN_SHARE * len(rows):
        return None
    votes = Counter(row.network for row, vote in zip(rows, voted, strict=True) if vote)
    most = max((count for network, count in votes.items() if network), default=0)
    if most < LEAST_VOTES or most <= LARGEST_SHARE * votes.total():
        return None
    return f"{most} of the {votes.total()} customers who {what} came from one network"
