"""Log records over REST."""

import json

import pytest

from flowtrace_mcp.model.telemetry import PayloadEncoding
from tests.rest.conftest import START_US

TRACE_ID = "0102030405060708090a0b0c0d0e0f10"


def record(number, **more):
    return {
        "timeUnixNano": str((START_US + number) * 1000),
        "body": {"stringValue": f"line {number}"},
        **more,
    }


@pytest.fixture
def send(pipeline):
    def send_records(*records):
        request = {
            "resourceLogs": [
                {
                    "resource": {
                        "attributes": [{"key": "service.name", "value": {"stringValue": "shop"}}]
                    },
                    "scopeLogs": [{"logRecords": list(records)}],
                }
            ]
        }
        pipeline.logs(json.dumps(request).encode(), PayloadEncoding.JSON)

    return send_records


def test_a_record_is_answered_in_the_promised_shape(client, send):
    session = {"key": "session.id", "value": {"stringValue": "s-1"}}
    send(record(1, traceId=TRACE_ID, spanId="01" * 8, eventName="done", attributes=[session]))
    (item,) = client.get("/api/v1/logs").json()["items"]
    assert item == {
        "time_us": START_US + 1,
        "trace_id": TRACE_ID,
        "span_id": "01" * 8,
        "session": "s-1",
        "service": "shop",
        "event": "done",
        "body": "line 1",
        "attributes": {"session.id": "s-1"},
    }


def test_what_a_record_does_not_say_is_null(client, send):
    send(record(1))
    (item,) = client.get("/api/v1/logs").json()["items"]
    assert [item[key] for key in ("trace_id", "span_id", "session", "event")] == [None] * 4


def test_records_are_found_by_trace_and_by_session(client, send):
    session = {"key": "session.id", "value": {"stringValue": "s-1"}}
    send(record(1, traceId=TRACE_ID), record(2, attributes=[session]), record(3))

    def bodies(**query):
        return [one["body"] for one in client.get("/api/v1/logs", params=query).json()["items"]]

    assert bodies(trace_id=TRACE_ID) == bodies(trace_id=f"0x{TRACE_ID}") == ["line 1"]
    assert bodies(session="s-1") == bodies(session_id="s-1") == ["line 2"]
    assert bodies() == ["line 1", "line 2", "line 3"]
    assert bodies(session="other") == []


def test_traces_that_share_half_an_id_are_told_apart(client, send):
    twin = "ff" * 8 + TRACE_ID[16:]
    send(record(1, traceId=TRACE_ID), record(2, traceId=twin))
    items = client.get("/api/v1/logs", params={"trace_id": twin}).json()["items"]
    assert [one["body"] for one in items] == ["line 2"]


def test_records_sent_again_are_not_doubled(client, send):
    send(record(1))
    send(record(1))
    assert len(client.get("/api/v1/logs").json()["items"]) == 1


@pytest.mark.parametrize("limit", [1, 2, 3, 5, 7])
def test_paging_visits_every_record_once_oldest_first(send, items_of, limit):
    times = [number // 3 for number in range(10)]
    send(*(record(time, eventName=str(number)) for number, time in enumerate(times)))
    found = items_of("/api/v1/logs", limit=limit)
    assert sorted(int(one["event"]) for one in found) == list(range(10))
    assert [one["time_us"] - START_US for one in found] == times


def test_paging_ends_at_the_end_of_the_window(send, items_of):
    send(*(record(number) for number in range(10)))
    query = {"since": START_US + 2, "until": START_US + 6, "limit": 3}
    found = items_of("/api/v1/logs", **query)
    assert [one["time_us"] - START_US for one in found] == [2, 3, 4, 5]
