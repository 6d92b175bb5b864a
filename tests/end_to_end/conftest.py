"""Servers as an editor starts them, each on a folder of its own."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.end_to_end.stdio_server import INITIALIZE, Server, Start


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    return {name: text for name, text in os.environ.items() if "FLOWTRACE" not in name} | {
        "FLOWTRACE_HOME": str(tmp_path),
        "FLOWTRACE_EMBEDDER": "off",
        "FLOWTRACE_PROJECT": "shop",
        "FLOWTRACE_PORT": "0",
        "FLOWTRACE_OTLP_HTTP_PORT": "0",
        "FLOWTRACE_OTLP_GRPC_PORT": "0",
    }


@pytest.fixture
def start(environ: dict[str, str]) -> Iterator[Start]:
    started = []

    def begin() -> Server:
        process = subprocess.Popen(
            [sys.executable, "-m", "flowtrace_mcp"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environ,
        )
        started.append(process)
        server = Server(process)
        server.ask("initialize", **INITIALIZE)
        return server

    yield begin
    for process in started:
        process.kill()
        process.wait(10)
        for stream in (process.stdin, process.stdout):
            assert stream is not None
            stream.close()
