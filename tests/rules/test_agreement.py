"""Claims about rules/agreement.py."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kaeshi.rules import agreement as rules
from kaeshi.rules.agreement import Decided

# r: right, w: wrong, -: not asked. Kappas by scikit-learn 1.8's cohen_kappa_score, alpha by
# krippendorff 0.8.1, on the same labels
PATTERNS = {"ann": "rrrwwrrwrwr-", "bea": "rrwwwrrwrrr-", "cem": "r--wrwr-wwrr"}
KAPPAS = {("ann", "bea"): 0.6071, ("ann", "cem"): 0.25, ("bea", "cem"): 0.0}
ALPHA = 0.3287


def decided(patterns: dict[str, str]) -> list[Decided]:
    states = {"r": "approved", "w": "rejected"}
    return [
        Decided(ref=f"i{i}", by=by, state=states[label])
        for by, pattern in patterns.items()
        for i, label in enumerate(pattern)
        if label != "-"
    ]


def test_agreement_is_what_the_libraries_say() -> None:
    labels = rules.latest(decided(PATTERNS))
    assert rules.kappas(labels) == {
        pair: pytest.approx(kappa, abs=1e-4) for pair, kappa in KAPPAS.items()
    }
    assert rules.krippendorffs_alpha(labels) == pytest.approx(ALPHA, abs=1e-4)


@given(st.lists(st.sampled_from("rw"), min_size=5, max_size=20))
def test_who_always_agrees_agrees_fully(labels: list[str]) -> None:
    said = rules.latest(decided({"ann": "".join(labels), "bea": "".join(labels)}))
    assert rules.cohens_kappa(said, "ann", "bea") == pytest.approx(1)
    assert rules.krippendorffs_alpha(said) == pytest.approx(1)


def test_too_little_in_common_says_nothing() -> None:
    said = rules.latest(decided({"ann": "rrrr", "bea": "rrrr"}))
    assert rules.kappas(said) == {}
    assert rules.krippendorffs_alpha(said) is None


def test_the_last_decision_counts_and_a_correction_says_wrong() -> None:
    said = [
        Decided(ref="i", by="ann", state="approved"),
        Decided(ref="i", by="ann", state="corrected"),
    ]
    assert rules.latest(said) == {"i": {"ann": "wrong"}}


def test_who_disagrees_with_all_others_is_shown() -> None:
    patterns = {"ann": "rrwwrr", "bea": "rrwwrr", "cem": "wwrrww"}
    alone = [one.name for one in rules.reviewers(decided(patterns)) if one.is_alone]
    assert alone == ["cem"]


def test_controls_are_counted_apart() -> None:
    said = [
        Decided(ref="i", by="ann", state="approved"),
        Decided(ref="c1", by="ann", state="approved", expected="approved"),
        Decided(ref="c2", by="ann", state="approved", expected="rejected"),
    ]
    (ann,) = rules.reviewers(said)
    assert (ann.decided, ann.controls, ann.controls_right) == (1, 2, 1)
