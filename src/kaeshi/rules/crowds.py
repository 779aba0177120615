"""Whether a rollout's votes come in bursts, from few networks, or in a flood.

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
CALLED = "asked for a person"
FLOOD = 1.5  # times as many votes as before the rollout


def suspicion(plan: RolloutPlan, rows: Sequence[TrialRow]) -> str | None:
    """Why the votes among these counted customers look arranged; None if they do not."""
    for name, is_vote, expected in _votes(plan):
        voted = [is_vote(row) for row in rows]
        found = _burst(rows, voted, expected, name) or _network(rows, voted, expected, name)
        # a bad candidate makes many call for a person, and no more of them rate
        if found is None and name != CALLED:
            found = _flood(voted, expected, name)
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
        found.append((CALLED, lambda row: not row.values.get("containment"), rate))
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
    if share <= rate or rate >= 1:
        return 0.0
    missing = (1 - share) * math.log((1 - share) / (1 - rate)) if share < 1 else 0.0
    return -of * (share * math.log(share / rate) + missing)


def _network(
    rows: Sequence[TrialRow], voted: Sequence[bool], expected: float, what: str
) -> str | None:
    """Whether one network's customers vote far more often than all others do."""
    of: Counter[str] = Counter(row.network for row in rows if row.network)
    if len(of) < LEAST_NETWORKS:
        return None
    votes = Counter(row.network for row, vote in zip(rows, voted, strict=True) if vote)
    for network, count in of.items():
        others = len(rows) - count
        usual = max(expected, (votes.total() - votes[network]) / others if others else 0.0)
        if _log_chance(votes[network], count, usual) < math.log(RARE):
            return (
                f"{votes[network]} of the {count} customers of one network {what}, and of all "
                f"others {usual:.0%}"
            )
    return None


def _flood(voted: Sequence[bool], expected: float, what: str) -> str | None:
    """Whether far more customers vote than before the rollout, in both arms together."""
    count = sum(voted)
    if not voted or count < FLOOD * expected * len(voted):
        return None
    if _log_chance(count, len(voted), expected) >= math.log(RARE):
        return None
    return f"{count} of {len(voted)} customers {what}, and before the rollout {expected:.0%} did"
