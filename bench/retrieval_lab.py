"""What the scripts that measure recall share: a store with a model, scores, a paired bootstrap."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from flowtrace_mcp.app import now_us
from flowtrace_mcp.services.context import Caller, Context
from flowtrace_mcp.services.meaning import Meaning
from flowtrace_mcp.services.remember import BATCH_LIMIT, RememberRequest, remember_all
from flowtrace_mcp.services.upkeep import embed_pending
from flowtrace_mcp.settings import load_settings
from flowtrace_mcp.storage.store import Store

MODEL_LIMIT_S = 60
RESAMPLES = 5_000


@contextmanager
def opened(home: Path) -> Iterator[Context]:
    """Lend a context over a data folder, the model loaded."""
    settings = load_settings({"FLOWTRACE_HOME": str(home)})
    store = Store(settings.db_path, now_us, durable=False)
    meaning = Meaning(settings.embedder, lambda _: None)
    try:
        meaning.load()
        assert meaning.wait(MODEL_LIMIT_S)
        yield Context(
            settings=settings, store=store, meaning=meaning, now_us=now_us, random_bytes=os.urandom
        )
    finally:
        store.close()


def store_all(context: Context, requests: Sequence[RememberRequest], caller: Caller) -> list[str]:
    """Store and embed memories; return their ids. What is there already comes back as the same."""
    ids = []
    for start in range(0, len(requests), BATCH_LIMIT):
        told = remember_all(context, requests[start : start + BATCH_LIMIT], caller)
        ids += [one.id for one in told]
    while embed_pending(context):
        pass
    return ids


@dataclass(frozen=True, kw_only=True)
class Score:
    """How well one question was answered."""

    recall_10: float
    recall_5: float
    reciprocal: float  # 1 over the rank of the first piece of evidence, 0 = not among the ten

    @classmethod
    def of(cls, hits: Sequence[bool], evidence_count: int) -> "Score":
        """Return the score of ten memories, best first, that are evidence or not."""
        return cls(
            recall_10=sum(hits[:10]) / evidence_count,
            recall_5=sum(hits[:5]) / evidence_count,
            reciprocal=next((1 / place for place, hit in enumerate(hits, 1) if hit), 0.0),
        )


def score(shown: Sequence[str], evidence: frozenset[str]) -> Score:
    """Return how well an answer, best first, holds the evidence."""
    return Score.of([name in evidence for name in shown], len(evidence))


def summary(scores: list[Score]) -> dict[str, float]:
    """Return the means over all questions."""
    return {
        "recall@10": round(float(np.mean([one.recall_10 for one in scores])), 4),
        "recall@5": round(float(np.mean([one.recall_5 for one in scores])), 4),
        "mrr": round(float(np.mean([one.reciprocal for one in scores])), 4),
    }


def lower_bound(ours: Sequence[Score], theirs: Sequence[Score]) -> dict[str, float]:
    """Return the 2.5 % quantiles of what is gained, over questions drawn with replacement."""
    chance = np.random.default_rng(1)
    bounds = {}
    for name, field in (
        ("recall@10", "recall_10"),
        ("recall@5", "recall_5"),
        ("mrr", "reciprocal"),
    ):
        gain = np.array(
            [getattr(a, field) - getattr(b, field) for a, b in zip(ours, theirs, strict=True)]
        )
        means = [gain[chance.integers(0, len(gain), len(gain))].mean() for _ in range(RESAMPLES)]
        bounds[name] = round(float(np.quantile(means, 0.025)), 4)
    return bounds
