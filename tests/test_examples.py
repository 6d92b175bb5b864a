"""The examples of the documents, run against a real server."""

import json
import os
import subprocess
import sys
import sysconfig
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from flowtrace_mcp.settings import load_settings
from tests.waiting import wait_until

EXAMPLES = Path(__file__).parents[1] / "docs" / "examples"
ANSWER_LIMIT_S = 30
PROGRAMS = sysconfig.get_path("scripts")


def environment(home: Path, **more: str) -> dict[str, str]:
    """Return variables of a data folder of its own: any free ports, words alone."""
    kept = {name: value for name, value in os.environ.items() if "FLOWTRACE" not in name}
    return kept | {
        "PATH": f"{PROGRAMS}{os.pathsep}{os.environ['PATH']}",
        "FLOWTRACE_HOME": str(home),
        "FLOWTRACE_PORT": "0",
        "FLOWTRACE_OTLP_HTTP_PORT": "0",
        "FLOWTRACE_OTLP_GRPC_PORT": "0",
        "FLOWTRACE_EMBEDDER": "off",
        "HOME": str(home),
        **more,
    }


def run_example(name: str, variables: dict[str, str]) -> str:
    done = subprocess.run(
        [sys.executable, str(EXAMPLES / name)],
        env=variables,
        capture_output=True,
        text=True,
        timeout=ANSWER_LIMIT_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@contextmanager
def serving(home: Path) -> Iterator[dict[str, int]]:
    """Serve in the foreground and give the ports."""
    command = [sys.executable, "-m", "flowtrace_mcp", "serve"]
    log_path = home.with_suffix(".log")
    with (
        log_path.open("wb") as log,
        subprocess.Popen(command, env=environment(home), stdout=log, stderr=log) as server,
    ):
        try:
            wait_until(lambda: told_ports(home).get("otlp_http"), limit_s=ANSWER_LIMIT_S)
            yield told_ports(home)
        finally:
            server.terminate()
            server.wait(ANSWER_LIMIT_S)


def told_ports(home: Path) -> dict[str, int]:
    try:
        told = json.loads((home / "listener.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    ports: dict[str, int] = told["ports"]
    return ports


def ask(port: int, path: str, token: str = "") -> tuple[int, Any]:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=ANSWER_LIMIT_S) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as refused:
        with refused:
            return refused.code, json.load(refused)


@pytest.mark.slow
@pytest.mark.timeout(60)
@pytest.mark.promise("send-your-own-traces")
@pytest.mark.promise("token-to-read")
def test_spans_that_the_example_sends_are_read_back_with_the_token_alone(tmp_path: Path) -> None:
    home = tmp_path / "home"
    with serving(home) as ports:
        endpoint = f"http://127.0.0.1:{ports['otlp_http']}"
        said = run_example("send_spans.py", environment(home, OTEL_EXPORTER_OTLP_ENDPOINT=endpoint))
        path = f"/api/v1/traces/{said.split()[-1]}"
        token = (home / "token").read_text(encoding="ascii")
        refused, error = ask(ports["rest"], path)
        status, trace = ask(ports["rest"], path, token)

    assert (refused, error["code"]) == (401, "no_access")
    assert (status, trace["session"], trace["agent"]) == (200, "session-1", "planner")
    assert {span["name"] for span in trace["spans"]} == {
        "invoke_agent planner",
        "chat gpt-5",
        "execute_tool search",
    }
    assert (trace["totals"]["model_calls"], trace["totals"]["tool_calls"]) == (1, 1)


@pytest.mark.slow
@pytest.mark.timeout(60)
@pytest.mark.promise("remember-and-recall")
def test_what_the_example_remembers_it_recalls(tmp_path: Path) -> None:
    said = run_example("remember_and_recall.py", environment(tmp_path / "home"))

    assert "gotcha Staging listens on port 5433: 5432 is taken there" in said


def test_the_settings_file_of_the_documents_is_understood(tmp_path: Path) -> None:
    (tmp_path / "flowtrace.toml").write_bytes((EXAMPLES / "flowtrace.toml").read_bytes())

    settings = load_settings({"FLOWTRACE_HOME": str(tmp_path)})

    assert (settings.port, settings.otlp_http_port, settings.embedder) == (9700, 14318, "off")


def test_every_example_is_tested() -> None:
    text = Path(__file__).read_text(encoding="utf-8")

    assert [path.name for path in EXAMPLES.iterdir() if f'"{path.name}"' not in text] == []
