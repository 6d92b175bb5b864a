"""Whatever an editor writes on the pipe, the server lives, answers in JSON and stays small."""

import json
import os
import random
from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end.stdio_server import INITIALIZE, Server, Start
from tests.mutating import broken

pytestmark = [pytest.mark.slow, pytest.mark.timeout(60)]

BATCH = 25
FEW = 16  # batches
MANY = 2_000
GROWTH_LIMIT_MIB = 40


def frame(method: str, **params: Any) -> bytes:
    return json.dumps(
        {"jsonrpc": "2.0", "id": f"of {method}", "method": method, "params": params}
    ).encode()


def call(tool: str, **arguments: Any) -> bytes:
    return frame("tools/call", name=tool, arguments=arguments)


SEEDS = (
    frame("initialize", **INITIALIZE),
    frame("server/discover"),
    frame("tools/list"),
    frame("resources/list"),
    frame("resources/read", uri="flowtrace://stats/summary"),
    frame("prompts/get", name="summarize_session", arguments={"session": "last"}),
    frame("logging/setLevel", level="debug"),
    call(
        "remember", content="The ledger listens on 5433", kind="fact", tags=["db"], files=["a.py"]
    ),
    call("recall", query="ledger", limit=3, budget=400, since="2026-01-01T00:00:00Z"),
    call("forget", query="ledger", reason="wrong"),
    call("traces", view="list", since="2026-01-01", limit=5),
    call("status"),
    b'{"jsonrpc":"2.0","method":"notifications/initialized"}',
    b'{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":"of tools/list"}}',
    b'{"jsonrpc":"2.0","id":7,"result":{}}',
    b'[{"jsonrpc":"2.0","id":8,"method":"ping"}]',
)


def send_broken(server: Server, batches: int, chance: random.Random) -> None:
    """Write broken frames, and after each batch see that the server still answers."""
    pipe = server.process.stdin
    assert pipe is not None
    for _ in range(batches):
        for _ in range(BATCH):
            pipe.write(broken(chance.choice(SEEDS), chance, SEEDS, most=3) + b"\n")
        told = server.ask("ping")  # reads all that was answered until then, each line as JSON
        assert told.get("result") == {}


def rss_mib(server: Server) -> float:
    lines = Path(f"/proc/{server.process.pid}/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmRSS")).split()[1]) / 1024


def test_broken_frames_are_answered_and_the_session_goes_on(start: Start) -> None:
    server = start()
    kept = server.call("remember", content="Answered before it all")["structuredContent"]["id"]

    send_broken(server, FEW, random.Random(5))

    found = server.call("recall", query="answered before it all")["structuredContent"]
    assert kept in [memory["id"] for memory in found["memories"]]


@pytest.mark.soak
@pytest.mark.timeout(3600)
def test_very_many_broken_frames_do_not_make_the_server_grow(start: Start) -> None:
    """``FUZZ_FRAMES`` says how many."""
    rounds = max(4, int(os.environ.get("FUZZ_FRAMES", MANY * BATCH)) // BATCH)
    server, chance = start(), random.Random(6)
    send_broken(server, rounds // 4, chance)
    settled_mib = rss_mib(server)

    send_broken(server, rounds - rounds // 4, chance)

    assert rss_mib(server) <= settled_mib + GROWTH_LIMIT_MIB
