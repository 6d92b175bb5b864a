import pytest

from flowtrace_mcp.services.traces import TracesRequest, traces
from tests.services.work import Work


def shown(context, caller, work, **more):
    request = TracesRequest(trace_id=work.trace_id(), view="path", **more)
    return traces(context, request, caller).rows


def test_the_way_to_a_span_comes_first_then_what_it_led_to_and_what_ran_beside_it(context, caller):
    work = Work(context)
    root = work.span("turn", 0, 100)
    work.tool("Read", 1, under=root)
    step = work.span("step", 5, 20, under=root)
    work.tool("Bash", 6, under=step)
    work.tool("Edit", 30, under=root)

    rows = shown(context, caller, work.store(), span_id=step)

    assert [(row["is"], row["name"]) for row in rows] == [
        ("above", "turn"),
        ("span", "step"),
        ("below", "execute_tool Bash"),
        ("beside", "execute_tool Read"),
        ("beside", "execute_tool Edit"),
    ]


@pytest.mark.promise("critical-path")
def test_the_critical_path_leaves_out_what_nothing_waited_for(context, caller):
    work = Work(context)
    root = work.span("turn", 0, 10)
    work.tool("Fast", 1, 2, under=root)  # beside the slow one
    slow = work.span("slow", 1, 6, under=root)
    work.tool("Inner", 2, 4, under=slow)
    work.tool("Last", 8, 2, under=root)

    rows = shown(context, caller, work.store())

    assert {row["name"]: row["on_path_ms"] for row in rows} == {
        "turn": 2000.0,
        "slow": 2000.0,
        "execute_tool Inner": 4000.0,
        "execute_tool Last": 2000.0,
    }
    assert sum(row["on_path_ms"] for row in rows) == 10_000.0


def test_spans_that_are_one_anothers_parents_end_the_way(context, caller):
    work = Work(context)
    one = work.span("one", 0, 5)
    two = work.span("two", 1, 2, under=one)
    work.spans[0]["parent_span_id"] = two
    work.store()

    assert {row["name"] for row in shown(context, caller, work, span_id=one)} == {"one", "two"}
    assert shown(context, caller, work)


def test_a_span_without_a_parent_has_nothing_above_or_beside_it(context, caller):
    work = Work(context)
    root = work.span("turn", 0, 10)
    work.span("other root", 20, 1)

    rows = shown(context, caller, work.store(), span_id=root)

    assert [(row["is"], row["name"]) for row in rows] == [("span", "turn")]
