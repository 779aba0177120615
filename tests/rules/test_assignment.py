"""Claims about rules/assignment.py."""

from hypothesis import given
from hypothesis import strategies as st

from kaeshi.rules.assignment import arm_of


@given(st.text(max_size=30), st.floats(0, 1), st.floats(0, 1))
def test_raising_the_share_never_moves_a_customer_back(customer: str, a: float, b: float) -> None:
    low, high = sorted((a, b))
    if arm_of("ro", customer, low) == "candidate":
        assert arm_of("ro", customer, high) == "candidate"


def test_a_tenth_of_all_customers_is_about_a_tenth_and_another_experiment_picks_others() -> None:
    one = {i for i in range(10_000) if arm_of("ro_1", f"c{i}", 0.1) == "candidate"}
    two = {i for i in range(10_000) if arm_of("ro_2", f"c{i}", 0.1) == "candidate"}
    assert 900 < len(one) < 1100
    assert len(one & two) < 200
