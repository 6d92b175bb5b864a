"""Sums of use hour by hour: what asking takes, and what counting an hour again takes.

python use_hours.py [requests of 512 spans]
"""

import sys
import time
from pathlib import Path

from lab import data_folder, elapsed_ms, report, spread
from span_bodies import requests

from flowtrace_mcp.ingest.pipeline import Pipeline
from flowtrace_mcp.model.telemetry import PayloadEncoding
from flowtrace_mcp.model.times import DAY_US
from flowtrace_mcp.services.context import Context
from flowtrace_mcp.services.costs import CostsRequest, costs
from flowtrace_mcp.services.find_insights import InsightsRequest, find_insights
from flowtrace_mcp.services.meaning import Meaning
from flowtrace_mcp.services.timeseries import timeseries
from flowtrace_mcp.settings import load_settings
from flowtrace_mcp.storage.store import Store

ROUNDS = 15
LIMIT_MS = 5.0


def now_us() -> int:
    """Return microseconds since the epoch."""
    return time.time_ns() // 1000


def main() -> int:
    """Store spans of the last hour, ask, count again, report."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 400
    with data_folder() as folder:
        settings = load_settings({"FLOWTRACE_HOME": str(folder), "FLOWTRACE_EMBEDDER": "off"})
        store = Store(Path(settings.db_path), now_us, durable=False)
        context = Context(
            settings=settings,
            store=store,
            meaning=Meaning("off", lambda _: None),
            now_us=now_us,
            random_bytes=bytes,
        )
        pipeline = Pipeline(store, now_us)
        for body in requests(count):
            pipeline.traces(body, PayloadEncoding.PROTOBUF)
        hours = store.uses.list_hours(-1, 100)
        window = (now_us() - DAY_US, now_us())
        by_model = [elapsed_ms(lambda: costs(context, CostsRequest())) for _ in range(ROUNDS)]
        series = [elapsed_ms(lambda: timeseries(context, "hour", window)) for _ in range(ROUNDS)]
        found = [elapsed_ms(lambda: find_insights(context, InsightsRequest())) for _ in range(5)]
        checks = [store.uses.check(hour) for hour in hours]
        recount_ms = sum(elapsed_ms(lambda hour=hour: store.uses.recount(hour)) for hour in hours)
        store.close()
    figures = {
        "spans": count * 512,
        "cost_by_model_30_days_ms": spread(by_model),
        "timeseries_of_a_day_ms": spread(series),
        "insights_of_an_hour_ms": spread(found),
        "recount_us_per_span": round(recount_ms * 1000 / (count * 512), 2),
    }
    return report(
        "sums of use hour by hour",
        figures,
        cost_by_model=figures["cost_by_model_30_days_ms"]["p50"] <= LIMIT_MS,
        timeseries=figures["timeseries_of_a_day_ms"]["p50"] <= LIMIT_MS,
        sums_are_what_the_spans_say=all(check.is_equal for check in checks),
    )


if __name__ == "__main__":
    sys.exit(main())
