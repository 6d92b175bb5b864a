"""`recall` and `traces` over stdio while the same process takes in 10,000 spans a second."""

import sys
from collections.abc import Iterator
from itertools import cycle, islice

from lab import data_folder, elapsed_ms, report, serving, spread
from sending import Sender
from span_bodies import requests

CONNECTIONS = 2
SPANS = 512
SPANS_PER_S = 10_000
PERIOD_S = CONNECTIONS * SPANS / SPANS_PER_S
REQUESTS_EACH = 200
MEMORIES = 300
LIMIT_MS = 150
LEAST_CALLS = 50
TOPICS = ("cache", "retry", "discount", "session", "import", "rounding", "tax", "timeout")
# How agents ask: the newest traces, those of failures, what took long.
QUESTIONS: tuple[dict[str, object], ...] = ({}, {"limit": 50}, {"budget": 2000})


def main() -> int:
    """Fill, load, ask, report."""
    bodies = [list(requests(REQUESTS_EACH, spans=SPANS, seed=n)) for n in range(CONNECTIONS)]
    times_ms: dict[str, list[float]] = {"recall": [], "traces": [], "traces of one": []}
    with data_folder() as folder, serving(folder) as one:
        port = one.ports()["otlp_http"]
        for number, topic in enumerate(islice(cycle(TOPICS), MEMORIES)):
            one.call(
                "remember", content=f"Rule {number}: the {topic} of module m{number} is {topic}."
            )

        def share(number: int) -> Iterator[bytes]:
            return iter(bodies[number])

        sender = Sender(port, share, connections=CONNECTIONS, period_s=PERIOD_S)
        sender.start()
        for number, topic in enumerate(cycle(TOPICS)):
            if sender.is_done:
                break
            question = f"what is the {topic} of module m{number % MEMORIES}"
            times_ms["recall"].append(elapsed_ms(lambda q=question: one.call("recall", query=q)))
            asked = QUESTIONS[number % len(QUESTIONS)]
            times_ms["traces"].append(elapsed_ms(lambda a=asked: one.call("traces", **a)))
            newest = one.call("traces", limit=1)["rows"]
            for row in newest:
                times_ms["traces of one"].append(
                    elapsed_ms(lambda r=row: one.call("traces", trace_id=r["trace"]))
                )
        sent = sender.result()
    rate = CONNECTIONS * REQUESTS_EACH * SPANS / sent.took_s
    found = {name: spread(each, 1) for name, each in times_ms.items() if each}
    return report(
        "recall and traces while spans arrive",
        {
            "ms": found,
            "calls": {name: len(each) for name, each in times_ms.items()},
            "spans_per_s": round(rate),
            "request_ms": spread(sent.times_ms, 1),
        },
        under_load=rate >= 0.95 * SPANS_PER_S,
        enough=all(len(each) >= LEAST_CALLS for each in times_ms.values()),
        p95=all(one["p95"] <= LIMIT_MS for one in found.values()),
    )


if __name__ == "__main__":
    sys.exit(main())
