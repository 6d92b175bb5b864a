import pytest

from flowtrace_mcp.errors import InputError
from flowtrace_mcp.services.traces import TracesRequest, traces
from tests.services.work import Work


def diff(context, caller, **more):
    return traces(context, TracesRequest(view="diff", **more), caller)


@pytest.mark.promise("two-compared")
def test_only_what_differs_between_two_sessions_is_told(context, caller):
    one, two = Work(context, session="one"), Work(context, session="two")
    for work in (one, two):
        work.call("claude-sonnet-4-5", 0)
        work.tool("Read", 2)
    two.tool("Bash", 4, error="exit code 1")
    one.store()
    two.store()

    rows = diff(context, caller, session="one..two").rows

    told = {row.get("what") or row.get("tool") or row.get("error"): row for row in rows}
    assert (told["errors"]["a"], told["errors"]["b"]) == (0, 1)
    assert (told["Bash"].get("a"), told["Bash"]["b"]) == (None, 1)
    assert "Read" not in told
    assert "calls" not in told
    assert told["tools"]["change"] == "+100%"
    assert any(row.get("message") == "exit code 1" for row in rows)


def test_two_traces_are_compared_by_their_handles(context, caller):
    work = Work(context)
    work.tool("Read", 0, trace=1)
    work.tool("Read", 0, 3, trace=2)
    work.store()
    handles = [row["trace"] for row in traces(context, TracesRequest(session="s-1"), caller).rows]

    rows = diff(context, caller, trace_id="..".join(sorted(handles))).rows

    assert [row["what"] for row in rows] == ["ms"]


def test_a_session_is_compared_with_the_one_before_it_by_default(context, caller):
    for session in ("s-0", caller.session):
        work = Work(context, session=session)
        work.tool("Read")
        work.store()

    answer = diff(context, caller)

    assert (answer.rows, answer.note) == ((), "the two do not differ")


@pytest.mark.parametrize("told", ["one..", "..two", ".."])
def test_one_alone_cannot_be_compared(context, caller, told):
    with pytest.raises(InputError, match="cannot compare"):
        diff(context, caller, session=told)
