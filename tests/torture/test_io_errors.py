"""A disk that fails at any call: it is said, nothing answered is lost, and a retry succeeds."""

import random

import pytest

from tests.torture.disks import FAILURES
from tests.torture.io_errors import count_calls, inject

TURNS = 3
POINTS = 40


@pytest.mark.slow
@pytest.mark.timeout(60)
@pytest.mark.parametrize("how", list(FAILURES))
def test_a_failed_call_of_the_disk_is_reported_and_a_retry_succeeds(how: str) -> None:
    calls = len(count_calls(TURNS))
    points = sorted(random.Random(len(how)).sample(range(1, calls + 1), POINTS))

    found = inject(TURNS, points, how)

    assert found.wrong == []
    assert found.points == POINTS, "each of the calls was met"
    assert found.reported > 0
