"""Many processes that write to one file and are killed at random, and what they were answered."""

import os
import random
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[2]
WRITER = Path(__file__).with_name("storming.py")
ENDED_LIMIT_S = 20


class Writer:
    """One process that writes; what it printed was answered."""

    def __init__(self, path: Path, number: int) -> None:
        self.lines: list[str] = []
        self._process = subprocess.Popen(
            [sys.executable, str(WRITER), str(path), str(number)],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
            text=True,
        )
        self._heard = threading.Condition()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def wait_for(self, count: int, limit_s: float = 30.0) -> None:
        """Wait until so many lines were heard."""
        with self._heard:
            assert self._heard.wait_for(lambda: len(self.lines) >= count, limit_s), self.lines[-3:]

    def kill(self) -> None:
        """End it at once, wherever it is."""
        self._process.send_signal(signal.SIGKILL)
        self._process.wait(ENDED_LIMIT_S)
        self._reader.join(ENDED_LIMIT_S)

    def _read(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as out:
            for line in out:
                if line.endswith("\n"):  # one that the kill cut short was not heard
                    with self._heard:
                        self.lines.append(line.rstrip("\n"))
                        self._heard.notify_all()


class Storm:
    """Writers on one file, one of them killed and replaced at a time."""

    def __init__(self, path: Path, seed: int) -> None:
        self._path = path
        self._chance = random.Random(seed)
        self._next = 1
        self.writers: list[Writer] = []
        self.kills = 0
        self._gone: list[str] = []

    def grow(self, count: int) -> None:
        """Start more writers."""
        for _ in range(count):
            self.writers.append(Writer(self._path, self._next))
            self._next += 1

    def kill_one(self, after_lines: int) -> None:
        """Kill a writer once it has been heard to write, and start another."""
        victim = self._chance.choice(self.writers)
        victim.wait_for(1 + self._chance.randint(0, after_lines))
        self._end(victim)
        self.grow(1)

    def answered(self) -> set[str]:
        """Return all that any writer was answered until now."""
        lines = [line for writer in self.writers for line in list(writer.lines)]
        return {*self._gone, *lines} - {"ready"}

    def end(self) -> None:
        """Kill all that are left."""
        for writer in list(self.writers):
            self._end(writer)

    def _end(self, writer: Writer) -> None:
        writer.kill()
        self.kills += 1
        self.writers.remove(writer)
        self._gone += writer.lines


@contextmanager
def storm(path: Path, count: int, seed: int) -> Iterator[Storm]:
    """Let so many processes write to a file."""
    blowing = Storm(path, seed)
    try:
        blowing.grow(count)
        yield blowing
    finally:
        blowing.end()
