"""Memory of the listener's process while a million spans of 1 KB come in over four connections.

The bodies are made while they are sent, in the sender's process. What counts is the most that the
process ever had, and whether the last quarter of the run had more than the second.
"""

import sys
import time
from collections.abc import Iterator
from itertools import islice

from ingest import NO_OWN_SPANS
from lab import data_folder, peak_mib, report, rss_mib, serving
from sending import Sender
from span_bodies import requests

CONNECTIONS = 4
REQUESTS = 1954
SPANS = 512
LIMIT_MIB = 250
GROWTH_LIMIT_MIB = 16
PERIOD_S = 0.5


def bodies(number: int) -> Iterator[bytes]:
    """Yield the share of one connection."""
    share = len(range(number, REQUESTS, CONNECTIONS))
    return islice(requests(share, spans=SPANS, seed=1000 + number), share)


def main() -> int:
    """Send, look at the memory now and then, report."""
    seen_mib = []
    with data_folder() as folder, serving(folder, **NO_OWN_SPANS) as one:
        sender = Sender(one.ports()["otlp_http"], bodies, connections=CONNECTIONS)
        idle_mib = rss_mib(one.pid)
        sender.start()
        while not sender.is_done:
            time.sleep(PERIOD_S)
            seen_mib.append(rss_mib(one.pid))
        sent = sender.result()
        stored = one.call("status")["stored"]
        most_mib, left_mib = peak_mib(one.pid), rss_mib(one.pid)
    quarter = len(seen_mib) // 4
    growth_mib = round(max(seen_mib[-quarter:]) - max(seen_mib[quarter : 2 * quarter]), 1)
    figures = {
        "spans": REQUESTS * SPANS,
        "spans_per_s": round(REQUESTS * SPANS / sent.took_s),
        "idle_mib": idle_mib,
        "seen_mib": seen_mib[:: max(1, len(seen_mib) // 20)],
        "most_mib": most_mib,
        "left_mib": left_mib,
        "growth_mib": growth_mib,
        "limits_mib": {"most": LIMIT_MIB, "growth": GROWTH_LIMIT_MIB},
    }
    return report(
        "memory while a million spans come in",
        figures,
        memory=most_mib <= LIMIT_MIB,
        no_growth=growth_mib <= GROWTH_LIMIT_MIB,
        complete=stored["spans"] == REQUESTS * SPANS,
    )


if __name__ == "__main__":
    sys.exit(main())
