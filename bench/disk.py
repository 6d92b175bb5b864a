"""Disk that a span of 1 KB takes, all of its tables and indexes included, by what was sent.

The traffic is that of coding agents: the same few tools and models, texts of ordinary words.
"""

import sys
import time
from pathlib import Path

import apsw
from lab import data_folder, report, serving
from sending import send
from span_bodies import requests

REQUESTS = 100
SPANS = 512
SHARE_MOST = 0.75
INDEX_LIMIT_S = 120


def sizes(home: Path) -> dict[str, int]:
    """Return the bytes of the file without its log, and of each table with its indexes."""
    connection = apsw.Connection(str(home / "flowtrace.db"))
    connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
    pages = connection.execute(
        "SELECT coalesce(tbl_name, s.name), sum(pgsize) FROM dbstat AS s"
        " LEFT JOIN sqlite_schema AS t ON t.name = s.name GROUP BY 1 ORDER BY 2 DESC LIMIT 6"
    )
    found = {str(name): int(size) for name, size in pages}
    connection.close()
    return {"file": (home / "flowtrace.db").stat().st_size, **found}


def wait_until_indexed(home: Path) -> None:
    """Return once the words of all spans are in the text index."""
    connection = apsw.Connection(str(home / "flowtrace.db"), flags=apsw.SQLITE_OPEN_READONLY)
    until_s = time.monotonic() + INDEX_LIMIT_S
    while connection.execute("SELECT 1 FROM unread_spans LIMIT 1").get is not None:
        if time.monotonic() > until_s:
            raise RuntimeError("the text index is not made in time")
        time.sleep(0.1)
    connection.close()


def main() -> int:
    """Send, end the server, weigh the file, report."""
    with data_folder() as folder:
        with serving(folder) as one:
            port = one.ports()["otlp_http"]
            empty_bytes = one.call("status")["stored"]["file_bytes"]
            raw_bytes = 0
            for body in requests(REQUESTS, spans=SPANS):
                raw_bytes += len(body)
                send(port, [body])
            wait_until_indexed(folder)
            one.close()
        found = sizes(folder)
    count = REQUESTS * SPANS
    share = (found["file"] - empty_bytes) / raw_bytes
    return report(
        "disk of spans of 1 KB",
        {
            "raw_bytes_per_span": round(raw_bytes / count),
            "bytes_per_span": {name: round(size / count, 1) for name, size in found.items()},
            "share_of_raw": round(share, 3),
        },
        share=share <= SHARE_MOST,
    )


if __name__ == "__main__":
    sys.exit(main())
