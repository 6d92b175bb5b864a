"""Spans as senders without an SDK post them."""

from tests.rest.conftest import START_US


def span(number=1, trace=1, **more):
    """Return a span; the same number gives the same id."""
    return {
        "trace_id": f"{trace:032x}",
        "span_id": f"{number:016x}",
        "name": f"step {number}",
        "start_time": START_US + number,
        "end_time": START_US + number + 1000,
        **more,
    }


def post(client, *spans):
    """Post spans and return the answer's body."""
    answer = client.post("/api/v1/traces", json={"spans": list(spans)})
    assert answer.status_code == 201, answer.text
    return answer.json()
