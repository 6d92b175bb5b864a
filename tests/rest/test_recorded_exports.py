"""Recorded exports read over REST say what tests/data/otlp/expect.json promises."""

import json
from functools import cache
from pathlib import Path

import pytest

from flowtrace_mcp.ingest.messages import from_json
from flowtrace_mcp.model.telemetry import PayloadEncoding

DATA = Path(__file__).parents[1] / "data" / "otlp"
CHAT = {"chat", "generate_content", "text_completion"}


@cache
def expected():
    return json.loads((DATA / "expect.json").read_text(encoding="utf-8"))


def groups():
    return pytest.mark.parametrize("group", sorted(expected()))


@pytest.fixture
def send(pipeline):
    """Send all exports of a group, logs and metrics too."""

    def send_group(group):
        for name in expected()[group]["trace_files"]:
            is_json = name.endswith(".json")
            encoding = PayloadEncoding.JSON if is_json else PayloadEncoding.PROTOBUF
            pipeline.traces((DATA / name).read_bytes(), encoding)
        for signal, take in (("logs", pipeline.logs), ("metrics", pipeline.metrics)):
            for path in sorted(DATA.glob(f"{group}.{signal}*.pb")):
                take(path.read_bytes(), PayloadEncoding.PROTOBUF)

    return send_group


@pytest.fixture
def bodies(client, send):
    """Return trace id -> answer of a group that was sent twice, as exporters do."""

    def read(group):
        send(group)
        send(group)
        return {
            trace_id: client.get(f"/api/v1/traces/{trace_id}").json()
            for trace_id in expected()[group]["per_trace"]
        }

    return read


def fits(value, wanted):
    if wanted is None:
        return value is None
    if any(from_json(value) == from_json(one) for one in wanted["any"]):
        return True
    return "contains" in wanted and wanted["contains"] in json.dumps(value)


def about(cost_usd):
    """Prices change by the day: two hundredths are no mistake."""
    return None if cost_usd is None else pytest.approx(cost_usd, rel=0.02)


def counts(span):
    known = any(count is not None for count in span["tokens"].values())
    return known and not span["aggregate"] and not span["duplicate_of"]


@groups()
def test_spans_have_their_parents_names_times_and_status(bodies, group):
    for trace_id, body in bodies(group).items():
        wanted = expected()[group]["per_trace"][trace_id]
        spans = {one["span_id"]: one for one in body["spans"]}
        assert len(spans) == len(body["spans"]) == wanted["spans"] == body["totals"]["spans"]
        for span_id, parent, names, start_us, duration_us, status, events, _ in wanted["tree"]:
            span = spans[span_id]
            assert (span["parent_span_id"] or "") == (parent or "")
            assert span["name"] in names
            assert abs(span["start_us"] - start_us) <= 1
            assert abs(span["duration_us"] - duration_us) <= 1
            assert (span["status"], span["events"]) == (status, events)


@groups()
def test_sums_count_every_call_once(bodies, group):
    for trace_id, body in bodies(group).items():
        wanted = expected()[group]["per_trace"][trace_id]["totals"]
        for name in ("spans", "errors", "model_calls", "tool_calls", "tokens"):
            assert body["totals"][name] == wanted[name], (trace_id, name)
        assert body["totals"]["cost_usd"] == about(wanted["cost_usd"]), trace_id


@groups()
def test_every_model_call_has_its_model_and_tokens(bodies, group):
    for trace_id, body in bodies(group).items():
        spans = {one["span_id"]: one for one in body["spans"]}
        for call in expected()[group]["per_trace"][trace_id]["model_calls"]:
            told = [spans[i] for i in call["span_ids"] if counts(spans[i]) or call["error"]]
            assert len(told) == 1, (trace_id, call)
            span = told[0]
            assert span["model"] in call["models"]
            assert span["tokens"] == call["tokens"]
            assert span["cost_usd"] == about(call["cost_usd"])
            if call["kind"] == "chat":
                assert span["operation"] in CHAT


@groups()
def test_every_tool_shows_its_arguments_and_result(bodies, group):
    for trace_id, body in bodies(group).items():
        tools = {one["span_id"]: one["tool"] for one in body["spans"]}
        for wanted in expected()[group]["per_trace"][trace_id]["tools"]:
            tool = tools[wanted["span_id"]]
            assert tool["name"] in wanted["name"]
            assert tool["call_id"] in (wanted["call_id"] or [None])
            arguments = wanted.get("joined_args", wanted["args"])
            assert fits(tool["arguments"], arguments)
            assert fits(tool["result"], wanted["result"])


@groups()
def test_sessions_gather_their_traces(client, bodies, group):
    for trace_id, body in bodies(group).items():
        wanted = expected()[group]["per_trace"][trace_id]
        if any(wanted["session"] or ()):
            assert body["session"] in wanted["session"]
            session = client.get(f"/api/v1/sessions/{body['session']}").json()
            assert trace_id in {one["trace_id"] for one in session["traces"]}
