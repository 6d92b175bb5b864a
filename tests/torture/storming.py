"""A process that writes until it is killed: memories and spans, each printed once it is answered.

Arguments: the file, a number of this process from 1. What is refused as busy is tried again.
"""

import sys
from pathlib import Path

from flowtrace_mcp.errors import BusyError
from flowtrace_mcp.storage.store import Store
from tests.storage.conftest import START_US
from tests.storage.memory_builder import by_rule, new_memory, write_of
from tests.storage.span_builder import span

SPANS_A_TURN = 4
WAIT_S = 30.0
TRIES = 1000


def main(path: str, name: str) -> None:
    store = Store(Path(path), lambda: START_US)
    first, turn = int(name) * 10_000_000, 0
    tell("ready")
    while True:
        spans = [
            span(first + turn * SPANS_A_TURN + one, session=f"s-{name}", raw=bytes(800))
            for one in range(SPANS_A_TURN)
        ]
        text = f"memory{name}x{turn} kept"
        patiently(lambda spans=spans: store.spans.insert_spans(spans).result(WAIT_S))
        for one in spans:
            tell(f"span {one.span_id.hex()}")
        write = write_of(new_memory(text))
        patiently(lambda write=write: store.memories.insert_memories([write], by_rule))
        tell(text)
        turn += 1


def patiently(work) -> None:
    for _ in range(TRIES):
        try:
            work()
        except BusyError:
            continue
        return
    raise RuntimeError("busy without end")


def tell(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
