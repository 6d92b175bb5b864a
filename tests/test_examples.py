"""The examples of the documents and what the README shows, with a real server."""

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

from flowtrace_mcp.errors import SettingsError
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


def ask(port: int, path: str, token: str = "", **more: str) -> tuple[int, Any]:
    headers = more | ({"Authorization": f"Bearer {token}"} if token else {})
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
@pytest.mark.promise("foreign-pages")
def test_a_foreign_name_or_page_is_refused_though_it_has_the_token(tmp_path: Path) -> None:
    home = tmp_path / "home"
    with serving(home) as ports:
        token = (home / "token").read_text(encoding="ascii")
        own, _ = ask(ports["rest"], "/api/v1/sessions", token)
        name, _ = ask(ports["rest"], "/api/v1/sessions", token, Host="flowtrace.example")
        page, _ = ask(ports["rest"], "/api/v1/sessions", token, Origin="https://page.example")

    assert (own, name, page) == (200, 403, 403)


@pytest.mark.slow
@pytest.mark.timeout(60)
@pytest.mark.promise("remember-and-recall")
def test_what_the_example_remembers_it_recalls(tmp_path: Path) -> None:
    said = run_example("remember_and_recall.py", environment(tmp_path / "home"))

    assert "gotcha Staging listens on port 5433: 5432 is taken there" in said


@pytest.mark.slow
@pytest.mark.timeout(60)
@pytest.mark.promise("demo")
def test_the_demo_recalls_across_a_restart_and_shows_the_trace_that_was_sent(
    tmp_path: Path,
) -> None:
    home = tmp_path / "untouched"
    done = subprocess.run(
        [sys.executable, "-m", "flowtrace_mcp", "--json", "demo"],
        env=environment(home, FLOWTRACE_EMBEDDER="minilm"),
        capture_output=True,
        text=True,
        timeout=ANSWER_LIMIT_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    told = [(step["step"], step["result"]) for step in json.loads(done.stdout)["steps"]]

    assert [step for step, _ in told].count("start") == 2
    assert any(step == "recall" and "discounts were rounded" in said for step, said in told)
    assert any(step == "traces" and "invoke_agent" in said for step, said in told)
    assert not (home / "flowtrace.db").exists(), "the demo has a folder of its own"


def test_the_settings_file_of_the_documents_is_understood(tmp_path: Path) -> None:
    (tmp_path / "flowtrace.toml").write_bytes((EXAMPLES / "flowtrace.toml").read_bytes())

    settings = load_settings({"FLOWTRACE_HOME": str(tmp_path)})

    assert (settings.port, settings.otlp_http_port, settings.embedder) == (9700, 14318, "off")


@pytest.mark.promise("loopback-only")
@pytest.mark.parametrize("mode", ["true", "false"])
def test_an_address_off_this_machine_needs_the_token_on_every_route(
    tmp_path: Path, mode: str
) -> None:
    asked = {"FLOWTRACE_HOME": str(tmp_path), "FLOWTRACE_HOST": "192.0.2.1"}

    with pytest.raises(SettingsError, match="on every route"):
        load_settings(asked | {"FLOWTRACE_REQUIRE_AUTH": mode})
    assert load_settings(asked | {"FLOWTRACE_REQUIRE_AUTH": "strict"}).host == "192.0.2.1"


def test_every_example_is_tested() -> None:
    text = Path(__file__).read_text(encoding="utf-8")

    assert [path.name for path in EXAMPLES.iterdir() if f'"{path.name}"' not in text] == []
