import pytest

from flowtrace_mcp.services.traces import TracesRequest, traces
from tests.services.work import Work


def errors(context, caller):
    return traces(context, TracesRequest(session="all", view="errors"), caller).rows


def test_errors_that_differ_in_particulars_are_one_kind(context, caller):
    work = Work(context)
    for number in range(3):
        work.tool("Bash", number * 10, error=f"port {5000 + number} is in use (pid {number})")
    work.store()

    (row,) = errors(context, caller)

    assert row["times"] == 3
    assert row["first"] < row["last"]
    assert row["message"] == "port 5002 is in use (pid 2)"


def test_an_error_passed_on_upwards_is_told_where_it_began(context, caller):
    work = Work(context)
    root = work.span("turn", 0, 10, error="exit code 1")
    work.tool("Bash", 1, under=root, error="exit code 1")
    work.store()

    (row,) = errors(context, caller)

    assert row["name"] == "Bash"


def test_a_span_with_an_error_of_its_own_is_told_beside_the_one_below(context, caller):
    work = Work(context)
    root = work.span("turn", 0, 10, error="budget exceeded")
    work.tool("Bash", 1, under=root, error="exit code 1")
    work.store()

    assert {row["message"] for row in errors(context, caller)} == {"budget exceeded", "exit code 1"}


@pytest.mark.promise("what-followed")
def test_the_row_says_when_the_same_call_worked_and_what_lay_between(context, caller):
    work = Work(context)
    work.tool("Bash", 0, 2, arguments={"command": "make test"}, error="exit code 2")
    work.tool("Edit", 10, arguments={"file_path": "src/app.py"})
    work.tool("Bash", 42, arguments={"command": "make test"})
    work.store()

    (row,) = errors(context, caller)

    assert row["after"] == "the same call worked 40.0 s later; between: Edit src/app.py"


def test_the_row_says_what_came_next_when_the_call_was_not_tried_again(context, caller):
    work = Work(context)
    work.tool("Bash", 0, arguments={"command": "make test"}, error="exit code 2")
    work.tool("Read", 10, arguments={"file_path": "Makefile"}, error="no such file")
    Work(context, session="s-2").tool("Bash", 11)
    work.store()

    rows = {row["name"]: row for row in errors(context, caller)}

    assert rows["Bash"]["after"] == "then Read Makefile failed"
    assert rows["Read"]["after"] == "nothing"
