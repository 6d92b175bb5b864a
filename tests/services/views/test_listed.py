from flowtrace_mcp.services.traces import TracesRequest, traces
from tests.services.work import Work


def test_all_lists_sessions_and_traces_without_one_newest_first(context, caller):
    for session, at_s in (("one", 0), ("", 50), ("two", 100)):
        work = Work(context, session=session)
        work.tool("Read", at_s)
        work.store()

    rows = traces(context, TracesRequest(session="all"), caller).rows

    assert [row.get("session", row.get("name")) for row in rows] == [
        "two",
        "execute_tool Read",
        "one",
    ]
    assert [row["name"] for row in rows] == ["execute_tool Read"] * 3
    assert all(traces(context, TracesRequest(trace_id=row["trace"]), caller).rows for row in rows)


def test_a_session_lists_its_traces(context, caller):
    work = Work(context, session="one")
    work.tool("Read", 0, trace=1)
    work.tool("Read", 5, trace=2)
    work.store()

    rows = traces(context, TracesRequest(session="one"), caller).rows

    assert len(rows) == 2
    assert all("trace" in row and row["tools"] == 1 for row in rows)
