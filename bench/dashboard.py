"""The dashboard in Chromium: the first view of a warm server, and a trace of 10,000 spans.

The first view is timed by the page's own clock, from the start of the navigation until the figures of
today and the sessions are shown, with nothing in the browser's cache; what is transferred is what the
browser says it received. The trace is timed from its address to its first rows, at the first look, when
nothing of it is kept. Then its rows are scrolled by a script, frame by frame, from end to end and back.

    python bench/dashboard.py [spans stored besides, 1000000]
"""

import json
import os
import shutil
import sys
import time
from pathlib import Path
from typing import Any

from lab import data_folder, report, serving, spread
from playwright.sync_api import Browser, Page, sync_playwright
from sending import send
from span_bodies import requests

SPANS_STORED = 1_000_000
SPANS_PER_REQUEST = 500
BIG_SPANS = 10_000
VIEWS = 7
OPENED = 5
FIRST_VIEW_MS = 400
FIRST_VIEW_BYTES = 250_000
OPEN_MS = 1500
FRAME_MS = 100
NAMES = ("chromium", "chromium-browser", "google-chrome")
JSON_TYPE = "application/json"

# The moment at which a selector is there, by the clock of the page.
SEEN = """(selector) => new Promise((done) => {
  const look = () => document.querySelector(selector)
    ? requestAnimationFrame(() => done(performance.now())) : setTimeout(look, 5);
  look();
})"""
SCROLL = """() => new Promise((done) => {
  const box = document.querySelector('.wf-scroll');
  const end = box.scrollHeight - box.clientHeight;
  const frames = [];
  let last = performance.now(), step = 0;
  const tick = (now) => {
    frames.push(now - last);
    last = now;
    step += 1;
    const part = step / 150;
    box.scrollTop = part <= 1 ? end * part : end * (2 - part);
    if (part < 2) requestAnimationFrame(tick);
    else done(frames.slice(1));
  };
  requestAnimationFrame(tick);
})"""


def big_trace(number: int) -> bytes:
    """Return a request with one trace of 10,000 spans, eight below each."""
    start_ns = time.time_ns() - 600_000_000_000
    trace_id = f"{number:032x}"
    spans = []
    for place in range(1, BIG_SPANS + 1):
        call = {"gen_ai.operation.name": "chat", "gen_ai.request.model": "gpt-4.1-mini"}
        tool = {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "Read"}
        texts = {**(call if place % 3 else tool), "session.id": f"big-{number}"}
        attributes: list[dict[str, Any]] = [
            {"key": key, "value": {"stringValue": value}} for key, value in texts.items()
        ]
        attributes.append({"key": "gen_ai.usage.input_tokens", "value": {"intValue": "900"}})
        parent = {} if place == 1 else {"parentSpanId": f"{number:08x}{place // 8 + 1:08x}"}
        spans.append(
            {
                "traceId": trace_id,
                "spanId": f"{number:08x}{place:08x}",
                "name": f"step {place}",
                "startTimeUnixNano": str(start_ns + place * 50_000_000),
                "endTimeUnixNano": str(start_ns + place * 50_000_000 + 400_000_000),
                "attributes": attributes,
                **parent,
            }
        )
    scope = {"scope": {"name": "bench"}, "spans": spans}
    return json.dumps({"resourceSpans": [{"scopeSpans": [scope]}]}).encode()


def new_page(browser: Browser) -> Page:
    """Return a page of a browser that has cached nothing."""
    return browser.new_context(viewport={"width": 1280, "height": 900}).new_page()


def first_view(browser: Browser, link: str) -> tuple[float, int]:
    """Return milliseconds to the first view, and what was received until all is quiet."""
    page = new_page(browser)
    session = page.context.new_cdp_session(page)
    session.send("Network.enable")
    received: list[int] = []
    session.on("Network.dataReceived", lambda told: received.append(told["encodedDataLength"]))
    page.goto(link, wait_until="commit")
    shown_ms = page.evaluate(SEEN, ".sessions li")
    page.wait_for_timeout(1500)  # the other pages' modules come after the first view
    page.context.close()
    return shown_ms, sum(received)


def opened(browser: Browser, origin: str, token: str, number: int) -> tuple[float, list[float]]:
    """Return milliseconds until a trace is shown, and those of every frame of a scroll."""
    page = new_page(browser)
    page.goto(f"{origin}/dashboard/trace/{number:032x}#token={token}", wait_until="commit")
    shown_ms = page.evaluate(SEEN, ".wf-row")
    frames = page.evaluate(SCROLL)
    page.context.close()
    return shown_ms, frames


def main() -> int:
    stored = int(sys.argv[1]) if len(sys.argv) > 1 else SPANS_STORED
    chromium = os.environ.get("FLOWTRACE_CHROMIUM") or next(filter(None, map(shutil.which, NAMES)))
    with data_folder() as folder, serving(folder, FLOWTRACE_EMBEDDER="off") as one:
        ports = one.ports()
        bodies = requests(stored // SPANS_PER_REQUEST, spans=SPANS_PER_REQUEST)
        send(ports["otlp_http"], list(bodies), connections=2)
        for number in range(1, OPENED + 1):
            send(ports["otlp_http"], [big_trace(number)], media_type=JSON_TYPE)
        token = Path(folder / "token").read_text(encoding="ascii").strip()
        origin = f"http://127.0.0.1:{ports['rest']}"
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
            views = [
                first_view(browser, f"{origin}/dashboard/#token={token}") for _ in range(VIEWS)
            ]
            traces = [opened(browser, origin, token, number + 1) for number in range(OPENED)]
            browser.close()
    views = views[1:]  # the first one warms the server
    shown = spread([shown_ms for shown_ms, _ in views])
    sizes = spread([size for _, size in views], 0)
    opening = spread([shown_ms for shown_ms, _ in traces])
    frames = spread([frame for _, each in traces for frame in each])
    return report(
        "the dashboard: first view, and a trace of 10,000 spans",
        {
            "spans_stored": stored,
            "first_view_ms": shown,
            "first_view_bytes": sizes,
            "trace_open_ms": opening,
            "scroll_frame_ms": frames,
        },
        first_view=shown["p50"] <= FIRST_VIEW_MS,
        transferred=sizes["max"] <= FIRST_VIEW_BYTES,
        opens=opening["p50"] <= OPEN_MS,
        scrolls=frames["max"] <= FRAME_MS,
    )


if __name__ == "__main__":
    sys.exit(main())
