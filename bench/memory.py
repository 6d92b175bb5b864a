"""Resident memory 10 s after `tools/list`, in multiples of a bare SDK server.

No tool is called before the first three figures: the bare server gets no call either. `after_a_call`
is what one call of `status` adds, which opens the tools and stores the call as spans.
"""

import sys
import time
from pathlib import Path

from lab import data_folder, report, rss_mib, serving, serving_bare

from flowtrace_mcp.services.loopback import LISTENER_FILE

SETTLED_S = 10.0
LIMITS = {"not_ours": 1.3, "ours": 1.5, "with_model": 2.9}


def wait_for_listener(folder: Path) -> None:
    until_s = time.monotonic() + SETTLED_S
    while not (folder / LISTENER_FILE).exists():
        if time.monotonic() > until_s:
            raise RuntimeError("nobody listens")
        time.sleep(0.05)


def main() -> int:
    with data_folder() as folder, serving_bare() as bare, serving(folder) as owner:
        wait_for_listener(folder)  # it listens before the second one starts
        with serving(folder) as follower:
            time.sleep(SETTLED_S)
            mib = {
                "bare": rss_mib(bare.pid),
                "not_ours": rss_mib(follower.pid),
                "ours": rss_mib(owner.pid),
            }
            owner.call("status")
            time.sleep(SETTLED_S)
            mib["after_a_call"] = rss_mib(owner.pid)
            owner.call("remember", content="The model is loaded to find this by its meaning")
            owner.call("recall", query="what is found by meaning?")
            time.sleep(SETTLED_S)
            mib["with_model"] = rss_mib(owner.pid)
    ratios = {name: round(mib[name] / mib["bare"], 2) for name in LIMITS}
    bars = {name: ratios[name] <= limit for name, limit in LIMITS.items()}
    return report("resident memory", {"mib": mib, "ratios": ratios, "limits": LIMITS}, **bars)


if __name__ == "__main__":
    sys.exit(main())
