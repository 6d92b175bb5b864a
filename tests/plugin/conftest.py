"""Says aloud when what needs the real Claude Code was not run."""

from pathlib import Path

import pytest

from tests.plugin.pages import ROOT
from tests.plugin.real_claude import VARIABLE, RealClaude, find_claude

MISSING = f"Claude Code was not found: put `claude` on the path, or its place in {VARIABLE}"


def installed(folder: Path, path: str = "") -> RealClaude:
    """Return Claude Code with the plugin installed from the repository's own marketplace."""
    program = find_claude()
    if program is None:
        pytest.skip(MISSING)
    claude = RealClaude(program, folder, path)
    claude.type("plugin", "marketplace", "add", str(ROOT))
    claude.type("plugin", "install", "flowtrace@flowtrace")
    return claude


@pytest.fixture(scope="session")
def claude(tmp_path_factory: pytest.TempPathFactory) -> RealClaude:
    return installed(tmp_path_factory.mktemp("claude"))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    skipped = terminalreporter.stats.get("skipped", [])
    count = sum(MISSING in str(report.longrepr) for report in skipped)
    if count:
        terminalreporter.section("not shown", yellow=True)
        terminalreporter.write_line(f"{count} tests of the plugin were skipped. {MISSING}")
