"""A sample of the benchmark that asks whether a training job is ever paid twice."""

import pytest

from benchmarks import never_twice

pytestmark = pytest.mark.slow


def test_whatever_the_provider_answers_and_wherever_we_are_killed_one_job_is_paid() -> None:
    found = never_twice.run(len(never_twice.ANSWERS), seed=2)
    assert (found["bad"], found["over_the_cap"], found["most_jobs"]) == ([], 0, 1)
