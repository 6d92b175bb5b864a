"""Recorded exports of real instrumentations mean what tests/data/otlp/expect.json says."""

import json
from collections import Counter
from dataclasses import asdict
from functools import cache
from pathlib import Path

import msgspec
import pytest

from flowtrace_mcp.ingest import otlp_json, otlp_protobuf
from flowtrace_mcp.ingest.messages import from_json
from flowtrace_mcp.ingest.span_extras import span_extras
from flowtrace_mcp.ingest.span_facts import facts_of
from flowtrace_mcp.ingest.span_texts import texts_of
from flowtrace_mcp.ingest.trace_totals import identity_of, judge, total
from flowtrace_mcp.ingest.trace_tree import TraceTree, trace_span
from flowtrace_mcp.model.edge import SpanType
from flowtrace_mcp.model.usage import TokenUsage

DATA = Path(__file__).parent.parent / "data" / "otlp"
EXPECTED = json.loads((DATA / "expect.json").read_text(encoding="utf-8"))
STATUSES = ("unset", "ok", "error")
CHAT = {"chat", "generate_content", "text_completion"}
TRACES = [(group, trace_id) for group, facts in EXPECTED.items() for trace_id in facts["per_trace"]]
every_trace = pytest.mark.parametrize(
    ("group", "trace_id"), TRACES, ids=[f"{group}-{trace[:8]}" for group, trace in TRACES]
)


class Trace:
    """One recorded trace, decoded and judged; spans sent twice are one."""

    def __init__(self, records):
        self.records = {record.span_id.hex(): record for record in records}
        self.facts = {span_id: facts_of(record) for span_id, record in self.records.items()}
        self.spans = [trace_span(self.records[i], self.facts[i]) for i in self.records]
        tree = TraceTree(self.spans)
        verdicts = judge(tree)
        self.verdicts = {i.hex(): verdict for i, verdict in verdicts.items()}
        self.totals = total(self.spans, verdicts)
        self.identity = identity_of(tree)

    def texts(self, span_id):
        record = self.records[span_id]
        return texts_of(record, span_extras(record.raw, record.encoding))

    def counts(self, span_id):
        verdict, facts = self.verdicts[span_id], self.facts[span_id]
        return bool(facts.usage) and not verdict.aggregate and not verdict.duplicate_of


@cache
def traces_of(group):
    records = {}
    for name in EXPECTED[group]["trace_files"]:
        decoder = otlp_json if name.endswith(".json") else otlp_protobuf
        for record in decoder.decode_traces((DATA / name).read_bytes())[0]:
            records.setdefault(record.trace_id.hex(), []).append(record)
    return {trace_id: Trace(of_trace) for trace_id, of_trace in records.items()}


def expected_and_read(group, trace_id):
    return EXPECTED[group]["per_trace"][trace_id], traces_of(group)[trace_id]


def classes(usage):
    return msgspec.structs.asdict(usage or TokenUsage())


def fits(value, spec):
    """Whether a tool's arguments or result are among the accepted ones."""
    if spec is None:
        return value is None
    if any(from_json(value) == from_json(wanted) for wanted in spec["any"]):
        return True
    return "contains" in spec and spec["contains"] in json.dumps(value)


@every_trace
def test_spans_have_their_parents_names_times_status_and_events(group, trace_id):
    expected, trace = expected_and_read(group, trace_id)
    assert len(trace.records) == expected["spans"] == trace.totals.spans
    for span_id, parent, names, start_us, duration_us, status, events, _ in expected["tree"]:
        record = trace.records[span_id]
        assert record.parent_span_id.hex() == (parent or "")
        assert record.name in names
        assert trace.facts[span_id].display in (*names, "")
        assert abs(record.start_us - start_us) <= 1
        assert abs(record.duration_us - duration_us) <= 1
        assert STATUSES[record.status] == status
        assert record.event_count == events


@pytest.mark.promise("counted-once")
@every_trace
def test_totals_count_every_call_once(group, trace_id):
    expected, trace = expected_and_read(group, trace_id)
    wanted = expected["totals"]
    assert trace.totals.errors == wanted["errors"]
    assert trace.totals.model_calls == wanted["model_calls"]
    assert trace.totals.tool_calls == wanted["tool_calls"]
    assert classes(trace.totals.usage) == wanted["tokens"]


@every_trace
def test_spans_that_count_add_up_to_the_totals(group, trace_id):
    _, trace = expected_and_read(group, trace_id)
    counted = [trace.facts[i].usage for i in trace.records if trace.counts(i)]
    assert sum(counted, TokenUsage()) == trace.totals.usage


@every_trace
def test_each_model_call_has_its_tokens_model_provider_and_type(group, trace_id):
    expected, trace = expected_and_read(group, trace_id)
    for call in expected["model_calls"]:
        counting = [i for i in call["span_ids"] if trace.verdicts[i].counts]
        assert len(counting) == 1
        facts, verdict = trace.facts[counting[0]], trace.verdicts[counting[0]]
        assert classes(facts.usage) == call["tokens"]
        assert verdict.model in call["models"]
        assert verdict.provider in call["providers"]
        if call["kind"] == "embeddings":
            assert (facts.operation, facts.span_type) == ("embeddings", SpanType.EMBEDDING)
        else:
            assert facts.operation in CHAT
            assert facts.span_type == SpanType.GENERATION


@every_trace
def test_each_tool_execution_has_its_name_arguments_and_result(group, trace_id):
    expected, trace = expected_and_read(group, trace_id)
    for tool in expected["tools"]:
        facts, texts = trace.facts[tool["span_id"]], trace.texts(tool["span_id"])
        assert facts.operation in tool["operation"]
        assert facts.span_type == SpanType.TOOL_CALL
        assert facts.tool_name in tool["name"]
        assert (facts.tool_call_id or None) in (tool["call_id"] or [None])
        assert fits(texts.tool_arguments, tool["args"])
        assert fits(texts.tool_result, tool["result"])


@every_trace
def test_the_trace_knows_its_session_user_and_agent(group, trace_id):
    expected, trace = expected_and_read(group, trace_id)
    for who in ("session", "user", "agent"):
        if expected[who]:
            assert (getattr(trace.identity, who) or None) in expected[who]
    services = {record.resource.service_name for record in trace.records.values()}
    assert services == {expected["service"]}


@every_trace
def test_aggregates_and_duplicates_are_marked(group, trace_id):
    expected, trace = expected_and_read(group, trace_id)
    for span_id in expected["aggregates"]:
        assert trace.verdicts[span_id].aggregate
    for pair in expected["duplicates"]:
        places = Counter(trace.verdicts[i].duplicate_of.hex() for i in pair)
        assert places[""] == 1
        assert set(places) - {""} <= set(pair)


@every_trace
def test_nothing_that_matters_is_noise(group, trace_id):
    expected, trace = expected_and_read(group, trace_id)
    essential = {i for call in expected["model_calls"] for i in call["span_ids"]}
    essential |= {tool["span_id"] for tool in expected["tools"]}
    essential |= {*expected["errors"], *expected["roots"]}
    assert not any(trace.facts[i].is_noise for i in essential)


@every_trace
def test_better_names_errors_and_requested_tools_are_read(group, trace_id):
    expected, trace = expected_and_read(group, trace_id)
    for span_id, display in expected.get("display", {}).items():
        assert trace.facts[span_id].display == display
    for span_id, error in expected.get("error_details", {}).items():
        assert trace.facts[span_id].error_type in error["type"]
        assert trace.facts[span_id].error_message == error["message"]
    for span_id, requested in expected.get("requested_tools", {}).items():
        assert [asdict(tool) for tool in trace.texts(span_id).requested_tools] == requested
