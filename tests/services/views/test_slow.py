from flowtrace_mcp.services.traces import TracesRequest, traces
from tests.services.work import Work


def test_a_span_that_only_waits_for_those_below_it_is_not_slow(context, caller):
    work = Work(context)
    root = work.span("turn", 0, 10)
    work.tool("Bash", 0, 6, under=root)
    work.tool("Read", 4, 4, under=root)  # beside the first for 2 s
    work.store()

    rows = traces(context, TracesRequest(session="all", view="slow"), caller).rows

    assert [(row["name"], row["self_ms"], row["ms"]) for row in rows] == [
        ("execute_tool Bash", 6000.0, 6000.0),
        ("execute_tool Read", 4000.0, 4000.0),
        ("turn", 2000.0, 10000.0),
    ]
    assert rows[0]["share"] == "60%"


def test_a_child_that_outlives_its_parent_takes_no_more_than_the_parent_has(context, caller):
    work = Work(context)
    root = work.span("turn", 10, 5)
    work.span("background", 8, 100, under=root)
    work.store()

    rows = traces(context, TracesRequest(session="all", view="slow"), caller).rows

    assert [row["name"] for row in rows] == ["background"]
