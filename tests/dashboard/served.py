"""A real server for a browser to look at, and what is sent to it."""

import http.client
import json
import os
import subprocess
import sys
import time
from pathlib import Path

from tests.waiting import wait_until

HOST = "127.0.0.1"
OTLP = Path(__file__).parents[1] / "data" / "otlp"
READY_LIMIT_S = 30.0
PROJECT = "shop"
BIG_SPANS = 2000
NAMES = 25
BIG_TRACE = "b" * 32
HOSTILE_TRACE = "e" * 32
# Markup, a link that runs, an escape sequence, a turned line, and a word without an end.
HOSTILE = (
    '<img src=x onerror="window.hacked=1"><script>window.hacked=1</script>'
    "[click](javascript:window.hacked=1) \x1b[31mred\x1b[0m \u202egnihsif\u202c " + "A" * 400
)


class Served:
    """`flowtrace serve` in a process of its own, with a data folder of its own."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.ports: dict[str, int] = {}
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start, on the ports of before if there were any, and wait until it answers."""
        told = self.home / "listener.json"
        told.unlink(missing_ok=True)
        environ = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
        environ |= {name: os.environ[name] for name in os.environ if name.startswith("COV")}
        environ |= {
            "PYTHONPATH": str(Path(__file__).parents[2]),
            "FLOWTRACE_HOME": str(self.home),
            "FLOWTRACE_EMBEDDER": "off",
            "FLOWTRACE_PORT": str(self.ports.get("rest", 0)),
            "FLOWTRACE_OTLP_HTTP_PORT": str(self.ports.get("otlp_http", 0)),
            "FLOWTRACE_OTLP_GRPC_PORT": "0",
        }
        with (self.home / "server.log").open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "flowtrace_mcp", "serve"], env=environ, stderr=log
            )

        def is_ready() -> bool:
            try:
                self.ports = json.loads(told.read_text())["ports"]
                return bool(self.ports["otlp_http"]) and self.ask("GET", "/health")[0] == 200
            except (OSError, ValueError, KeyError):
                return False

        wait_until(is_ready, READY_LIMIT_S)

    def stop(self) -> None:
        """End it, and wait for that."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(10)

    @property
    def token(self) -> str:
        return (self.home / "token").read_text().strip()

    @property
    def origin(self) -> str:
        return f"http://{HOST}:{self.ports['rest']}"

    def link(self, path: str = "/dashboard/", token: str | None = None) -> str:
        return f"{self.origin}{path}#token={self.token if token is None else token}"

    def ask(self, method: str, path: str, body: object = None) -> tuple[int, dict[str, object]]:
        headers = {"Content-Type": "application/json"}
        if (self.home / "token").exists():
            headers["Authorization"] = f"Bearer {self.token}"
        connection = http.client.HTTPConnection(HOST, self.ports["rest"], timeout=20)
        try:
            connection.request(method, path, None if body is None else json.dumps(body), headers)
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read() or b"{}")
        finally:
            connection.close()

    def export(self, signal: str, body: bytes, media_type: str) -> None:
        connection = http.client.HTTPConnection(HOST, self.ports["otlp_http"], timeout=20)
        connection.request("POST", f"/v1/{signal}", body, {"Content-Type": media_type})
        assert connection.getresponse().status == 200
        connection.close()

    def send(self, *spans: dict[str, object]) -> None:
        """Store spans in the plain shape of POST /api/v1/traces."""
        for start in range(0, len(spans), 1000):
            status, body = self.ask(
                "POST", "/api/v1/traces", {"spans": spans[start : start + 1000]}
            )
            assert (status, body["rejected"]) == (201, 0), body


def now_us() -> int:
    return time.time_ns() // 1000


def span(trace_id: str, number: int, **more: object) -> dict[str, object]:
    """Return a span of a trace; numbers give ids, and times a moment after one another."""
    start = now_us() - 60_000_000 + number * 1000
    return {
        "trace_id": trace_id,
        "span_id": f"{number:016x}",
        "name": f"step {number}",
        "start_time": start,
        "end_time": start + 900,
        **more,
    }


def fill(served: Served) -> None:
    """Send recorded exports, a large trace, a hostile one, and memories."""
    for path in sorted(OTLP.glob("*.pb")):
        signal = next(name for name in ("traces", "logs", "metrics") if f".{name}" in path.name)
        served.export(signal, path.read_bytes(), "application/x-protobuf")
    served.send(*large_trace())
    served.send(*hostile_trace())
    for memory in memories():
        assert served.ask("POST", "/api/v1/memories", memory)[0] == 200


def large_trace() -> list[dict[str, object]]:
    start = now_us() - 30_000_000
    call = {"gen_ai.operation.name": "chat", "gen_ai.request.model": "gpt-4.1-mini"}
    call |= {"gen_ai.usage.input_tokens": "1200", "gen_ai.usage.output_tokens": "80"}
    tool = {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "Read"}
    tool |= {"gen_ai.tool.call.arguments": '{"path": "orders/total.py"}'}
    spans = []
    for number in range(1, BIG_SPANS + 1):
        attributes = {"session.id": "long-session", "gen_ai.agent.name": "builder"}
        attributes |= call if number % 3 else tool
        spans.append(
            span(
                BIG_TRACE,
                number,
                name=f"step {number % NAMES}",
                start_time=start + number * 5000,
                end_time=start + number * 5000 + (20_000_000 if number == 1 else 40_000),
                attributes=attributes,
                **({"parent_span_id": f"{number // 8 + 1:016x}"} if number > 1 else {}),
                **({"status": "error"} if number == 700 else {}),
            )
        )
    return spans


def hostile_trace() -> list[dict[str, object]]:
    messages = [{"role": HOSTILE, "content": HOSTILE}, {"role": "user", "content": "A" * 30_000}]
    attributes = {
        "session.id": f"s-{HOSTILE[:80]}",
        "gen_ai.agent.name": HOSTILE,
        "gen_ai.operation.name": "chat",
        "gen_ai.request.model": HOSTILE,
        "gen_ai.input.messages": json.dumps(messages),
        HOSTILE: HOSTILE,
    }
    return [span(HOSTILE_TRACE, 900_001, name=HOSTILE, attributes=attributes, status="error")]


def memories() -> list[dict[str, object]]:
    texts = [
        ("Staging runs Postgres 16 with logical replication", "fact", "staging-db"),
        ("We chose SQLite over Postgres for the order cache: one file", "decision", "order-cache"),
        ("The user wants **small** commits with the reason in the body", "preference", ""),
        (HOSTILE, "note", "hostile"),
    ]
    return [
        {"content": text, "kind": kind, "topic": topic, "project": PROJECT, "tags": ["demo"]}
        for text, kind, topic in texts
    ]
