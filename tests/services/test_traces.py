from pathlib import Path
from typing import Any

import msgspec
import pytest

from flowtrace_mcp.analytics.tokens import estimate_tokens
from flowtrace_mcp.errors import InputError, NotFoundError
from flowtrace_mcp.ingest.pipeline import Pipeline
from flowtrace_mcp.model.project import ProjectIdentity
from flowtrace_mcp.model.telemetry import PayloadEncoding
from flowtrace_mcp.services.context import Caller, Context
from flowtrace_mcp.services.trace_bodies import session_body, trace_body
from flowtrace_mcp.services.trace_reading import read_session, read_trace
from flowtrace_mcp.services.traces import TracesAnswer, TracesRequest, View, traces
from flowtrace_mcp.storage.traces import Page

EXPORTS = Path(__file__).parent.parent / "data/otlp"
CLAUDE_SESSION = "4a7f0f31-6688-4d58-943f-7ce1948924f8"
CLAUDE_TRACE = "ca1c5d3a1033f257aabe0d84dc80cfb9"
CLAUDE_HANDLE = "aabe0d84dc"
NOBODY = Caller(project=ProjectIdentity(identity="folder:/x", name="x"))
CLAUDE = Caller(
    project=ProjectIdentity(identity="folder:/shop", name="shop"), session=CLAUDE_SESSION
)
VIEWS: tuple[View, ...] = ("list", "tree", "path", "errors", "slow", "tools", "cost", "diff")


@pytest.fixture
def traced(context: Context) -> Context:
    pipeline = Pipeline(context.store, context.now_us)
    for path in sorted(EXPORTS.glob("*.traces*.pb")):
        pipeline.traces(path.read_bytes(), PayloadEncoding.PROTOBUF)
    return context


def ask(context: Context, caller: Caller = NOBODY, **more: object) -> TracesAnswer:
    return traces(context, TracesRequest(**more), caller)  # type: ignore[arg-type]  # any field


@pytest.mark.promise("trace-views")
def test_the_callers_own_session_comes_first(traced: Context) -> None:
    answer = ask(traced, CLAUDE)

    assert [row["trace"] for row in answer.rows] == [CLAUDE_HANDLE]
    assert answer.note == ""


def test_without_spans_of_its_own_the_caller_sees_all_and_is_told(traced: Context) -> None:
    answer = ask(traced)

    assert len(answer.rows) > 5
    assert "own session" in answer.note


def test_a_file_without_spans_says_how_to_get_some(context: Context) -> None:
    answer = ask(context)

    assert answer.rows == ()
    assert answer.note == "no spans yet: `status` says how to send"


def test_a_view_without_rows_says_that_nothing_matches_and_where(traced: Context) -> None:
    everywhere = ask(traced, session="all", query="no such word")
    own = ask(traced, CLAUDE, view="errors")

    assert (everywhere.rows, everywhere.note) == ((), "nothing matches")
    assert (own.rows, own.note) == ((), f"nothing matches in session {CLAUDE_SESSION!r}")


def test_looking_binds_the_callers_session_to_its_project(traced: Context) -> None:
    ask(traced, CLAUDE)

    reading = read_trace(traced, bytes.fromhex(CLAUDE_TRACE))
    assert reading is not None
    assert {span.edge.project_id for span in reading.spans} == {
        traced.store.project_id("folder:/shop", "shop")
    }


@pytest.mark.promise("trace-views")
def test_a_tree_puts_sums_first_and_children_below_parents(traced: Context) -> None:
    answer = ask(traced, trace_id=CLAUDE_TRACE)

    head, *spans = answer.rows
    assert (head["spans"], head["calls"], head["tools"]) == (6, 2, 1)
    assert (head["in"], head["out"]) == (432, 34)
    assert [row["depth"] for row in spans] == [0, 1, 1, 2, 2, 1]
    assert answer.lines[1].startswith("claude_code.interaction")
    assert answer.lines[2].startswith("  ")


@pytest.mark.promise("trace-views")
def test_errors_are_grouped_with_how_often_and_when(traced: Context) -> None:
    answer = ask(traced, session="all", view="errors")

    assert answer.rows
    for row in answer.rows:
        assert row["name"]
        assert row["span"]
        assert row["last"]


@pytest.mark.promise("trace-views")
def test_tools_are_counted(traced: Context) -> None:
    rows = ask(traced, session="all", view="tools").rows

    assert any(row["tool"] == "Bash" for row in rows)
    assert all(int(str(row["calls"])) > 0 for row in rows)


@pytest.mark.promise("trace-views")
def test_the_slowest_come_first(traced: Context) -> None:
    times = [float(str(row["self_ms"])) for row in ask(traced, session="all", view="slow").rows]

    assert times == sorted(times, reverse=True)


@pytest.mark.promise("trace-views")
def test_a_span_shows_its_arguments_and_result(traced: Context) -> None:
    tool = ask(traced, trace_id=CLAUDE_TRACE, view="tools").rows
    assert tool[0]["tool"] == "Bash"
    reading = read_trace(traced, bytes.fromhex(CLAUDE_TRACE))
    assert reading is not None
    span = next(span for span in reading.spans if span.facts.tool_name == "Bash")

    answer = ask(traced, trace_id=CLAUDE_TRACE, span_id=span.record.span_id.hex())

    assert answer.view == "span"
    assert answer.rows[0]["tool"] == "Bash"
    assert {row.get("part") for row in answer.rows[1:]} >= {"attributes"}


@pytest.mark.promise("budget")
def test_a_long_note_is_cut_so_that_rows_fit_beside_it(traced: Context) -> None:
    answer = ask(traced, session="all", query="nothing like it " * 400, budget=200)

    body = {"note": answer.note, "rows": answer.rows}
    assert estimate_tokens(msgspec.json.encode(body).decode()) <= 200


@pytest.mark.promise("budget")
@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("budget", [200, 500, 1500])
def test_no_answer_exceeds_its_budget(traced: Context, view: View, budget: int) -> None:
    answer = ask(traced, session="all", view=view, budget=budget)

    body = {"view": answer.view, "rows": answer.rows, "note": answer.note, "more": answer.more}
    assert estimate_tokens(msgspec.json.encode(body).decode()) <= answer.tokens <= budget


def test_words_of_a_query_filter_the_rows(traced: Context) -> None:
    rows = ask(traced, session="all", view="tools", query="bash").rows

    assert [row["tool"] for row in rows] == ["Bash"]
    assert not ask(traced, session="all", view="tools", query="no such tool").rows


def test_the_last_session_is_not_ones_own(traced: Context) -> None:
    answer = ask(traced, CLAUDE, session="last")

    assert CLAUDE_HANDLE not in {row["trace"] for row in answer.rows}


def test_a_window_bounds_the_starts(traced: Context) -> None:
    assert not ask(traced, session="all", until="2001-01-01").rows
    assert ask(traced, session="all", since="2001-01-01").rows


@pytest.mark.parametrize(
    "request_",
    [
        TracesRequest(trace_id="zz"),
        TracesRequest(trace_id="00" * 16),
        TracesRequest(trace_id=CLAUDE_TRACE, span_id="x"),
        TracesRequest(limit=0),
        TracesRequest(budget=10),
        TracesRequest(since="2026-02-01", until="2026-01-01"),
    ],
)
def test_bad_input_says_how_to_mend_it(traced: Context, request_: TracesRequest) -> None:
    with pytest.raises(InputError) as caught:
        traces(traced, request_, NOBODY)

    assert caught.value.mend


@pytest.mark.parametrize(
    "request_",
    [
        TracesRequest(trace_id="ab" * 16),
        TracesRequest(trace_id=CLAUDE_TRACE, span_id="ab" * 8),
        TracesRequest(session="never seen"),
    ],
)
def test_what_is_not_there_is_told(traced: Context, request_: TracesRequest) -> None:
    with pytest.raises(NotFoundError):
        traces(traced, request_, NOBODY)


def test_without_any_trace_there_is_no_tree_and_no_last_session(context: Context) -> None:
    for request_ in (TracesRequest(view="tree"), TracesRequest(session="last")):
        with pytest.raises(NotFoundError):
            traces(context, request_, NOBODY)


def test_a_trace_body_holds_what_rest_promises(traced: Context) -> None:
    reading = read_trace(traced, bytes.fromhex(CLAUDE_TRACE))
    assert reading is not None

    body = msgspec.json.decode(msgspec.json.encode(trace_body(reading, "shop")))

    assert body["session"] == CLAUDE_SESSION
    assert body["totals"]["tokens"] == {
        "input": 240,
        "cache_read": 128,
        "cache_write": 64,
        "output": 34,
        "reasoning": None,
    }
    assert {span["span_id"] for span in body["spans"]} >= {"6de46e976bab93dd"}
    tool = next(span["tool"] for span in body["spans"] if span["tool"])
    assert tool["name"] == "Bash"


def test_a_session_adds_its_traces_up(traced: Context) -> None:
    reading = read_session(traced, CLAUDE_SESSION)
    assert reading is not None

    body: dict[str, Any] = dict(session_body(reading, ""))

    assert [trace["trace_id"] for trace in body["traces"]] == [CLAUDE_TRACE]
    assert body["totals"]["spans"] == 6
    assert read_session(traced, "never seen") is None


def test_every_span_of_a_trace_is_in_its_tree_or_counted_as_folded(traced: Context) -> None:
    for rollup in traced.store.spans.list_traces(Page(limit=200)):
        answer = ask(traced, trace_id=rollup.trace_id.hex(), budget=20_000)
        shown = sum(int(str(row.get("times", 1))) for row in answer.rows[1:])
        hidden = sum(int(str(row.get("folded", 0))) for row in answer.rows[1:])
        assert shown + hidden == answer.rows[0]["spans"]
