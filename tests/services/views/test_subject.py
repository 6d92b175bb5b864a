from flowtrace_mcp.services.own_calls import OwnCalls
from flowtrace_mcp.services.self_traces import ToolRun
from flowtrace_mcp.services.traces import TracesRequest, traces
from tests.services.work import START_US, Work


def call_ourselves(context, session):
    """Store what a call of our own tool leaves behind, and nothing else of its session."""
    run = ToolRun(
        tool="status",
        start_ns=START_US * 1000,
        end_ns=START_US * 1000 + 1_000_000,
        arguments={},
        answer={"health": "ok"},
        work_ns=None,
        session=session,
        is_agent_session=False,
        agent="an editor",
    )
    OwnCalls(context).tell([run])
    assert context.store.spans.find_session(session) is not None


def test_a_session_of_our_own_calls_alone_is_no_work_to_look_at(context, caller):
    work = Work(context, session="the agent's")
    work.tool("Bash", 1)
    work.store()
    call_ourselves(context, caller.session)

    answer = traces(context, TracesRequest(), caller)

    assert "no spans of your own session" in answer.note
    assert "the agent's" in [row.get("session") for row in answer.rows]


def test_the_last_session_is_one_in_which_something_was_done(context, caller):
    work = Work(context, session="the agent's")
    work.tool("Bash", -10)
    work.store()
    call_ourselves(context, "another editor's")

    rows = traces(context, TracesRequest(session="last"), caller).rows

    assert [row["name"] for row in rows] == ["execute_tool Bash"]


def test_our_own_calls_can_be_looked_at_by_their_session(context, caller):
    call_ourselves(context, "another editor's")

    rows = traces(context, TracesRequest(session="another editor's"), caller).rows

    assert [row["name"] for row in rows] == ["tools/call status"]
