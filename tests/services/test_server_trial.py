import os
import sys
from pathlib import Path

import pytest

from flowtrace_mcp.services.server_trial import try_server

TALKER = """
import json, os, sys
for line in sys.stdin:
    asked = json.loads(line)
    if asked["method"] == "initialize":
        print("not JSON")
        print(json.dumps({"jsonrpc": "2.0", "id": asked["id"], "result": {}}), flush=True)
    if asked["method"] == "tools/list":
        tools = [{"name": "home " + str(os.path.isdir(os.environ["FLOWTRACE_HOME"]))},
                 {"name": "said " + os.environ.get("SAID", "")},
                 {"name": "database " + os.environ.get("FLOWTRACE_DB_PATH", "none")}]
        print(json.dumps({"jsonrpc": "2.0", "id": asked["id"], "result": {"tools": tools}}), flush=True)
"""
SAID = {"SAID": "hello", "FLOWTRACE_DB_PATH": "/data/flowtrace.db"}
SILENT = """
import subprocess, sys, time
subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])  # holds the same pipe
time.sleep(60)
"""


def run(code: str, **more: float):
    return try_server([sys.executable, "-c", code], {**os.environ, **SAID}, **more)


def test_a_server_that_lists_its_tools_is_reached() -> None:
    trial = run(TALKER)

    assert trial.problem == ""
    assert trial.tools == ("home True", "said hello", "database none")
    assert trial.seconds > 0


def test_one_that_keeps_silent_is_ended_with_all_it_started() -> None:
    trial = run(SILENT, limit_s=0.5)

    assert trial.problem == "no answer within 0 s"
    assert trial.tools == ()


def test_one_that_ends_tells_its_last_words() -> None:
    assert run("raise SystemExit('no such module')").problem == "no such module"
    assert run("").problem == "it ended without an answer"


def test_one_that_is_not_there_is_said_to_be(tmp_path: Path) -> None:
    assert "No such file" in try_server([str(tmp_path / "missing")], {}).problem


@pytest.mark.parametrize("tools", ["{}", '{"tools": [1]}', '{"tools": {"name": 1}}'])
def test_an_answer_of_another_shape_is_none(tools: str) -> None:
    code = f"""print('{{"id": 2, "result": {tools}}}')"""

    assert run(code).problem == "it ended without an answer"
