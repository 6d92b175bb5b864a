"""Run every script of this folder, one at a time, and say which bars were missed."""

import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
SHARED = {
    "coding_facts",
    "coding_lives",
    "dialogues",
    "lab",
    "posting",
    "ranking_fit",
    "retrieval_lab",
    "run_all",
    "sending",
    "span_bodies",
    "stored",
}
LIMIT_S = 900


def main() -> int:
    missed = []
    for script in sorted(HERE.glob("*.py")):
        if script.stem in SHARED:
            continue
        print(f"# {script.name}", file=sys.stderr, flush=True)
        done = subprocess.run([sys.executable, script.name], cwd=HERE, check=False, timeout=LIMIT_S)
        if done.returncode:
            missed.append(script.name)
    print(f"# missed: {', '.join(missed)}" if missed else "# every bar is met", file=sys.stderr)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
