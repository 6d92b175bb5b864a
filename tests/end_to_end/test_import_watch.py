"""`flowtrace import <agent> --watch` as it is left running beside an agent."""

import json
import os
import signal
import subprocess
import sys
import threading

import pytest

from tests.waiting import wait_until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(60)]

# A shell ignores Ctrl-C for what it starts in the background.
ENTRY = (
    "import signal, sys; signal.signal(signal.SIGINT, signal.SIG_IGN);"
    " from flowtrace_mcp.__main__ import main; sys.exit(main())"
)


def line(session, kind, second, **message):
    """Return a line of a session file."""
    return json.dumps(
        {
            "type": kind,
            "sessionId": session,
            "promptId": f"{session}-prompt",
            "timestamp": f"2026-11-25T05:09:{second:02d}.000Z",
            "cwd": "/home/dev/shop",
            "message": {"role": kind, **message},
        }
    )


def prompt(session):
    return line(session, "user", 1, content="what is this?")


def answer(session):
    usage = {"input_tokens": 10, "output_tokens": 5}
    said = [{"type": "text", "text": "a test"}]
    return line(session, "assistant", 2, id=f"msg_{session}", model="m", content=said, usage=usage)


@pytest.fixture
def projects(tmp_path):
    folder = tmp_path / "claude" / "projects" / "shop"
    folder.mkdir(parents=True)
    return folder


@pytest.fixture
def watching(tmp_path, projects):
    """Start a watch; lend its process, and what it has told so far."""
    inherited = {name: text for name, text in os.environ.items() if "FLOWTRACE" not in name}
    environ = inherited | {
        "FLOWTRACE_HOME": str(tmp_path / "home"),
        "FLOWTRACE_EMBEDDER": "off",
        "CLAUDE_CONFIG_DIR": str(tmp_path / "claude"),
    }
    words = ["import", "claude-code", "--only", "traces", "--watch", "--json"]
    process = subprocess.Popen(
        [sys.executable, "-c", ENTRY, *words],
        env=environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    told = []

    def listen():
        for said in process.stdout:
            one = json.loads(said)
            told.append(one)

    listener = threading.Thread(target=listen)
    listener.start()
    yield process, told
    process.kill()
    process.wait(10)
    listener.join(10)
    process.stdout.close()
    process.stderr.close()


@pytest.mark.parametrize("asked", [signal.SIGINT, signal.SIGTERM])
def test_what_is_written_is_followed_until_it_is_asked_to_end(projects, watching, asked):
    process, told = watching
    wait_until(lambda: told, 30)  # it has looked once, and found nothing
    file = projects / "one.jsonl"

    file.write_text(prompt("one") + "\n" + answer("one")[:50], encoding="utf-8")
    wait_until(lambda: told[-1]["turns"] == 1, 30)
    with file.open("a", encoding="utf-8") as growing:
        growing.write(answer("one")[50:] + "\n")
    wait_until(lambda: told[-1]["model_calls"] == 1, 30)
    (projects / "two.jsonl").write_text(f"{prompt('two')}\n{answer('two')}\n", encoding="utf-8")
    wait_until(lambda: len(told) >= 4 and told[-1]["model_calls"] == 1, 30)
    process.send_signal(asked)

    assert process.wait(30) == 0
    assert process.stderr.read() == b""
    assert [one["refused"] for one in told] == [0, 0, 0, 0]
