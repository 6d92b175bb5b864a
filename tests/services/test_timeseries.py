import pytest

from flowtrace_mcp.errors import InputError, NotFoundError
from flowtrace_mcp.model.times import DAY_US, HOUR_US
from flowtrace_mcp.services.timeseries import BUCKETS_LIMIT, timeseries
from tests.services.work import START_US, Work

WINDOW = (START_US, START_US + DAY_US)
HOUR = START_US - START_US % HOUR_US


def test_hours_have_calls_tokens_errors_durations_and_sessions(context):
    work = Work(context, session="s-1")
    work.call("claude-opus-4-1", 0, for_s=2, tokens=(100, 10))
    work.tool("Bash", 1, for_s=1, error="no")
    work.store()
    other = Work(context, session="s-2")
    other.call("claude-opus-4-1", 3600, for_s=4, tokens=(7, 1))
    other.store()

    found = timeseries(context, "hour", WINDOW)

    first, second = found.buckets
    assert (first["time_us"], second["time_us"]) == (HOUR, HOUR + HOUR_US)
    assert (first["spans"], first["errors"], first["calls"], first["tools"]) == (2, 1, 1, 1)
    assert (first["sessions"], first["input"], first["output"]) == (1, 100, 10)
    assert first["p50_ms"] == pytest.approx(1000, rel=0.01)
    assert second["p95_ms"] == pytest.approx(4000, rel=0.01)
    assert (found.total["spans"], found.total["sessions"]) == (3, 2)


def test_days_sum_their_hours(context):
    work = Work(context)
    for hour in range(30):
        work.tool("Bash", hour * 3600, trace=hour + 1)
    work.store()

    found = timeseries(context, "day", (START_US, START_US + 2 * DAY_US))

    assert sum(row["tools"] for row in found.buckets) == 30
    assert all(row["time_us"] % DAY_US == 0 for row in found.buckets)


def test_nothing_in_the_window_is_no_bucket(context):
    found = timeseries(context, "hour", WINDOW)

    assert (found.buckets, found.total) == ((), {})


def test_a_series_is_of_one_project_if_asked(context):
    work = Work(context)
    work.tool("Bash", 0)
    work.store()
    context.store.project_id("git:x", "x")

    assert timeseries(context, "hour", WINDOW, "x").buckets == ()
    with pytest.raises(NotFoundError):
        timeseries(context, "hour", WINDOW, "y")


@pytest.mark.parametrize(
    ("step", "window"), [("week", WINDOW), ("hour", (0, (BUCKETS_LIMIT + 1) * HOUR_US))]
)
def test_a_step_that_is_not_and_a_window_too_long_are_refused(context, step, window):
    with pytest.raises(InputError):
        timeseries(context, step, window)
