"""Forwarding between two programs, one of which is killed in the middle of it."""

import json
import os
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from flowtrace_mcp.ingest.pipeline import Pipeline
from flowtrace_mcp.model.telemetry import PayloadEncoding
from flowtrace_mcp.storage.store import Store
from tests.ingest.otlp_bodies import START_NS, logs, traces
from tests.waiting import wait_until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(60)]

TRACES = 40
SPANS = 60  # of each


def environment(home: Path, **more: str) -> dict[str, str]:
    kept = {name: text for name, text in os.environ.items() if not name.startswith("FLOWTRACE_")}
    return kept | {
        "FLOWTRACE_HOME": str(home),
        "FLOWTRACE_EMBEDDER": "off",
        "FLOWTRACE_PORT": "0",
        "FLOWTRACE_OTLP_HTTP_PORT": "0",
        "FLOWTRACE_OTLP_GRPC_PORT": "0",
        **more,
    }


class Listener:
    """`flowtrace serve` over a folder; always on the port that it had first."""

    def __init__(self, home: Path, **more: str) -> None:
        self.home = home
        self.more = more
        self.process: subprocess.Popen[bytes] | None = None
        self.port = 0

    def start(self) -> None:
        (self.home / "listener.json").unlink(missing_ok=True)
        ports = {"FLOWTRACE_OTLP_HTTP_PORT": str(self.port)}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "flowtrace_mcp", "serve"],
            env=environment(self.home, **ports, **self.more),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        wait_until(lambda: self.told().get("otlp_http"), 30)
        self.port = self.told()["otlp_http"]

    def told(self) -> dict[str, int]:
        try:
            return dict(json.loads((self.home / "listener.json").read_text())["ports"])
        except (OSError, ValueError, KeyError):
            return {}

    def kill(self) -> None:
        if self.process is not None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait(10)
            self.process = None


@pytest.fixture
def other(tmp_path: Path) -> Iterator[Listener]:
    (tmp_path / "other").mkdir()
    listener = Listener(tmp_path / "other")
    listener.start()
    yield listener
    listener.kill()


def fill(home: Path) -> None:
    home.mkdir()
    store = Store(home / "flowtrace.db", lambda: START_NS // 1000)
    pipeline = Pipeline(store, lambda: START_NS // 1000)
    for number in range(TRACES):
        request = traces(SPANS, trace_id=(number + 1).to_bytes(16, "big"))
        pipeline.traces(request.SerializeToString(), PayloadEncoding.PROTOBUF)
    pipeline.logs(logs(500).SerializeToString(), PayloadEncoding.PROTOBUF)
    store.close()


def counts(home: Path) -> tuple[int, int, int]:
    store = Store(home / "flowtrace.db", lambda: 0)
    facts = store.facts()
    store.close()
    return facts.trace_count, facts.span_count, facts.log_count


def forward(home: Path, url: str, *more: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-m", "flowtrace_mcp", "forward", url, "--json", *more],
        env=environment(home),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_an_endpoint_killed_in_the_middle_gets_everything_once(
    tmp_path: Path, other: Listener
) -> None:
    fill(tmp_path / "ours")
    url = f"http://127.0.0.1:{other.port}"
    sending = forward(tmp_path / "ours", url, "--patience", "50")
    wait_until(lambda: counts(other.home)[1] > 0, 30)
    other.kill()
    other.start()
    said, _ = sending.communicate(timeout=50)

    assert json.loads(said)["rejected"] == 0
    assert counts(other.home) == (TRACES, TRACES * SPANS, 500)
    again, _ = forward(tmp_path / "ours", url).communicate(timeout=30)
    assert json.loads(again)["sent"] == 0
    assert counts(other.home) == (TRACES, TRACES * SPANS, 500)


def test_a_killed_forwarder_goes_on_where_it_was(tmp_path: Path, other: Listener) -> None:
    fill(tmp_path / "ours")
    url = f"http://127.0.0.1:{other.port}"
    sending = forward(tmp_path / "ours", url)
    wait_until(lambda: counts(other.home)[1] > 0, 30)
    sending.kill()
    sending.communicate(timeout=10)
    store = Store(tmp_path / "ours" / "flowtrace.db", lambda: 2**52)
    assert store.take_lease(f"forward {url}", "the test", -(2**52))  # as when its lease has run out
    store.close()
    again = forward(tmp_path / "ours", url)
    again.communicate(timeout=50)

    assert again.returncode == 0
    assert counts(other.home) == (TRACES, TRACES * SPANS, 500)


def test_who_listens_forwards_by_itself(tmp_path: Path, other: Listener) -> None:
    (tmp_path / "ours").mkdir()
    url = f"http://127.0.0.1:{other.port}"
    ours = Listener(tmp_path / "ours", FLOWTRACE_FORWARD_ENDPOINT=url)
    ours.start()
    try:
        body = traces(5).SerializeToString()
        request = urllib.request.Request(
            f"http://127.0.0.1:{ours.port}/v1/traces",
            body,
            {"Content-Type": "application/x-protobuf"},
        )
        urllib.request.urlopen(request, timeout=10).close()
        wait_until(lambda: counts(other.home)[1] == 5, 30)
    finally:
        ours.kill()


def test_an_unreachable_endpoint_is_told_as_one(tmp_path: Path) -> None:
    fill(tmp_path / "ours")
    url = "http://127.0.0.1:9"
    sending = forward(tmp_path / "ours", url, "--patience", "0")
    said, _ = sending.communicate(timeout=30)

    told = json.loads(said)
    assert sending.returncode == 6
    assert url in told["error"]
    assert "goes on where it stopped" in told["mend"]
