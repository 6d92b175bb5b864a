import threading
from concurrent.futures import ThreadPoolExecutor

import apsw
import pytest

from flowtrace_mcp.errors import InputError
from flowtrace_mcp.ingest.pipeline import Pipeline
from flowtrace_mcp.model.telemetry import PayloadEncoding
from tests.ingest.otlp_bodies import logs, now_us, traces

BROKEN = b"\xff"


def test_a_caller_that_waits_for_the_disk_lets_others_decode(store, tmp_path):
    has_begun = threading.Event()

    def clock():
        has_begun.set()
        return now_us()

    pipeline = Pipeline(store, clock)
    pipeline.traces(traces().SerializeToString(), PayloadEncoding.PROTOBUF)
    other_process = apsw.Connection(str(tmp_path / "flowtrace.db"))
    other_process.execute("BEGIN IMMEDIATE")
    with ThreadPoolExecutor(1) as callers:
        waiting = callers.submit(
            pipeline.logs, logs().SerializeToString(), PayloadEncoding.PROTOBUF
        )
        assert has_begun.wait(5)

        with pytest.raises(InputError):
            pipeline.traces(BROKEN, PayloadEncoding.PROTOBUF)

        assert not waiting.done()
        other_process.execute("ROLLBACK")
        assert waiting.result(5).accepted_count == 1
    other_process.close()


def test_a_body_that_cannot_be_read_ends_its_own_turn_alone(pipeline):
    with pytest.raises(InputError):
        pipeline.traces(BROKEN, PayloadEncoding.PROTOBUF)

    outcome = pipeline.traces(traces().SerializeToString(), PayloadEncoding.PROTOBUF)

    assert outcome.accepted_count == 1


def test_a_request_larger_than_a_job_is_stored_whole(pipeline, store):
    outcome = pipeline.traces(traces(1100).SerializeToString(), PayloadEncoding.PROTOBUF)

    assert outcome.accepted_count == store.facts().span_count == 1100
