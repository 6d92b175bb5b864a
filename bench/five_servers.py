"""Five servers on one data folder, 50 mixed calls each at once."""

import sys
import threading
from contextlib import ExitStack
from pathlib import Path

import apsw
from lab import McpProcess, data_folder, elapsed_ms, report, rss_mib, serving, spread

SERVERS = 5
CALLS = 50
# The model and its runtime; a process without them stays well below the owner.
MODEL_LEAST_MIB = 30


def work(
    one: McpProcess, name: str, told: list[str], failures: list[str], times: list[float]
) -> None:
    """Remember, recall, look at traces and status, in turn."""
    for number in range(CALLS):
        try:
            match number % 5:
                case 0 | 1:
                    text = f"server {name} decided on plan {number} for module {name}{number}"
                    times.append(elapsed_ms(lambda text=text: one.call("remember", content=text)))
                    told.append(text)
                case 2 | 3:
                    query = f"which plan for module {name}{number - 2}"
                    times.append(elapsed_ms(lambda query=query: one.call("recall", query=query)))
                case _:
                    tool = "status" if number % 2 else "traces"
                    times.append(elapsed_ms(lambda tool=tool: one.call(tool)))
        except (RuntimeError, OSError) as error:
            failures.append(f"{name}: {error}")


def memories(folder: Path) -> set[str]:
    connection = apsw.Connection(str(folder / "flowtrace.db"))
    texts = {row[0] for row in connection.execute("SELECT content FROM memories")}
    connection.close()
    return texts


def main() -> int:
    with data_folder() as folder, ExitStack() as stack:
        servers = [stack.enter_context(serving(folder)) for _ in range(SERVERS)]
        owner = servers[0].ports()["owner_pid"]
        told: list[str] = []
        failures: list[str] = []
        times: list[float] = []
        threads = [
            threading.Thread(target=work, args=[one, chr(97 + n), told, failures, times])
            for n, one in enumerate(servers)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(300)
        sizes = {one.pid: rss_mib(one.pid) for one in servers}
        lost = set(told) - memories(folder)
        others = [size for pid, size in sizes.items() if pid != owner]
    figures = {
        "calls": len(times),
        "call_ms": spread(times, 1),
        "failures": failures[:5],
        "lost": len(lost),
        "mib": {"owner": sizes.get(owner), "others": others},
    }
    return report(
        "five servers at once",
        figures,
        no_error=not failures,
        no_lost_write=not lost and len(told) == SERVERS * CALLS * 2 // 5,
        one_model=max(others) + MODEL_LEAST_MIB <= sizes.get(owner, 0),
    )


if __name__ == "__main__":
    sys.exit(main())
