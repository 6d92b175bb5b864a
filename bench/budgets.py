"""Whether budgets slow ingest down: the same requests with none and with twenty of them.

The two take turns, three times each, every time with a fresh file; the watching process looks at
the budgets about once a second while the spans arrive. The bar is on the processor time a span, which
a busy machine changes less than the rate.
"""

import json
import sys
import urllib.request

from lab import data_folder, report, serving, spread
from sending import cpu_s, send
from span_bodies import requests

REQUESTS = 80
SPANS = 512
BUDGETS = 20
ROUNDS = 3
MOST_SHARE = 1.05
_SETTINGS = {"FLOWTRACE_SELF_TRACES": "off", "FLOWTRACE_REQUIRE_AUTH": "false"}


def set_budgets(port: int) -> None:
    periods = ("hourly", "daily", "weekly", "monthly", "total", "trace")
    for number in range(BUDGETS):
        body = {
            "name": f"b-{number}",
            "period": periods[number % len(periods)],
            "amount": 1.0 + number,
            "thresholds": [50, 80, 100],
        }
        request = urllib.request.Request(
            f"http://127.0.0.1:{port}/api/v1/budget/alerts",
            json.dumps(body).encode(),
            {"Content-Type": "application/json"},
        )
        urllib.request.urlopen(request).close()


def measured(bodies: list[bytes], *, with_budgets: bool) -> tuple[float, float]:
    """Return spans a second that were taken and durable, and microseconds of processor a span."""
    with data_folder() as folder, serving(folder, **_SETTINGS) as one:
        ports = one.ports()
        if with_budgets:
            set_budgets(ports["rest"])
        send(ports["otlp_http"], list(requests(4, spans=SPANS, seed=99)))  # warm
        used_s = cpu_s(one.pid)
        took_s = send(ports["otlp_http"], bodies).took_s
        used_s = cpu_s(one.pid) - used_s
    return REQUESTS * SPANS / took_s, used_s / (REQUESTS * SPANS) * 1e6


def main() -> int:
    bodies = list(requests(REQUESTS, spans=SPANS))
    without, with_them = [], []
    for _ in range(ROUNDS):
        without.append(measured(bodies, with_budgets=False))
        with_them.append(measured(bodies, with_budgets=True))
    share = min(cpu for _, cpu in with_them) / min(cpu for _, cpu in without)
    figures = {
        "spans_per_s_without": spread([rate for rate, _ in without], 0),
        f"spans_per_s_with_{BUDGETS}": spread([rate for rate, _ in with_them], 0),
        "cpu_us_per_span_without": spread([cpu for _, cpu in without], 1),
        f"cpu_us_per_span_with_{BUDGETS}": spread([cpu for _, cpu in with_them], 1),
        "share": round(share, 3),
        "most_share": MOST_SHARE,
    }
    return report("ingest with budgets", figures, share=share <= MOST_SHARE)


if __name__ == "__main__":
    sys.exit(main())
