"""Fit the weights of the ranking to questions with known answers."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from flowtrace_mcp.analytics.questions import read_question
from flowtrace_mcp.analytics.ranking import Signals, Weights, signals_of
from flowtrace_mcp.services.candidates import Candidates

STEPS = 200
RATE = 0.07
PENALTY = 0.002


@dataclass(frozen=True, kw_only=True)
class Case:
    """A question with what was found for it."""

    question: str
    found: Candidates
    evidence: frozenset[int]  # keys of the memories found that hold the answer
    evidence_count: int  # of all that do
    now_us: int


def fit_weights(cases: Sequence[Case]) -> Weights:
    """Return the weights under which the evidence is most likely to be drawn first.

    Formula:
        maximum of the mean log of exp(w s) / (sum of exp(w s) over the question's candidates)
        over the evidence, less a small square penalty; by Adam. Divided by what ``own`` and
        ``session`` weigh together, so that a memory without a session counts its strength once.
    """
    tables = [_table(case) for case in cases]
    kept = [(signals, held) for signals, held in tables if held.any()]
    signals = np.concatenate([one for one, _ in kept])
    scale = signals.std(axis=0) + 1e-9
    signals = signals / scale
    wanted = np.concatenate([held / held.sum() for _, held in kept])
    starts = np.cumsum([0, *(len(held) for _, held in kept)])[:-1]
    owner = np.repeat(np.arange(len(kept)), [len(held) for _, held in kept])
    weights, mean, square = (np.zeros(signals.shape[1]) for _ in range(3))
    for step in range(1, STEPS + 1):
        scores = signals @ weights
        chance = np.exp(scores - np.maximum.reduceat(scores, starts)[owner])
        chance /= np.add.reduceat(chance, starts)[owner]
        slope = signals.T @ (chance - wanted) / len(kept) + PENALTY * weights
        mean = 0.9 * mean + 0.1 * slope
        square = 0.999 * square + 0.001 * slope**2
        weights -= RATE * (mean / (1 - 0.9**step)) / (np.sqrt(square / (1 - 0.999**step)) + 1e-8)
    weights /= scale
    weights /= weights[0] + weights[1]
    return Weights(**dict(zip(Signals._fields, map(float, weights), strict=True)))


def _table(case: Case) -> tuple[Any, Any]:
    """Return the signals of the candidates, a row each, and which of them are evidence."""
    asked = read_question(case.question, case.now_us)
    candidates = sorted(case.found.candidates, key=lambda one: one.key)
    signals = signals_of(candidates, asked=asked, terms=case.found.terms)
    held = np.array([one.key in case.evidence for one in candidates], float)
    return np.array(signals, float).reshape(-1, len(Signals._fields)), held
