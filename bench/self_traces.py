"""What telling of themselves costs our tools: calls over stdio with it on and off, by turns."""

import sys

from lab import data_folder, elapsed_ms, report, rss_mib, serving, spread

RUNS = 300
LIMIT_MS = 0.5


def main() -> int:
    with (
        data_folder() as told,
        data_folder() as silent,
        serving(told, FLOWTRACE_EMBEDDER="off", FLOWTRACE_SELF_TRACES="on") as on,
        serving(silent, FLOWTRACE_EMBEDDER="off", FLOWTRACE_SELF_TRACES="off") as off,
    ):
        took = {name: {"on": [], "off": []} for name in ("remember", "recall")}
        for number in range(RUNS):
            for mode, one in (("on", on), ("off", off)):
                text = f"module_{number} retries {number % 7} times before it gives up"
                remember = elapsed_ms(lambda t=text, o=one: o.call("remember", content=t))
                recall = elapsed_ms(lambda n=number, o=one: o.call("recall", query=f"module_{n}"))
                took["remember"][mode].append(remember)
                took["recall"][mode].append(recall)
        mib = {"on": round(rss_mib(on.pid), 1), "off": round(rss_mib(off.pid), 1)}
    figures = {name: {mode: spread(ms) for mode, ms in by.items()} for name, by in took.items()}
    more = {name: round(by["on"]["p50"] - by["off"]["p50"], 3) for name, by in figures.items()}
    return report(
        "calls over stdio with spans of our own and without",
        figures | {"more_ms": more, "mib": mib},
        **{name: ms <= LIMIT_MS for name, ms in more.items()},
    )


if __name__ == "__main__":
    sys.exit(main())
