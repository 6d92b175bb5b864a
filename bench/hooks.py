"""What an agent waits for at every tool call: the whole process of `flowtrace hook`.

Runs alternate with `python -c pass`, so that a noisy minute hits both; the medians are compared.
Then the same with no server, where the event goes into the spool.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

from lab import data_folder, elapsed_ms, environment, report, serving, spread

RUNS = 60
RATIO_LIMIT = 3.0
ANSWER_LIMIT_MS = 50
SPOOL = "hooks.spool"


def event(number: int) -> bytes:
    """Return an event as Claude Code sends it after a tool has run."""
    return json.dumps(
        {
            "session_id": "bench-session",
            "transcript_path": "/home/dev/.claude/projects/shop/bench-session.jsonl",
            "cwd": "/home/dev/shop",
            "prompt_id": f"prompt-{number // 20}",
            "permission_mode": "default",
            "hook_event_name": "PostToolUse",
            "tool_name": "Bash",
            "tool_input": {"command": "pytest -q tests/orders", "description": "Run the tests"},
            "tool_response": {"stdout": "42 passed\n" * 100, "stderr": "", "interrupted": False},
            "tool_use_id": f"toolu_{number:08d}",
            "duration_ms": 1234,
        }
    ).encode()


def measure(environ: Mapping[str, str]) -> tuple[list[float], list[float]]:
    """Return the milliseconds of the hook's process and of an empty one, run by turns."""
    script = Path(sys.executable).with_name("flowtrace")
    command = [str(script), "hook", "claude-code"]
    ours, empty = [], []
    for number in range(RUNS):
        empty.append(elapsed_ms(lambda: run([sys.executable, "-c", "pass"], b"", environ)))
        told = event(number)
        ours.append(elapsed_ms(lambda told=told: run(command, told, environ)))
    return ours, empty


def run(command: list[str], told: bytes, environ: Mapping[str, str]) -> None:
    subprocess.run(command, input=told, env=environ, check=True, capture_output=True)


def spooled(folder: Path) -> int:
    path = folder / SPOOL
    return len(path.read_bytes().split(b"\n1 ")) - 1 if path.exists() else 0


def main() -> int:
    with data_folder() as folder:
        environ = {"PATH": os.environ["PATH"], "HOME": str(folder)} | environment(folder)
        away, empty_away = measure(environ)
        left_alone = spooled(folder)
        with serving(folder) as one:
            one.ports()
            until_s = time.monotonic() + 30
            while spooled(folder) and time.monotonic() < until_s:
                time.sleep(0.1)
            ours, empty = measure(environ)
        late = spooled(folder)
    up = spread(ours)["p50"] / spread(empty)["p50"]
    down = spread(away)["p50"] / spread(empty_away)["p50"]
    figures = {
        "server_up": {"hook_ms": spread(ours), "empty_ms": spread(empty), "ratio": round(up, 2)},
        "no_server": {
            "hook_ms": spread(away),
            "empty_ms": spread(empty_away),
            "ratio": round(down, 2),
        },
        "spooled_without_server": left_alone,
        "spooled_beside_a_server": late,
    }
    over_ms = spread(ours)["p50"] - spread(empty)["p50"]
    return report(
        "a hook's process, in multiples of an empty one",
        figures,
        ratio=up <= RATIO_LIMIT,
        ratio_without_server=down <= RATIO_LIMIT,
        answer=over_ms <= ANSWER_LIMIT_MS,
        nothing_lost=left_alone == RUNS,
    )


if __name__ == "__main__":
    sys.exit(main())
