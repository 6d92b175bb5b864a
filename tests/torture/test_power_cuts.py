"""A power cut at any moment: nothing is corrupt, and nothing that was answered is gone."""

import random

import pytest

from tests.torture.power_cuts import Recorded, cut, record

POINTS = 60


def some(recorded: Recorded, count: int) -> list[int]:
    """Return moments of a workload, ascending; the first ones are its beginning."""
    every = range(1, len(recorded.changes) + 1)
    return sorted(random.Random(5).sample(every, min(count, len(every))))


@pytest.mark.timeout(60)
@pytest.mark.slow
@pytest.mark.promise("durable")
def test_a_power_cut_loses_nothing_that_was_answered() -> None:
    recorded = record(20, durable=True)

    found = cut(recorded, some(recorded, POINTS), seed=11)

    assert (found.corrupt, found.lost) == ([], [])
    assert found.points == POINTS


@pytest.mark.timeout(60)
@pytest.mark.slow
def test_without_full_durability_the_last_answers_may_be_lost_and_the_file_is_sound() -> None:
    recorded = record(20, durable=False)

    found = cut(recorded, some(recorded, POINTS), seed=11)

    assert found.corrupt == []
    assert found.lost, "what NORMAL gives up is shown, or this test shows nothing"
