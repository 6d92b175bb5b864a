import pytest

from flowtrace_mcp.services.traces import TracesRequest, traces
from tests.services.work import Work


def tools(context, caller):
    return traces(context, TracesRequest(session="all", view="tools"), caller)


def test_failures_and_repeats_of_a_tool_are_told(context, caller):
    work = Work(context)
    for number, error in enumerate(("", "denied", "", "")):
        work.tool("Bash", number, arguments={"command": f"ls {number % 2}"}, error=error)
    work.store()

    (row,) = tools(context, caller).rows

    assert (row["calls"], row["errors"], row["ok"], row["repeats"]) == (4, 1, "75%", 2)


@pytest.mark.promise("loops")
def test_an_agent_that_goes_in_circles_is_told(context, caller):
    work = Work(context)
    for number in range(4):
        work.tool("Read", number, arguments={"file_path": "a.py"})
    work.store()

    answer = tools(context, caller)

    assert answer.note == "Read was called 4 times in a row with the same arguments"


def test_equal_calls_of_two_sessions_are_no_loop(context, caller):
    for session in ("s-1", "s-2", "s-3"):
        work = Work(context, session=session)
        work.tool("Read", arguments={"file_path": "a.py"})
        work.store()

    answer = tools(context, caller)

    assert answer.note == ""
    assert "repeats" not in answer.rows[0]
