import apsw
import pytest

from flowtrace_mcp.ingest.pipeline import Pipeline
from flowtrace_mcp.model.telemetry import PayloadEncoding
from flowtrace_mcp.services import span_indexing
from flowtrace_mcp.services.span_indexing import SpanIndexing
from tests.ingest import otlp_bodies
from tests.services.work import Work


def count(context, match):
    connection = apsw.Connection(str(context.store.path))
    sql = "SELECT count(*) FROM span_text WHERE span_text MATCH ?"
    found = connection.execute(sql, (match,)).get
    connection.close()
    return found


def worked(context, session="s-1", runs=1):
    work = Work(context, session)
    for at in range(runs):
        work.tool("Bash", at, arguments={"command": f"make deploy{at}"})
    work.store()


def test_what_waits_is_read_in_the_background(context):
    worked(context, runs=3)

    assert SpanIndexing(context).run_once() == 3
    assert [count(context, word) for word in ("bash", "deploy1", "nobody")] == [3, 1, 0]
    assert context.store.span_texts.count_unread() == 0


def test_each_document_carries_its_session_and_its_project(context):
    worked(context, "s-1")
    worked(context, "s-2")
    indexing = SpanIndexing(context)
    indexing.run_once()
    project_id = context.store.project_id("git:x", "x")

    context.store.spans.bind_session("s-1", project_id)
    indexing.run_once()

    assert count(context, f"prj{project_id}") == 1
    assert count(context, "prj0") == 1


def test_many_spans_are_read_a_few_a_commit(context, monkeypatch):
    monkeypatch.setattr(span_indexing, "SPANS_PER_COMMIT", 4)
    worked(context, runs=11)

    assert SpanIndexing(context).run_once() == 11
    assert count(context, "bash") == 11


def test_while_spans_stream_in_others_have_their_turn(context, clock, monkeypatch):
    monkeypatch.setattr(span_indexing, "SPANS_PER_COMMIT", 1)
    worked(context, runs=5)
    indexing = SpanIndexing(context)
    insert = context.store.span_texts.insert_documents

    def slow(documents, left):
        worked(context, "s-2")
        clock.now_us += span_indexing.BUSY_LIMIT_US
        insert(documents, left)

    monkeypatch.setattr(context.store.span_texts, "insert_documents", slow)

    assert indexing.run_once() == 1


def test_the_next_run_goes_on(context, clock, monkeypatch):
    monkeypatch.setattr(span_indexing, "SPANS_PER_COMMIT", 2)
    monkeypatch.setattr(span_indexing, "IDLE_LIMIT_US", 0)
    worked(context, runs=5)
    indexing = SpanIndexing(context)

    assert [indexing.run_once() for _ in range(4)] == [2, 2, 1, 0]


def test_switched_off_nothing_is_read_and_the_index_is_empty(make_context):
    context = make_context()
    worked(context)
    SpanIndexing(context).run_once()
    off = make_context(FLOWTRACE_SPAN_SEARCH="off")

    assert SpanIndexing(off).run_once() == 0
    worked(off, "s-2")
    assert (count(off, "bash"), off.store.span_texts.count_unread()) == (0, 0)


def test_switched_on_again_what_was_there_before_is_read(make_context):
    off = make_context(FLOWTRACE_SPAN_SEARCH="off")
    SpanIndexing(off).run_once()
    worked(off, runs=3)

    SpanIndexing(make_context()).run_once()

    assert count(off, "bash") == 3


@pytest.mark.parametrize("retries", [0, 1])
def test_what_log_events_tell_of_a_tool_is_found_though_they_come_late(context, clock, retries):
    work = Work(context)
    work.tool("Bash", 0, **{"gen_ai.tool.call.id": "toolu_1"})
    work.store()
    indexing = SpanIndexing(context)
    indexing.run_once()
    clock.now_us += retries * span_indexing.RETRY_US[0]
    indexing.run_once()

    request = otlp_bodies.logs(1)
    record = request.resource_logs[0].scope_logs[0].log_records[0]
    record.trace_id = bytes.fromhex(work.trace_id())
    record.event_name = "tool_result"
    del record.attributes[:]
    for key, value in {"tool_use_id": "toolu_1", "tool_input": '{"command": "pytest"}'}.items():
        attribute = record.attributes.add()
        attribute.key, attribute.value.string_value = key, value
    Pipeline(context.store, context.now_us).logs(
        request.SerializeToString(), PayloadEncoding.PROTOBUF
    )
    assert count(context, "pytest") == 0
    clock.now_us += span_indexing.RETRY_US[retries]
    indexing.run_once()

    assert count(context, "pytest") == 1


def test_a_tools_run_of_which_no_event_comes_is_let_be(context, clock):
    work = Work(context)
    work.tool("Bash", 0, **{"gen_ai.tool.call.id": "toolu_1"})
    work.store()
    indexing = SpanIndexing(context)
    for _ in range(4):
        indexing.run_once()
        clock.now_us += span_indexing.RETRY_US[-1]

    assert indexing._lacking == {}
