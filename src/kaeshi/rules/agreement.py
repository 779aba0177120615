"""How far reviewers agree with each other, and with controls whose answer was known."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from itertools import combinations, permutations

from kaeshi.nouns.value import Value

LEAST_SHARED = 5  # items that both decided about, before the agreement of two says anything
Labels = Mapping[str, Mapping[str, str]]


class Reviewer(Value):
    """One reviewer's record.

    `decided`: items; `shared` and `agreed`: items that others decided about, too, and on how many
    of these at least half of the others said the same; `controls` and `controls_right`: items whose
    answer was known.
    """

    name: str
    decided: int
    shared: int
    agreed: int
    controls: int
    controls_right: int

    @property
    def is_alone(self) -> bool:
        """Whether most others usually say something else."""
        return self.shared >= LEAST_SHARED and 2 * self.agreed < self.shared


class Decided(Value):
    """One reviewer's decision.

    `expected`: the known answer of a control, empty for an item; `about`: a digest of what was
    decided about and the answer that was given, empty where only one reviewer is asked.
    """

    ref: str
    by: str
    state: str
    expected: str = ""
    about: str = ""


def latest(decisions: Sequence[Decided]) -> dict[str, dict[str, str]]:
    """By item each reviewer's last decision. `decisions`: the oldest first; controls do not count.

    What was approved or corrected, rejected, is what reviewers may disagree about: a correction
    says that the answer is wrong.
    """
    found: dict[str, dict[str, str]] = defaultdict(dict)
    for one in decisions:
        if not one.expected:
            found[one.ref][one.by] = "right" if one.state == "approved" else "wrong"
    return dict(found)


def reviewers(decisions: Sequence[Decided]) -> list[Reviewer]:
    """Every reviewer's record, by name."""
    labels = latest(decisions)
    decided = Counter(by for said in labels.values() for by in said)
    controls = Counter(one.by for one in decisions if one.expected)
    right = Counter(one.by for one in decisions if one.expected and one.state == one.expected)
    common = [said for said in labels.values() if len(said) > 1]
    shared = Counter(by for said in common for by in said)
    agreed = Counter(by for said in common for by in said if _is_with_others(said, by))
    return [
        Reviewer(
            name=name,
            decided=decided[name],
            shared=shared[name],
            agreed=agreed[name],
            controls=controls[name],
            controls_right=right[name],
        )
        for name in sorted(decided | controls)
    ]


def _is_with_others(said: Mapping[str, str], by: str) -> bool:
    """Whether at least half of the others said the same."""
    others = [label for other, label in said.items() if other != by]
    return 2 * others.count(said[by]) >= len(others)


def cohens_kappa(labels: Labels, one: str, other: str) -> float | None:
    """Agreement of two reviewers beyond chance (Cohen 1960); None with fewer than LEAST_SHARED.

    Where chance alone would make them agree, 1 if they always do.
    """
    pairs = [(said[one], said[other]) for said in labels.values() if one in said and other in said]
    if len(pairs) < LEAST_SHARED:
        return None
    share = sum(a == b for a, b in pairs) / len(pairs)
    chance = _by_chance(pairs)
    return 1.0 if chance == 1 else (share - chance) / (1 - chance)


def _by_chance(pairs: Sequence[tuple[str, str]]) -> float:
    """How often two agree who label at random, each as often as here."""
    first = Counter(a for a, _ in pairs)
    second = Counter(b for _, b in pairs)
    return sum(first[label] * second[label] for label in first) / len(pairs) ** 2


def kappas(labels: Labels) -> dict[tuple[str, str], float]:
    """Cohen's kappa of every two reviewers who share enough items."""
    names = sorted({by for said in labels.values() for by in said})
    found = {pair: cohens_kappa(labels, *pair) for pair in combinations(names, 2)}
    return {pair: kappa for pair, kappa in found.items() if kappa is not None}


def krippendorffs_alpha(labels: Labels) -> float | None:
    """Agreement of all reviewers beyond chance, for nominal labels (Krippendorff 2011).

    None with fewer than LEAST_SHARED items that two decided about; 1 where all labels are equal.
    """
    units = [list(said.values()) for said in labels.values() if len(said) > 1]
    if len(units) < LEAST_SHARED:
        return None
    together = _coincidences(units)
    whole = sum(together.values())
    observed = sum(count for (a, b), count in together.items() if a != b)
    totals: dict[str, float] = defaultdict(float)
    for (label, _), count in together.items():
        totals[label] += count
    expected = whole**2 - sum(total**2 for total in totals.values())
    return 1.0 if not expected else 1 - (whole - 1) * observed / expected


def _coincidences(units: Sequence[Sequence[str]]) -> dict[tuple[str, str], float]:
    """How often two labels were given to one item, each item weighing as many as it has labels."""
    together: dict[tuple[str, str], float] = defaultdict(float)
    for unit in units:
        for i, j in permutations(range(len(unit)), 2):
            together[unit[i], unit[j]] += 1 / (len(unit) - 1)
    return together
