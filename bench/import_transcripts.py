"""How quickly a session file of 100 MB becomes traces, and what memory that takes.

The file is made of turns as Claude Code writes them: a prompt, messages of the model in several
lines each, tools with their results. It is read by `flowtrace import` as a process, then again
whole with nothing new in it, then with one more turn.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from lab import data_folder, environment, report

FILE_BYTES = 100_000_000
SESSION = "6f2c6d0e-0d1b-4c55-9a53-5a3c0f6a7e10"
START_S = 1_795_000_000
CALLS_A_TURN = 8
RESULT = "tests/orders/test_totals.py::test_a_total_is_rounded_once PASSED\n" * 40
MEMORY_LIMIT_MIB = 250
LINES_LIMIT = 5_000  # lines a second, at least


def turn(number: int) -> Iterator[dict[str, object]]:
    """Yield the lines of a turn."""
    prompt = f"{number:08d}-7c1e-4c7b-9c11-1f5f4b7f0a01"
    yield line(number, 0, "user", prompt, {"role": "user", "content": f"make test {number} pass"})
    for call in range(CALLS_A_TURN):
        blocks: list[dict[str, object]] = [
            {"type": "text", "text": f"I look at part {call} of what fails." * 4},
            {
                "type": "tool_use",
                "id": f"toolu_{number:012d}{call:012d}",
                "name": "Bash",
                "input": {"command": f"pytest -q tests/orders -k part_{call}"},
            },
        ]
        for block in blocks:
            yield line(number, 2 * call + 1, "assistant", prompt, message(number, call, block))
        result = {
            "type": "tool_result",
            "tool_use_id": f"toolu_{number:012d}{call:012d}",
            "content": f"{number} {call}\n{RESULT}",
        }
        yield line(number, 2 * call + 2, "user", prompt, {"role": "user", "content": [result]})


def message(number: int, call: int, block: dict[str, object]) -> dict[str, object]:
    """Return a message of the model with one of its blocks, and the usage of the whole."""
    return {
        "id": f"msg_{number:012d}{call:012d}",
        "role": "assistant",
        "model": "claude-sonnet-4-5",
        "content": [block],
        "usage": {
            "input_tokens": 12,
            "cache_read_input_tokens": 40_000 + call,
            "cache_creation_input_tokens": 800,
            "output_tokens": 150,
        },
    }


def line(number: int, step: int, kind: str, prompt: str, said: object) -> dict[str, object]:
    """Return a line with what every line says."""
    at_s = START_S + number * 60 + step
    moment = time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime(at_s))
    return {
        "type": kind,
        "promptId": prompt,
        "uuid": f"{number:08d}-{step:04d}-4c7b-9c11-1f5f4b7f0a01",
        "timestamp": moment,
        "sessionId": SESSION,
        "cwd": "/home/dev/shop",
        "version": "2.1.330",
        "isSidechain": False,
        "message": said,
    }


def write_turns(path: Path, first: int, until_bytes: int) -> tuple[int, int]:
    """Append turns until the file has a size; return how many lines, and the next turn's number."""
    lines, number = 0, first
    with path.open("ab") as file:
        while file.tell() < until_bytes:
            told = [json.dumps(each).encode() + b"\n" for each in turn(number)]
            file.writelines(told)
            lines, number = lines + len(told), number + 1
    return lines, number


def run(path: Path, home: Path) -> dict[str, float]:
    """Import a file; return seconds of wall and of processor, and the most memory in MiB."""
    script = Path(sys.executable).with_name("flowtrace")
    began_s = time.perf_counter()
    process = subprocess.Popen(
        [str(script), "import", "claude-code", str(path), *sys.argv[1:]],
        env=environment(home) | {"HOME": str(home)},
        stdout=subprocess.DEVNULL,
    )
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0
    return {
        "wall_s": round(time.perf_counter() - began_s, 2),
        "cpu_s": round(used.ru_utime + used.ru_stime, 2),
        "memory_mib": round(used.ru_maxrss / 1024, 1),
    }


def main() -> int:
    with data_folder() as folder:
        path = folder / f"{SESSION}.jsonl"
        lines, number = write_turns(path, 0, FILE_BYTES)
        whole = run(path, folder)
        again = run(path, folder)
        write_turns(path, number, path.stat().st_size + 1)
        grown = run(path, folder)
        database_mb = round((folder / "flowtrace.db").stat().st_size / 1e6, 1)
    lines_a_second = round(lines / whole["wall_s"])
    return report(
        "a session file of 100 MB becomes traces",
        {
            "lines": lines,
            "turns": number,
            "lines_a_second": lines_a_second,
            "whole": whole,
            "nothing_new": again,
            "one_turn_more": grown,
            "database_mb": database_mb,
        },
        speed=lines_a_second >= LINES_LIMIT,
        memory=whole["memory_mib"] <= MEMORY_LIMIT_MIB,
        resumed=grown["cpu_s"] <= whole["cpu_s"] / 2,
    )


if __name__ == "__main__":
    sys.exit(main())
