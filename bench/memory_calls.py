"""`remember` and `recall` over stdio at 10,000 memories, the model warm."""

import json
import random
import sys
import time
import urllib.request
from pathlib import Path

from lab import data_folder, elapsed_ms, report, serving, spread

MEMORIES = 10_000
BATCH = 500
RUNS = 200
REMEMBER_LIMIT_MS = 15
RECALL_LIMIT_MS = 25
EMBED_LIMIT_S = 300
_SUBJECTS = (
    "the order service",
    "the login page",
    "the nightly job",
    "the search index",
    "staging",
    "the payment webhook",
    "the mobile client",
    "the cache",
    "the build",
    "the audit log",
)
_FACTS = (
    "retries three times before it gives up",
    "keeps its state in Postgres",
    "was rewritten in Rust",
    "must never log tokens",
    "reads its port from the environment",
    "needs a migration before each release",
    "is owned by the platform team",
    "fails when the clock goes back",
    "rounds amounts once, at the end",
    "speaks gRPC inside",
)


def texts(count: int, seed: int) -> list[str]:
    chance = random.Random(seed)
    return [
        f"{chance.choice(_SUBJECTS)} {chance.choice(_FACTS)} since release {number}, see"
        f" module_{chance.randrange(900)}.py"
        for number in range(count)
    ]


def fill(home: Path, port: int) -> None:
    """Store the memories through REST, in batches."""
    token = (home / "token").read_text().strip()
    for start in range(0, MEMORIES, BATCH):
        part = texts(MEMORIES, 1)[start : start + BATCH]
        request = urllib.request.Request(
            f"http://127.0.0.1:{port}/api/v1/memories",
            json.dumps(
                {"memories": [{"content": one, "project": "bench"} for one in part]}
            ).encode(),
            {"Content-Type": "application/json", "Authorization": f"Bearer {token}"},
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            answer.read()


def is_waiting(status: dict[str, object]) -> bool:
    """Say whether memories wait for a vector; what is 0 is left out of the answer."""
    return "pending_embeddings" in status or not str(status["model"]).endswith("(ready)")


def main() -> int:
    with data_folder() as folder, serving(folder) as one:
        fill(folder, one.ports()["rest"])
        began_s = time.monotonic()
        while is_waiting(one.call("status")) and time.monotonic() < began_s + EMBED_LIMIT_S:
            one.call("recall", query="wake the model")
            time.sleep(0.5)
        embedded_s = round(time.monotonic() - began_s, 1)
        asked = [f"what do we know of {_SUBJECTS[n % 10]} and module_{n}.py" for n in range(RUNS)]
        recalls = [elapsed_ms(lambda q=q: one.call("recall", query=q)) for q in asked]
        told = texts(RUNS, 2)
        remembers = [
            elapsed_ms(lambda t=t: one.call("remember", content=f"new: {t}")) for t in told
        ]
        stored = one.call("status")["stored"]
    remember, recall = spread(remembers), spread(recalls)
    figures = {
        "memories": stored["memories"],
        "remember_ms": remember,
        "recall_ms": recall,
        "embedding_10k_s": embedded_s,
    }
    return report(
        "remember and recall over stdio at 10 K memories",
        figures,
        remember=remember["p50"] <= REMEMBER_LIMIT_MS,
        recall=recall["p50"] <= RECALL_LIMIT_MS,
    )


if __name__ == "__main__":
    sys.exit(main())
