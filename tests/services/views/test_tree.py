import msgspec
import pytest

from flowtrace_mcp.analytics.tokens import estimate_tokens
from flowtrace_mcp.services.traces import TracesRequest, traces
from tests.services.work import Work


def shown(context, caller, work, **more):
    request = TracesRequest(trace_id=work.trace_id(), view="tree", **more)
    return traces(context, request, caller)


def test_equal_leaves_beside_each_other_are_one_row(context, caller):
    work = Work(context)
    root = work.span("turn", 0, 100)
    for number in range(5):
        work.tool("Read", number, 0.5, under=root)
    work.tool("Edit", 6, under=root)

    rows = shown(context, caller, work.store()).rows

    assert [(row["name"], row.get("times")) for row in rows[2:]] == [
        ("execute_tool Read", 5),
        ("execute_tool Edit", None),
    ]
    assert rows[2]["ms"] == 2500.0


def test_two_equal_leaves_and_a_failed_one_stand_alone(context, caller):
    work = Work(context)
    root = work.span("turn", 0, 100)
    for number, error in enumerate(("", "", "no such file", "", "")):
        work.tool("Read", number, under=root, error=error)

    rows = shown(context, caller, work.store()).rows

    assert len(rows) == 2 + 5
    assert [row.get("error") for row in rows[2:]] == [None, None, "no such file", None, None]


def test_a_run_of_model_calls_adds_tokens_up(context, caller):
    work = Work(context)
    root = work.span("turn", 0, 100)
    for number in range(3):
        work.call("claude-sonnet-4-5", number, under=root, tokens=(100, 7))

    row = shown(context, caller, work.store()).rows[2]

    assert (row["times"], row["in"], row["out"]) == (3, 300, 21)


def test_within_a_small_budget_an_error_deep_down_is_shown_with_the_way_to_it(context, caller):
    work = Work(context)
    root = work.span("turn", 0, 1000)
    for number in range(200):
        work.tool(f"tool_{number}", number, under=root)
    outer = work.span("agent", 300, 10, under=root)
    inner = work.span("step", 301, 5, under=outer)
    work.tool("Bash", 302, under=inner, error="exit code 1")

    answer = shown(context, caller, work.store(), budget=400)

    names = [row.get("name") for row in answer.rows]
    assert [name for name in names if name in ("turn", "agent", "step", "execute_tool Bash")] == [
        "turn",
        "agent",
        "step",
        "execute_tool Bash",
    ]
    assert answer.more > 150


def test_what_is_left_out_is_counted_where_it_lies(context, caller):
    work = Work(context)
    root = work.span("turn", 0, 1000)
    for number in range(100):
        work.tool(f"tool_{number}", number, under=root)

    answer = shown(context, caller, work.store(), budget=500)

    head, turn, *tools = answer.rows
    assert head["spans"] == 101
    assert turn["more"] == 100 - len(tools) == answer.more


def test_spans_that_are_one_anothers_parents_are_all_there(context, caller):
    work = Work(context)
    one = work.span("one", 0)
    two = work.span("two", 1, under=one)
    work.spans[0]["parent_span_id"] = two

    rows = shown(context, caller, work.store()).rows

    assert {row["name"] for row in rows[1:]} == {"one", "two"}


@pytest.mark.promise("budget")
@pytest.mark.parametrize("budget", [200, 1500])
def test_a_noisy_turn_of_500_spans_stays_within_its_budget(context, caller, budget):
    work = Work(context)
    root = work.span("turn", 0, 1000)
    for number in range(125):
        step = work.span(f"step {number} of many", number, 2, under=root)
        work.call("claude-sonnet-4-5", number, under=step)
        work.tool("Bash", number, under=step, arguments={"command": f"ls {'x' * number}"})
        work.tool("Read", number, under=step, error="no such file" if number % 9 == 0 else "")

    answer = shown(context, caller, work.store(), budget=budget)

    body = {"view": answer.view, "rows": answer.rows, "note": answer.note, "more": answer.more}
    assert estimate_tokens(msgspec.json.encode(body).decode()) <= answer.tokens <= budget
    assert len(answer.rows) >= 2
