"""Whatever is sent, the receiver answers as documented, lives, stays small and can be read."""

import http.client
import json
import os
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

import grpc
import pytest
from google.rpc.status_pb2 import Status
from hypothesis import HealthCheck, Phase, given, seed, settings

from tests.ingest.conformance.receiver import JSON, SIGNALS
from tests.ingest.mutations import mutants
from tests.waiting import wait_until

HOST = "127.0.0.1"
# Every so many the same claims are made with new numbers: one long run would keep what it drew.
ROUND = 2500
FEW = 150
MANY = 200_000
PEAK_LIMIT_MIB = 250
GROWTH_LIMIT_MIB = 40
READ_LIMIT = 200
DOCUMENTED_CODES = (
    grpc.StatusCode.OK,
    grpc.StatusCode.INVALID_ARGUMENT,
    grpc.StatusCode.UNAVAILABLE,
)


class Process:
    """A server in a process of its own, and one connection to each of its doors."""

    def __init__(self, process, ports):
        self.process = process
        self._rest = http.client.HTTPConnection(HOST, ports["rest"], timeout=30)
        self._otlp = http.client.HTTPConnection(HOST, ports["otlp_http"], timeout=30)
        self._channel = grpc.insecure_channel(f"{HOST}:{ports['otlp_grpc']}")
        self._calls = {one.name: self._channel.unary_unary(one.method) for one in SIGNALS}

    def post(self, mutant):
        headers = {"content-type": mutant.content_type}
        if mutant.is_gzip:
            headers["content-encoding"] = "gzip"
        self._otlp.request("POST", mutant.signal.path, mutant.body, headers)
        answer = self._otlp.getresponse()
        return answer.status, answer.headers, answer.read()

    def call(self, mutant):
        return self._calls[mutant.signal.name](mutant.body, timeout=30)

    def get(self, path):
        self._rest.request("GET", path)
        answer = self._rest.getresponse()
        body = answer.read()
        assert answer.status == 200, (path, body)
        return json.loads(body)

    def memory_mib(self, name):
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        line = next(line for line in status.splitlines() if line.startswith(name))
        return int(line.split()[1]) / 1024

    def close(self):
        self._channel.close()
        self._otlp.close()
        self._rest.close()


@contextmanager
def serving(home):
    kept = {name: text for name, text in os.environ.items() if not name.startswith("FLOWTRACE_")}
    environ = kept | {
        "FLOWTRACE_HOME": str(home),
        "FLOWTRACE_EMBEDDER": "off",
        "FLOWTRACE_REQUIRE_AUTH": "false",
        "FLOWTRACE_PORT": "0",
        "FLOWTRACE_OTLP_HTTP_PORT": "0",
        "FLOWTRACE_OTLP_GRPC_PORT": "0",
        "FLOWTRACE_SPAN_DURABILITY": "normal",
    }
    told = home / "listener.json"

    def ports():
        found = json.loads(told.read_text())["ports"] if told.exists() else {}
        return found if all(found.values()) else {}

    with subprocess.Popen([sys.executable, "-m", "flowtrace_mcp", "serve"], env=environ) as process:
        try:
            wait_until(ports, 30)
            server = Process(process, ports())
            yield server
            server.close()
        finally:
            process.terminate()


def assert_documented_over_http(server, mutant):
    status, headers, body = server.post(mutant)
    assert status in (200, 400, 503), (status, body)
    assert headers["content-type"] == mutant.content_type
    if status == 503:
        assert headers["retry-after"]
    elif mutant.content_type == JSON:
        told = json.loads(body)
        assert bool(told.get("message")) == (status == 400)
    else:
        shape = mutant.signal.response if status == 200 else Status
        told = shape.FromString(body)
        assert status == 200 or told.message


def assert_documented_over_grpc(server, mutant):
    code = grpc.StatusCode.OK
    try:
        mutant.signal.response.FromString(server.call(mutant))
    except grpc.RpcError as error:
        code = error.code()
    assert code in DOCUMENTED_CODES


def send(server, count, number):
    """Send so many mutants by either door."""

    @seed(number)
    @settings(
        max_examples=count,
        database=None,
        deadline=None,
        derandomize=False,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(mutants())
    def run(mutant):
        assert_documented_over_http(server, mutant)
        if mutant.content_type != JSON:
            assert_documented_over_grpc(server, mutant)

    run()
    assert server.process.poll() is None


def assert_all_can_be_read(server):
    """Read back what was taken: nothing that was accepted may be unreadable."""
    for path in ("/api/v1/logs", "/api/v1/metrics/points", "/api/v1/sessions"):
        cursor = ""
        for _ in range(READ_LIMIT):
            page = server.get(f"{path}?limit=500&cursor={quote(cursor)}")
            cursor = page["next"] or ""
            if not cursor:
                break
    listed = server.get(f"/api/v1/traces?limit={READ_LIMIT}")["items"]
    for trace in listed:
        server.get(f"/api/v1/traces/{trace['trace_id']}")
        server.get(f"/api/v1/traces/{trace['trace_id']}/tree")
    assert listed


@pytest.mark.slow
@pytest.mark.timeout(60)
def test_mutated_bodies_are_answered_as_documented_and_what_is_kept_can_be_read(tmp_path):
    with serving(tmp_path) as server:
        send(server, FEW, 1)
        assert_all_can_be_read(server)
        assert server.memory_mib("VmHWM") <= PEAK_LIMIT_MIB


@pytest.mark.soak
@pytest.mark.timeout(3600)
def test_very_many_mutated_bodies_do_not_make_the_receiver_grow(tmp_path):
    """``FUZZ_BODIES`` says how many."""
    rounds = max(2, int(os.environ.get("FUZZ_BODIES", MANY)) // ROUND)
    with serving(tmp_path) as server:
        for number in range(rounds):
            send(server, ROUND, number)
            if number == rounds // 4:
                settled_mib = server.memory_mib("VmRSS")
        assert_all_can_be_read(server)
        assert server.memory_mib("VmHWM") <= PEAK_LIMIT_MIB
        assert server.memory_mib("VmRSS") <= settled_mib + GROWTH_LIMIT_MIB
