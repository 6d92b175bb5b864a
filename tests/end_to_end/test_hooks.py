"""Hooks as agents run them: a process an event, with and without a server."""

import json
import os
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import apsw
import pytest

from flowtrace_mcp.services.loopback import ask, find_owner
from flowtrace_mcp.services.spool_state import SPOOL_FILE
from flowtrace_mcp.settings import load_settings
from tests.waiting import wait_until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(60)]

EVENTS = (Path(__file__).parents[1] / "data" / "hooks" / "claude-code.jsonl").read_bytes()
SESSION = "4a7f0f31-6688-4d58-943f-7ce1948924f8"
ENTRY = "import sys; from flowtrace_mcp.__main__ import main; sys.exit(main())"


@pytest.fixture
def environ(tmp_path):
    inherited = {name: text for name, text in os.environ.items() if "FLOWTRACE" not in name}
    return inherited | {
        "FLOWTRACE_HOME": str(tmp_path),
        "FLOWTRACE_EMBEDDER": "off",
        "FLOWTRACE_PORT": "0",
        "FLOWTRACE_OTLP_HTTP_PORT": "0",
        "FLOWTRACE_OTLP_GRPC_PORT": "0",
    }


@pytest.fixture
def tell(environ):
    """Run the hook for one event, and hold that it neither fails nor says anything."""

    def run(event):
        ended = subprocess.run(
            [sys.executable, "-c", ENTRY, "hook", "claude-code"],
            input=event,
            env=environ,
            capture_output=True,
            timeout=30,
            check=False,
        )
        assert (ended.returncode, ended.stdout, ended.stderr) == (0, b"", b"")

    return run


@pytest.fixture
def asked(environ):
    """Return the listener's answer to a GET, None when there is none."""

    def get(path):
        settings = load_settings(environ)
        owner = find_owner(settings)
        return None if owner is None else ask(settings, owner, "GET", path)

    return get


@contextmanager
def serving(environ, asked):
    command = [sys.executable, "-m", "flowtrace_mcp", "serve"]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL, env=environ) as process:
        try:
            wait_until(lambda: asked("/health"), limit_s=30)
            yield
        finally:
            process.kill()


def kept(asked):
    found = asked(f"/api/v1/logs?session={SESSION}")
    return [item["event"].rpartition(".")[2] for item in found["items"]] if found else []


def of_session():
    return [line for line in EVENTS.splitlines() if SESSION in line.decode()]


def names():
    return [json.loads(line)["hook_event_name"] for line in of_session()]


@pytest.mark.promise("hooks")
def test_a_session_told_to_a_server_is_a_trace(tell, environ, asked):
    with serving(environ, asked):
        for event in of_session():
            tell(event)

        wait_until(lambda: kept(asked) == names(), limit_s=20)
        told = asked(f"/api/v1/sessions/{SESSION}")

    assert told["totals"]["tool_calls"] == 1
    assert told["traces"][0]["prompt"] == "What is the weather in Paris?"


def test_a_session_told_to_nobody_is_a_trace_once_a_server_runs(tell, environ, asked, tmp_path):
    for event in of_session():
        tell(event)

    with serving(environ, asked):
        wait_until(lambda: kept(asked) == names(), limit_s=20)
        wait_until(lambda: not (tmp_path / SPOOL_FILE).exists(), limit_s=20)
        told = asked(f"/api/v1/sessions/{SESSION}")

    assert told["totals"]["tool_calls"] == 1


def test_an_event_told_while_the_database_is_busy_is_not_lost(tell, environ, asked, tmp_path):
    event = of_session()[0]
    with serving(environ, asked):
        holder = apsw.Connection(str(tmp_path / "flowtrace.db"))
        holder.execute("BEGIN IMMEDIATE")
        tell(event)
        assert (tmp_path / SPOOL_FILE).exists()
        holder.execute("ROLLBACK")
        holder.close()

        wait_until(lambda: kept(asked) == ["SessionStart"], limit_s=20)
        wait_until(lambda: not (tmp_path / SPOOL_FILE).exists(), limit_s=20)
        assert kept(asked) == ["SessionStart"]


def test_a_session_that_begins_before_its_server_knows_what_was_remembered(environ, tmp_path):
    def run(*words, told=b""):
        ended = subprocess.run(
            [sys.executable, "-m", "flowtrace_mcp", *words],
            input=told,
            env=environ | {"FLOWTRACE_PROJECT": "shop"},
            capture_output=True,
            timeout=30,
            check=True,
        )
        return ended.stdout

    begins = b'{"session_id": "s-2", "hook_event_name": "SessionStart", "cwd": "/home/dev/shop"}'
    told_of_nothing = run("hook", "claude-code", told=begins)
    assert not (tmp_path / "flowtrace.db").exists()
    run("remember", "Staging runs Postgres 16", "--kind", "decision")

    said = json.loads(run("hook", "claude-code", told=begins))["hookSpecificOutput"]
    again = run("hook", "claude-code", told=begins)

    assert (told_of_nothing, again) == (b"", b"")
    assert said["hookEventName"] == "SessionStart"
    assert "decision, " in said["additionalContext"]
    assert "Staging runs Postgres 16" in said["additionalContext"]


@pytest.mark.promise("budgets")
def test_an_agent_that_has_spent_a_hard_budget_is_refused_its_next_tool(environ, asked):
    """From the span that spends it to the words that Claude Code reads, nothing in between."""
    call = {
        "trace_id": f"{1:032x}",
        "span_id": f"{1:016x}",
        "name": "chat",
        "start_time": time.time_ns() // 1000,
        "attributes": {
            "gen_ai.operation.name": "chat",
            "gen_ai.provider.name": "anthropic",
            "gen_ai.request.model": "claude-opus-4-1",
            "gen_ai.usage.input_tokens": 1_000_000,
            "gen_ai.usage.output_tokens": 0,
        },
    }
    budget = {"name": "mine", "period": "daily", "amount": 10, "stops": True}
    event = {"hook_event_name": "PreToolUse", "session_id": "s", "tool_name": "Bash"}

    def hook():
        ended = subprocess.run(
            [sys.executable, "-c", ENTRY, "hook", "claude-code"],
            input=json.dumps(event).encode(),
            env=environ,
            capture_output=True,
            timeout=30,
            check=True,
        )
        return ended.stdout

    with serving(environ, asked):
        settings = load_settings(environ)
        owner = find_owner(settings)
        assert ask(settings, owner, "POST", "/api/v1/budget/alerts", budget)
        assert hook() == b""
        ask(settings, owner, "POST", "/api/v1/traces", {"spans": [call]})
        wait_until(lambda: asked("/api/v1/status")["budgets"], limit_s=20)
        answers = []
        wait_until(lambda: answers.append(hook()) or answers[-1], limit_s=20)

    told = json.loads(answers[-1])["hookSpecificOutput"]
    assert (told["hookEventName"], told["permissionDecision"]) == ("PreToolUse", "deny")
    assert "'mine' of today (10 USD) is spent" in told["permissionDecisionReason"]
