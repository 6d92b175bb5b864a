"""A command line to type on: its own data folder, its own working folder, no ports taken."""

import json
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from flowtrace_mcp.app import Application
from flowtrace_mcp.cli import parser


@dataclass(frozen=True, slots=True)
class Typed:
    """What one command left behind."""

    code: int
    out: str
    err: str

    @property
    def body(self) -> dict[str, Any]:
        found = json.loads(self.out)
        assert isinstance(found, dict)
        return found


Type = Callable[..., Typed]


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    return {
        "FLOWTRACE_HOME": str(tmp_path / "home"),
        "FLOWTRACE_EMBEDDER": "off",
        "FLOWTRACE_PORT": "0",
        "FLOWTRACE_OTLP_HTTP_PORT": "0",
        "FLOWTRACE_OTLP_GRPC_PORT": "0",
        "HOME": str(tmp_path),
    }


@pytest.fixture
def typed(
    environ: dict[str, str],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> Type:
    """Return a function that types a command in a repository and gives back what came."""
    repository = tmp_path / "shop"
    subprocess.run(["git", "init", "--quiet", str(repository)], check=True)
    monkeypatch.chdir(repository)

    def type_command(*words: str) -> Typed:
        code = parser.main(words, Application, environ=environ)
        said = capsys.readouterr()
        return Typed(code, said.out, said.err)

    return type_command
