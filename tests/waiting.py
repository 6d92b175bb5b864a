"""Waiting for what happens elsewhere, without guessing how long it takes."""

import threading
import time
from collections.abc import Callable


def wait_until(is_so: Callable[[], object], limit_s: float = 5.0) -> None:
    """Return as soon as something is so; fail when it is not in time."""
    pause = threading.Event()
    until_s = time.monotonic() + limit_s
    while not is_so():
        assert time.monotonic() < until_s, f"not so within {limit_s} s"
        pause.wait(0.005)
