"""Redaction of 500 characters without a secret, and of 100,000 that try to make it slow."""

import sys
import timeit

from lab import elapsed_ms, report, spread

from flowtrace_mcp.model.redaction import redact

CLEAN_LIMIT_US = 50
HOSTILE_LIMIT_MS = 2000
CALLS = 2000
ROUNDS = 9
HOSTILE_CHARACTERS = 100_000
CLEAN = (
    "We decided to keep the order service on Postgres 16 because the nightly job needs advisory"
    " locks; see services/orders/worker.py and OrderRepository.find_by_id for the retry logic"
    " (three times, then a dead letter). The path /var/lib/app/data holds the key-value cache, and"
    " user_id is a UUID 4a7f0f31-6688-4d58-943f-7ce1948924f8. Never run the migration on Friday:"
    " commit 9310b6c6df1e4d5efdd51b0d8862b06920900c20 broke staging. Tokens expire in an hour, and"
    " passwords are hashed. Ask the platform team before."
)[:500]
_UNITS = ("a", "A1b", "-----BEGIN ", "password=", '"token": "', "://a:", "sk-", "bearer ", "eyJa.")


def main() -> int:
    assert redact(CLEAN).count == 0
    times = timeit.repeat(lambda: redact(CLEAN), number=CALLS, repeat=ROUNDS)
    clean_us = spread([seconds / CALLS * 1e6 for seconds in times])
    hostile = {
        unit: round(elapsed_ms(lambda u=unit: redact(u * (HOSTILE_CHARACTERS // len(u)))), 1)
        for unit in _UNITS
    }
    figures = {
        "characters": len(CLEAN),
        "clean_us": clean_us,
        "hostile_characters": HOSTILE_CHARACTERS,
        "hostile_ms": hostile,
    }
    return report(
        "redaction of texts without a secret",
        figures,
        clean=clean_us["p50"] <= CLEAN_LIMIT_US,
        hostile=max(hostile.values()) <= HOSTILE_LIMIT_MS,
    )


if __name__ == "__main__":
    sys.exit(main())
