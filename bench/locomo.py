"""Evidence recall, turn by turn, on long dialogues in the format of LoCoMo.

    python locomo.py [DIALOGUES.json] [--home FOLDER] [--fit]

The dialogues are named by the argument or by LOCOMO_PATH. Each turn is one memory with its
session, date and author; each dialogue is a project of its own. Questions go through the service
`recall`, ten memories a question, with the largest budget. Beside it stands a pipeline known from
the same data (see dialogues.py), and a paired bootstrap says how much is gained at least.
``--fit`` also fits the weights of the ranking on all dialogues but one and scores them on that
one, for each of them. ``--home`` keeps the stored dialogues for another run.
"""

import argparse
import os
import sys
import time
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import Any

from dialogues import TOP, Dialogue, Reference, read_dialogues
from lab import data_folder, report, spread
from ranking_fit import Case, fit_weights
from retrieval_lab import Score, lower_bound, opened, score, store_all, summary

from flowtrace_mcp.analytics.ranking import rank
from flowtrace_mcp.model.memory import MemoryFilter
from flowtrace_mcp.services.candidates import find_candidates
from flowtrace_mcp.services.context import Context, place_of
from flowtrace_mcp.services.recall import RecallRequest, recall
from flowtrace_mcp.services.recall_bounds import BUDGET_MOST_TOKENS
from flowtrace_mcp.services.remember import RememberRequest

BARS = {"recall@10": 0.80, "recall@5": 0.70, "mrr": 0.55}


def names_of(context: Context, dialogue: Dialogue) -> dict[str, str]:
    """Store a dialogue; return the name of the turn by id, the first where two are the same."""
    requests = [
        RememberRequest(
            content=turn.text,
            session=turn.session,
            sequence=turn.sequence,
            author=turn.author,
            valid_from=int(turn.when.timestamp() * 1_000_000),
        )
        for turn in dialogue.turns
    ]
    ids = store_all(context, requests, dialogue.caller)
    names: dict[str, str] = {}
    for handle, turn in zip(ids, dialogue.turns, strict=True):
        names.setdefault(handle, turn.name)
    return names


def asked(
    context: Context, dialogue: Dialogue, names: dict[str, str]
) -> tuple[list[Score], list[float], int]:
    """Return the scores of a dialogue's questions, their milliseconds, and the empty answers."""
    scores, took_ms, empty = [], [], 0
    for question in dialogue.questions:
        request = RecallRequest(query=question.text, limit=TOP, budget=BUDGET_MOST_TOKENS)
        began_s = time.perf_counter()
        answer = recall(context, request, dialogue.caller)
        took_ms.append((time.perf_counter() - began_s) * 1000)
        shown = [names[row.id] for row in answer.memories]
        empty += not shown
        scores.append(score(shown, question.evidence))
    return scores, took_ms, empty


def cases_of(context: Context, dialogue: Dialogue, names: dict[str, str]) -> list[Case]:
    """Return the questions of a dialogue with what is found for each, before it is ranked."""
    wanted = MemoryFilter(place=place_of(context, dialogue.caller), now_us=context.now_us())
    cases = []
    for question in dialogue.questions:
        found = find_candidates(context, question.text, wanted)
        held = context.store.memories.get_memories([one.key for one in found.candidates])
        evidence = {key for key, one in held.items() if names.get(one.handle) in question.evidence}
        cases.append(
            Case(
                question=question.text,
                found=found,
                evidence=frozenset(evidence),
                evidence_count=len(question.evidence),
                now_us=wanted.now_us,
            )
        )
    return cases


def held_out(parts: Sequence[list[Case]]) -> dict[str, Any]:
    """Return how weights fitted on all dialogues but one do on that one, for all of them."""
    scores: list[Score] = []
    for index, part in enumerate(parts):
        others = [case for number, one in enumerate(parts) if number != index for case in one]
        weights = fit_weights(others)
        for case in part:
            ranked = rank(
                case.found.candidates,
                query=case.question,
                terms=case.found.terms,
                now_us=case.now_us,
                weights=weights,
            )
            hits = [one.key in case.evidence for one in ranked[:TOP]]
            scores.append(Score.of(hits, case.evidence_count))
    everything = fit_weights([case for part in parts for case in part])
    rounded = {name: round(value, 2) for name, value in asdict(everything).items()}
    return {"held_out": summary(scores), "fitted_on_all": rounded}


def measure(context: Context, dialogues: list[Dialogue], *, is_fit: bool) -> int:
    """Measure both arms over all dialogues and report."""
    names = [names_of(context, dialogue) for dialogue in dialogues]
    ours, took_ms, empty = [], [], 0
    theirs: list[Score] = []
    for dialogue, known in zip(dialogues, names, strict=True):
        scores, times, nothing = asked(context, dialogue, known)
        ours += scores
        took_ms += times
        empty += nothing
        reference = Reference(context, dialogue)
        theirs += [score(reference.ask(one.text), one.evidence) for one in dialogue.questions]
    figures = summary(ours)
    gained = lower_bound(ours, theirs)
    numbers = [question.category for dialogue in dialogues for question in dialogue.questions]
    more: dict[str, Any] = {}
    if is_fit:
        more = held_out(
            [cases_of(context, one, known) for one, known in zip(dialogues, names, strict=True)]
        )
    return report(
        "evidence recall on long dialogues",
        {
            "memories": sum(len(dialogue.turns) for dialogue in dialogues),
            "questions": len(ours),
            "recall": figures,
            "empty_answers": empty,
            "reference": summary(theirs),
            "gained_at_least": gained,
            "recall@10_by_category": {
                category: summary(
                    [one for one, number in zip(ours, numbers, strict=True) if number == category]
                )["recall@10"]
                for category in sorted(set(numbers))
            },
            "recall_ms": spread(took_ms),
            **more,
        },
        **{name: figures[name] >= bar for name, bar in BARS.items()},
        no_empty_answer=empty == 0,
        beats_the_reference=min(gained.values()) > 0,
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("path", nargs="?", default=os.environ.get("LOCOMO_PATH", ""))
    parser.add_argument("--home", type=Path)
    parser.add_argument("--fit", action="store_true")
    told = parser.parse_args()
    if not told.path:
        print("no dialogues: name a file, or set LOCOMO_PATH", file=sys.stderr)
        return 0
    with (
        nullcontext(told.home) if told.home else data_folder() as folder,
        opened(folder) as context,
    ):
        return measure(context, read_dialogues(Path(told.path)), is_fit=told.fit)


if __name__ == "__main__":
    sys.exit(main())
