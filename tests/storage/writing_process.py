"""A process that writes: three spans and a memory a turn, each printed once it is durable.

Arguments: the file, a number of this process from 1, how many turns.
"""

import sys
from pathlib import Path

from flowtrace_mcp.errors import NewerFileError
from flowtrace_mcp.storage.store import Store
from tests.storage.conftest import START_US
from tests.storage.memory_builder import by_rule, new_memory, write_of
from tests.storage.span_builder import span

SPANS_A_TURN = 3
WAIT_S = 30.0


def main(path: str, name: str, turns: str) -> None:
    store = Store(Path(path), lambda: START_US)
    first = int(name) * 10_000_000
    try:
        for turn in range(int(turns)):
            write_turn(store, first + turn * SPANS_A_TURN, f"memory{name}x{turn} kept")
    except NewerFileError:
        tell("refused NewerFileError")
    store.close()


def write_turn(store: Store, number: int, text: str) -> None:
    spans = [
        span(number + one, session="s-1", raw=bytes(2000), start_us=START_US + number + one)
        for one in range(SPANS_A_TURN)
    ]
    store.spans.insert_spans(spans).result(WAIT_S)
    for one in spans:
        tell(f"span {one.span_id.hex()}")
    store.memories.insert_memories([write_of(new_memory(text))], by_rule)
    tell(text)


def tell(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
