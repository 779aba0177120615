"""The metrics by which arms are compared."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kaeshi.rules.comparison import SPANS, WEIGHTS, named, sample


def test_the_composite_weighs_to_one_and_its_stars_have_a_span() -> None:
    assert math.isclose(sum(WEIGHTS.values()), 1.0)
    assert SPANS["csat"] == 5 - 1


def test_a_metric_is_named_once_by_its_stored_name() -> None:
    assert named(["conversion", "satisfaction", "csat", "conversion"]) == ["conversion", "csat"]


@given(st.lists(st.floats(-1e6, 1e6), max_size=30))
def test_a_sample_has_the_sums_of_its_values(values: list[float]) -> None:
    found = sample(values)
    assert found.count == len(values)
    assert found.total == pytest.approx(math.fsum(values))
    assert found.squares == pytest.approx(math.fsum(v * v for v in values))


@given(st.permutations([0.1, 0.2, 0.3, 1e9, -1e9]))
def test_the_order_of_values_does_not_matter(values: list[float]) -> None:
    assert sample(values) == sample(sorted(values))
