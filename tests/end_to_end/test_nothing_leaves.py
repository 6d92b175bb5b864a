"""Nothing leaves by itself: a whole life of the program connects to this machine alone."""

import ast
import ipaddress
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "flowtrace_mcp"
# Who may open a connection, and on whose word.
MAY_CONNECT = {
    "cli/hook_sender.py": "a hook's event, to the listener on this machine",
    "cli/listeners.py": "the listener on this machine, for `status` and `doctor`",
    "cli/port_holders.py": "whether a port of this machine is taken",
    "ingest/otlp_sending.py": "`flowtrace forward`, or FLOWTRACE_FORWARD_ENDPOINT",
    "services/loopback.py": "the process of ours that has the model, on this machine",
    "services/budget_watch.py": "a budget's webhook, on this machine",
    "services/prices.py": "`flowtrace prices update --from URL`",
    "cli/demo_spans.py": "`flowtrace demo`, to its own listener on this machine",
    "rest/http_server.py": "nothing: it listens",
    "rest/socket_diag.py": "the kernel, who holds a socket",
    "rest/listener.py": "whether a port of this machine answers as ours",
    "rest/ports.py": "whether a port of this machine is free",
}
CONNECTING = {"urllib.request", "http.client", "httpx", "requests", "socket", "aiohttp", "smtplib"}
LIFE = """
import json, os, sys
seen = []
def note(event, arguments):
    if event == "socket.connect":
        seen.append(arguments[1])
    elif event == "socket.getaddrinfo":
        seen.append((arguments[0],))
sys.addaudithook(note)
from flowtrace_mcp.app import Application
from flowtrace_mcp.services.backups import BackupRequest, create_backup
from flowtrace_mcp.services.context import Caller
from flowtrace_mcp.services.privacy_report import privacy_report
from flowtrace_mcp.services.recall import RecallRequest, recall
from flowtrace_mcp.services.remember import RememberRequest, remember
from flowtrace_mcp.services.status import status
from flowtrace_mcp.model.project import ProjectIdentity
program = Application(os.environ)
program.warm_up()
assert program.wait_until_warm(20)
context = program.context()
caller = Caller(project=ProjectIdentity(identity="name:shop", name="shop"))
context.meaning.load()
assert context.meaning.wait(30)
remember(context, RememberRequest(content="Staging runs on alpha"), caller)
assert recall(context, RecallRequest(query="where does staging run"), caller).memories
status(context, program.listener_facts())
create_backup(context, BackupRequest(name="b"))
privacy_report(context)
program.close()
print(json.dumps([str(one[0]) if isinstance(one, tuple) else str(one) for one in seen]))
"""


def connecting_modules() -> set[str]:
    """Return the files of the package that import what opens connections."""
    found = set()
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_bytes())):
            names = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.module:
                names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
            if CONNECTING.intersection(names):
                found.add(path.relative_to(PACKAGE).as_posix())
    return found


def test_only_the_files_named_here_can_open_a_connection() -> None:
    assert connecting_modules() - set(MAY_CONNECT) == set()


@pytest.mark.slow
@pytest.mark.timeout(60)
@pytest.mark.promise("no-network")
def test_a_whole_life_connects_to_this_machine_alone(tmp_path: Path) -> None:
    environ = {
        **os.environ,
        "FLOWTRACE_HOME": str(tmp_path),
        "FLOWTRACE_PORT": "0",
        "FLOWTRACE_OTLP_HTTP_PORT": "0",
        "FLOWTRACE_OTLP_GRPC_PORT": "0",
    }

    done = subprocess.run(
        [sys.executable, "-c", LIFE],
        env=environ,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout.splitlines()[-1])
    assert [host for host in seen if not is_here(host)] == []


def is_here(host: str) -> bool:
    if host in {"localhost", "None", ""} or host.startswith("/"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
