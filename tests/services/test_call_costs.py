"""What a trace's calls cost: from spans, from log events, from prices, each once."""

import json

import pytest

from flowtrace_mcp.ingest.pipeline import Pipeline
from flowtrace_mcp.ingest.price_book import PriceBook
from flowtrace_mcp.ingest.price_files import CUSTOM_NAME, PriceFile, write_file
from flowtrace_mcp.model.price import Price, Rates
from flowtrace_mcp.model.telemetry import PayloadEncoding
from flowtrace_mcp.services import settle_costs
from flowtrace_mcp.services.context import Context
from flowtrace_mcp.services.list_traces import TraceFilter, list_traces
from flowtrace_mcp.services.listing import Window
from flowtrace_mcp.services.settle_costs import recompute_costs, settle_waiting
from flowtrace_mcp.services.trace_bodies import session_body, trace_body
from flowtrace_mcp.services.trace_reading import read_session, read_trace
from flowtrace_mcp.services.traces import TracesRequest, traces
from tests.services.conftest import START_US

TRACE_ID = "0102030405060708090a0b0c0d0e0f10"
SONNET_USD = 0.0007542  # of the four counts below


def pairs(attributes):
    return [{"key": key, "value": {"stringValue": str(value)}} for key, value in attributes.items()]


def span(number=1, parent=0, name="chat", scope="", **attributes):
    said = {"gen_ai.conversation.id": "s-1"} | attributes
    found = {
        "traceId": TRACE_ID,
        "spanId": f"{number:016x}",
        "name": name,
        "startTimeUnixNano": str((START_US + number) * 1000),
        "endTimeUnixNano": str((START_US + number * 1_000_000) * 1000),
        "attributes": pairs({key.replace("__", "."): value for key, value in said.items()}),
    }
    return found | ({"parentSpanId": f"{parent:016x}"} if parent else {})


def llm_request(number=1, **more):
    attributes = {
        "span__type": "llm_request",
        "gen_ai__provider__name": "anthropic",
        "model": "claude-sonnet-4-5",
        "input_tokens": 120,
        "output_tokens": 17,
        "cache_read_tokens": 64,
        "cache_creation_tokens": 32,
    }
    return span(number, 9, "claude_code.llm_request", **attributes | more)


def api_request(number=1, cost_usd=SONNET_USD, **more):
    """The event that Claude Code writes under the interaction as a call ends."""
    attributes = {
        "event.name": "api_request",
        "model": "claude-sonnet-4-5",
        "input_tokens": 120,
        "output_tokens": 17,
        "cache_read_tokens": 64,
        "cache_creation_tokens": 32,
        "cost_usd": cost_usd,
    }
    return {
        "timeUnixNano": str((START_US + number * 1_000_000 - 700) * 1000),
        "traceId": TRACE_ID,
        "spanId": f"{9:016x}",
        "body": {"stringValue": "claude_code.api_request"},
        "attributes": pairs(attributes | more),
    }


@pytest.fixture
def pipeline(context, clock):
    return Pipeline(context.store, clock, context.prices, context.unsettled)


@pytest.fixture
def context(make_context, tmp_path):
    made = make_context()
    return Context(
        settings=made.settings,
        store=made.store,
        meaning=made.meaning,
        now_us=made.now_us,
        random_bytes=made.random_bytes,
        prices=PriceBook(tmp_path),
    )


@pytest.fixture
def send(pipeline):
    def send_spans(*spans):
        request = {"resourceSpans": [{"scopeSpans": [{"spans": list(spans)}]}]}
        pipeline.traces(json.dumps(request).encode(), PayloadEncoding.JSON)

    return send_spans


@pytest.fixture
def tell(pipeline):
    def send_events(*records):
        request = {"resourceLogs": [{"scopeLogs": [{"logRecords": list(records)}]}]}
        pipeline.logs(json.dumps(request).encode(), PayloadEncoding.JSON)

    return send_events


@pytest.fixture
def read(context):
    """Return the trace's body and its spans by number."""

    def read_body():
        body = trace_body(read_trace(context, bytes.fromhex(TRACE_ID)), "")
        return body, {int(one["span_id"], 16): one for one in body["spans"]}

    return read_body


@pytest.fixture
def listed(context):
    """Return the trace's sums as lists show them."""

    def read_row():
        wanted = TraceFilter(window=Window())
        (row,) = list_traces(context, wanted, None, 10).items
        return row.totals

    return read_row


@pytest.mark.parametrize("events_first", [True, False])
def test_a_cost_event_is_joined_to_its_call_and_counted_once(
    context, send, tell, read, events_first
):
    events = api_request(1, 0.01), api_request(2, 0.02)
    spans = span(9, name="interaction", span__type="interaction"), llm_request(1), llm_request(2)
    if events_first:
        tell(*events)
    send(*spans)
    tell(*events)
    send(*spans)
    body, found = read()
    assert [found[number]["cost_usd"] for number in (1, 2, 9)] == [0.01, 0.02, None]
    assert [found[number].get("cost_from") for number in (1, 2, 9)] == ["event", "event", None]
    assert body["totals"]["cost_usd"] == pytest.approx(0.03)
    session = session_body(read_session(context, "s-1"), "")
    assert session["totals"]["cost_usd"] == pytest.approx(0.03)
    assert session["unpriced_calls"] == 0


def test_without_an_event_a_call_costs_what_its_tokens_cost(send, read, listed):
    send(llm_request())
    body, found = read()
    assert found[1]["cost_usd"] == body["totals"]["cost_usd"] == SONNET_USD
    assert found[1]["cost_from"] == "prices"
    assert listed().cost_usd == SONNET_USD


def test_the_figure_that_a_span_carries_wins(send, tell, read, listed):
    send(llm_request(gen_ai__cost__total_cost=SONNET_USD * 1.01))
    tell(api_request(cost_usd=5))
    _, found = read()
    assert found[1]["cost_usd"] == listed().cost_usd == pytest.approx(SONNET_USD * 1.01)
    assert found[1]["cost_from"] == "source"
    assert "cost_note" not in found[1]


def test_figures_that_are_more_than_two_hundredths_apart_are_noted(context, caller, send, read):
    send(llm_request(gen_ai__cost__total_cost=SONNET_USD * 1.03))
    _, found = read()
    assert found[1]["cost_usd"] == pytest.approx(SONNET_USD * 1.03)
    assert "0.0007542" in found[1]["cost_note"]
    answer = traces(context, TracesRequest(trace_id=TRACE_ID), caller)
    assert any("0.0007542" in str(row.get("usd_note")) for row in answer.rows)


def test_what_is_kept_for_an_hour_is_no_disagreement(send, tell, read):
    send(llm_request())
    tell(api_request(cost_usd=SONNET_USD + 32 * 2.25e-6, cache_creation_1h_tokens=32))
    assert "cost_note" not in read()[1][1]


def test_an_unknown_price_is_null_and_told_and_not_free(context, caller, send, read, listed):
    send(llm_request(1, model="boom-1"), llm_request(2))
    body, found = read()
    assert found[1]["cost_usd"] is None
    assert "boom-1" in found[1]["cost_note"]
    assert (body["totals"]["cost_usd"], body["unpriced_calls"]) == (SONNET_USD, 1)
    assert listed().cost_usd == SONNET_USD
    answer = traces(context, TracesRequest(trace_id=TRACE_ID), caller)
    assert answer.rows[0]["unpriced"] == 1


def test_a_call_that_is_free_says_so_and_one_of_unknown_cost_does_not(context, caller, send):
    send(span(9, name="run"))
    send(llm_request(1, gen_ai__cost__total_cost=0), llm_request(2, model="boom-1"))

    rows = traces(context, TracesRequest(trace_id=TRACE_ID), caller).rows

    assert [row.get("usd", "unknown") for row in rows] == [0, "unknown", 0, "unknown"]


def test_an_agent_is_shown_costs_without_the_noise_of_adding_floats(context, caller, send):
    send(*(llm_request(number, gen_ai__cost__total_cost=0.1) for number in (1, 2, 3)))

    assert traces(context, TracesRequest(trace_id=TRACE_ID), caller).rows[0]["usd"] == 0.3


def test_a_failed_call_without_tokens_costs_nothing_that_is_known(send, read):
    send(span(gen_ai__operation__name="chat", gen_ai__request__model="gpt-4o"))
    body, found = read()
    assert found[1]["cost_usd"] is None
    assert "cost_note" not in found[1]
    assert body["unpriced_calls"] == 0


def test_a_call_without_a_model_has_the_price_of_the_span_above(send, read):
    send(
        span(9, name="turn", model="gpt-4o", gen_ai__operation__name="invoke_agent"),
        span(
            1,
            9,
            gen_ai__operation__name="chat",
            gen_ai__usage__input_tokens=1_000_000,
            gen_ai__usage__output_tokens=0,
        ),
    )
    assert read()[1][1]["cost_usd"] == 2.5


def test_a_call_that_is_told_twice_costs_once(send, read):
    outer = llm_request(2) | {"parentSpanId": ""}
    send(outer, llm_request(1) | {"parentSpanId": outer["spanId"]})
    body, found = read()
    assert found[2]["aggregate"]
    assert found[2]["cost_usd"] is None
    assert body["totals"]["cost_usd"] == SONNET_USD


def test_a_cost_stays_what_it_was_when_prices_change(send, read, tmp_path):
    send(llm_request())
    own = {"claude-sonnet-4-5": Price(standard=(Rates(input=0, output=0),))}
    write_file(tmp_path / CUSTOM_NAME, PriceFile(models=own))
    assert read()[1][1]["cost_usd"] == SONNET_USD
    send(llm_request(3))
    assert read()[1][3]["cost_usd"] == 0


def test_counts_that_only_the_event_tells_are_counted_and_paid(send, tell, read):
    send(
        span(
            1,
            name="llm_call",
            gen_ai__operation__name="llm_call",
            gen_ai__provider__name="gcp.gemini",
            gen_ai__request__model="gemini-2.5-pro",
            gen_ai__usage__input_tokens=1000,
            gen_ai__usage__output_tokens=100,
        )
    )
    record = api_request(cost_usd="")
    record["attributes"] = pairs(
        {
            "event.name": "gemini_cli.api_response",
            "model": "gemini-2.5-pro",
            "input_token_count": 1000,
            "output_token_count": 100,
            "cached_content_token_count": 400,
            "thoughts_token_count": 50,
        }
    )
    tell(record)
    body, found = read()
    assert body["totals"]["tokens"] == {
        "input": 600,
        "cache_read": 400,
        "cache_write": None,
        "output": 150,
        "reasoning": 50,
    }
    assert found[1]["cost_usd"] == pytest.approx((600 * 1.25 + 400 * 0.125 + 150 * 10) / 1e6)


@pytest.mark.parametrize("events_first", [True, False])
def test_lists_show_the_cost_that_an_event_tells(context, send, tell, read, listed, events_first):
    sends = [lambda: send(llm_request()), lambda: tell(api_request(cost_usd=0.5))]
    for step in reversed(sends) if events_first else sends:
        step()
        settle_waiting(context)
    assert listed().cost_usd == read()[0]["totals"]["cost_usd"] == 0.5
    assert settle_waiting(context) == 0


def test_calls_that_had_no_price_have_one_when_costs_are_reckoned_again(
    context, send, read, listed, tmp_path
):
    send(llm_request(1, model="boom-1"), llm_request(2))
    own = {"boom-1": Price(standard=(Rates(input=1, output=1),))}
    own["claude-sonnet-4-5"] = Price(standard=(Rates(input=2, output=2),))
    write_file(tmp_path / CUSTOM_NAME, PriceFile(models=own))
    boom_usd = (120 + 64 + 32 + 17) / 1e6
    done = recompute_costs(context, 0)
    assert (done.trace_count, done.call_count) == (1, 1)
    assert listed().cost_usd == pytest.approx(boom_usd + SONNET_USD)
    assert recompute_costs(context, 0, at_new_prices=True).call_count == 1
    assert listed().cost_usd == pytest.approx(3 * boom_usd)
    assert read()[0]["totals"]["cost_usd"] == pytest.approx(3 * boom_usd)


def test_the_senders_figure_outlives_new_prices(context, send, listed, tmp_path):
    send(llm_request(gen_ai__cost__total_cost=0.25))
    own = {"claude-sonnet-4-5": Price(standard=(Rates(input=0, output=0),))}
    write_file(tmp_path / CUSTOM_NAME, PriceFile(models=own))
    assert recompute_costs(context, 0, at_new_prices=True).call_count == 0
    assert listed().cost_usd == 0.25


def test_only_traces_since_a_time_are_reckoned_again(context, send):
    send(llm_request())
    assert recompute_costs(context, START_US + 10).trace_count == 0
    assert recompute_costs(context, START_US).trace_count == 1


def test_more_traces_than_a_page_are_all_gone_through(context, send, monkeypatch):
    monkeypatch.setattr(settle_costs, "PAGE_TRACES", 2)
    for number in range(5):
        send(llm_request() | {"traceId": f"{number + 1:032x}"})
    assert recompute_costs(context, 0).trace_count == 5


def test_lists_count_a_call_once_that_two_instrumentations_tell(context, pipeline, read, listed):
    scopes = [
        {"scope": {"name": name}, "spans": [llm_request(number)]}
        for number, name in ((1, "one"), (2, "two"))
    ]
    for scope in scopes:
        scope["spans"][0]["endTimeUnixNano"] = str((START_US + 1_000_000) * 1000)
        request = {"resourceSpans": [{"scopeSpans": [scope]}]}
        pipeline.traces(json.dumps(request).encode(), PayloadEncoding.JSON)
    assert settle_waiting(context) == 1
    totals = read()[0]["totals"]
    shown = listed()
    assert shown.cost_usd == totals["cost_usd"] == pytest.approx(SONNET_USD)
    assert shown.model_calls == totals["model_calls"] == 1
    assert shown.tokens.output == totals["tokens"]["output"] == 17
    assert settle_waiting(context) == 0


def test_lists_count_the_inner_of_two_calls(context, send, listed):
    send(llm_request(2) | {"parentSpanId": ""})
    send(llm_request(1) | {"parentSpanId": f"{2:016x}"})
    settle_waiting(context)
    assert (listed().model_calls, listed().cost_usd) == (1, pytest.approx(SONNET_USD))


def test_a_run_ends_in_time_and_the_rest_waits(context, send, clock, monkeypatch):
    for number in range(3):
        trace_id = f"{number + 1:032x}"
        send(
            llm_request(2) | {"traceId": trace_id, "parentSpanId": ""},
            llm_request(1) | {"traceId": trace_id, "parentSpanId": f"{2:016x}"},
        )
    monkeypatch.setattr(settle_costs, "RUN_LIMIT_US", 1)
    assert settle_waiting(context) == 0  # the clock goes on by one with every look
    monkeypatch.setattr(settle_costs, "RUN_LIMIT_US", 2)
    assert settle_waiting(context) == 1
    monkeypatch.setattr(settle_costs, "RUN_LIMIT_US", 50_000)
    assert settle_waiting(context) == 2
