"""Run the test suite under coverage, and fail when a test or a coverage limit fails.

Arguments are handed to pytest. Processes that tests start (`python -m flowtrace_mcp`) are measured
too: see `patch` in the coverage settings of pyproject.toml.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
COVERAGE = (sys.executable, "-m", "coverage")
SELECTED = "not soak and not torch"
# A file's tests stay together: they share servers, browsers and other costly beginnings.
SIDE_BY_SIDE = ("-n", "2", "--dist", "loadfile")
WHOLLY_COVERED = "flowtrace_mcp/model/*,flowtrace_mcp/analytics/*"


def main(pytest_arguments: list[str]) -> int:
    # A folder of its own: two runs in one checkout do not mix.
    with tempfile.TemporaryDirectory() as folder:
        data_file = f"--data-file={folder}/coverage"
        tests_code, closing_line = run_pytest(data_file, pytest_arguments)
        codes = {
            "tests": tests_code,
            "combining coverage": coverage("combine", "--quiet", data_file),
            "coverage of all": coverage("report", data_file),
            "coverage of model and analytics": coverage(
                "report", data_file, f"--include={WHOLLY_COVERED}", "--fail-under=100"
            ),
        }
    failed = [name for name, code in codes.items() if code]
    print(f"\nFailed: {', '.join(failed)}." if failed else "\nAll passed.")
    print(closing_line)
    return 1 if failed else 0


def run_pytest(data_file: str, arguments: list[str]) -> tuple[int, str]:
    """Return pytest's exit code and the last line that it printed."""
    command = [*COVERAGE, "run", data_file, "-m", "pytest", *SIDE_BY_SIDE, "-m", SELECTED]
    closing_line = "pytest printed nothing"
    with subprocess.Popen(
        [*command, *arguments],
        cwd=ROOT,
        env=os.environ | {"PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            print(line, end="", flush=True)
            closing_line = line.strip() or closing_line
    return process.returncode, closing_line


def coverage(*arguments: str) -> int:
    return subprocess.run([*COVERAGE, *arguments], cwd=ROOT, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
