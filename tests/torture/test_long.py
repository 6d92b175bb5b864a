"""The long forms of the torture: every moment, every call, two hundred kills."""

import os
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from tests.torture.disks import FAILURES
from tests.torture.io_errors import count_calls, inject
from tests.torture.power_cuts import cut, record
from tests.torture.storms import storm
from tests.torture.workload import Heard, faults
from tests.waiting import wait_until

ROOT = Path(__file__).parents[2]
KILLS = 200
PROCESSES = 16
LISTENERS = 100

pytestmark = pytest.mark.soak


@pytest.mark.parametrize("seed", range(5))
def test_a_power_cut_at_every_moment_loses_nothing(seed: int) -> None:
    recorded = record(40, durable=True)

    found = cut(recorded, list(range(1, len(recorded.changes) + 1)), seed)

    assert (found.corrupt, found.lost) == ([], [])
    assert found.points > 2000


@pytest.mark.parametrize("how", list(FAILURES))
def test_a_failure_of_every_call_is_reported_and_loses_nothing(how: str) -> None:
    turns = 12
    calls = len(count_calls(turns))

    found = inject(turns, list(range(1, calls + 1)), how)

    assert found.wrong == []
    assert found.points == calls


def test_two_hundred_kills_lose_and_double_nothing(tmp_path: Path) -> None:
    path = tmp_path / "flowtrace.db"
    with storm(path, PROCESSES, seed=4) as blowing:
        while blowing.kills < KILLS:
            blowing.kill_one(after_lines=60)
            if blowing.kills % 20 == 0:
                assert faults(path, Heard(kept=blowing.answered())) == []
        blowing.end()

    assert faults(path, Heard(kept=blowing.answered())) == []


def test_the_listener_killed_a_hundred_times_is_taken_over_each_time(tmp_path: Path) -> None:
    environ = {
        **os.environ,
        "FLOWTRACE_HOME": str(tmp_path),
        "FLOWTRACE_EMBEDDER": "off",
        "FLOWTRACE_OTLP_HTTP_PORT": "0",
        "FLOWTRACE_OTLP_GRPC_PORT": "0",
        "FLOWTRACE_PORT": str(free_port()),
    }
    address = f"http://127.0.0.1:{environ['FLOWTRACE_PORT']}/health"

    def start() -> "subprocess.Popen[bytes]":
        command = [sys.executable, "-m", "flowtrace_mcp", "serve"]
        return subprocess.Popen(command, env=environ, cwd=ROOT, stderr=subprocess.DEVNULL)

    owner = start()
    wait_until(lambda: is_served(address), 30)
    heir = start()
    try:
        for _ in range(LISTENERS):
            owner.send_signal(signal.SIGKILL)
            owner.wait(10)
            wait_until(lambda: is_served(address), 30)
            owner, heir = heir, start()
    finally:
        for process in (owner, heir):
            process.kill()
            process.wait(10)


def is_served(address: str) -> bool:
    try:
        with urllib.request.urlopen(address, timeout=5) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def free_port() -> int:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])
