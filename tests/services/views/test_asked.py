import pytest

from flowtrace_mcp.services.traces import TracesRequest, traces
from tests.services.work import START_US, Work


@pytest.fixture
def ask(context, caller, clock):
    work = Work(context)
    work.call("claude-sonnet-4-5", 0, 2, tokens=(100, 5), trace=1)
    work.call("claude-opus-4-1", 3600, 9, tokens=(20_000, 500), trace=2)
    work.tool("Bash", 7200, 1, trace=3, error="exit code 1")
    work.store()
    clock.now_us = START_US + 7_300 * 1_000_000

    def ask(query, **more):
        return traces(context, TracesRequest(session="s-1", query=query, **more), caller)

    return ask


def test_errors_of_a_time_are_shown_as_errors(ask):
    answer = ask("errors last hour")

    assert answer.view == "errors"
    assert [row["name"] for row in answer.rows] == ["Bash"]
    assert answer.note.startswith("read as: ")


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ("slower than 5 s", 1),
        ("more than 1k tokens", 1),
        ("under 1k tokens", 2),
        ("cost over $0.1", 1),
        ("last 2 hours", 2),
        ("bash", 1),
        ("chat slower than 1 s", 2),
        ("", 3),
    ],
)
def test_a_question_leaves_the_traces_it_is_about(ask, query, count):
    assert len(ask(query).rows) == count


def test_what_was_read_is_told_when_nothing_matches(ask):
    answer = ask("slower than 5 minutes")

    assert (answer.rows, "read as: slower than 5 minutes" in answer.note) == ((), True)


def test_a_question_about_another_time_than_the_window_finds_nothing(ask):
    assert ask("last hour", until=START_US).rows == ()
