"""Question to code: functions of installed packages as memories, asked for by their docstrings.

    python code_search.py [--home FOLDER]

A question is the first sentence of a docstring; a memory is a function without its docstring.
`recall` is held against its two arms: words alone and meaning alone.
"""

import argparse
import ast
import importlib.util
import random
import re
import sys
import time
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path

from lab import data_folder, report, spread
from retrieval_lab import Score, opened, score, store_all, summary

from flowtrace_mcp.analytics.words import fts_query, search_terms
from flowtrace_mcp.model.memory import MemoryFilter
from flowtrace_mcp.model.project import ProjectIdentity
from flowtrace_mcp.services.context import Caller, Context, place_of
from flowtrace_mcp.services.recall import RecallRequest, recall
from flowtrace_mcp.services.recall_bounds import BUDGET_MOST_TOKENS
from flowtrace_mcp.services.remember import RememberRequest
from flowtrace_mcp.storage.memory_text import project_token

PACKAGES = (
    "numpy",
    "starlette",
    "anyio",
    "mcp",
    "click",
    "packaging",
    "pydantic",
    "hypothesis",
    "markdown_it",
)
FUNCTIONS = 3_000
QUESTIONS = 400
SEED = 3
LEAST_WORDS = 4  # of a docstring's first sentence
LEAST_CHARACTERS = 80  # of a function without its docstring
LEAST_RECALL = 0.75
TOP = 10
CALLER = Caller(project=ProjectIdentity(identity="name:code", name="code"))


@dataclass(frozen=True, kw_only=True)
class Function:
    """A function as a memory, and the question that asks for it, "" = none."""

    text: str
    question: str


def functions_of(package: str) -> Iterator[Function]:
    """Give the functions of an installed package; its tests are passed by."""
    found = importlib.util.find_spec(package)
    assert found is not None
    assert found.submodule_search_locations is not None
    for folder in found.submodule_search_locations:
        for path in sorted(Path(folder).rglob("*.py")):
            if "tests" not in path.parts:
                yield from _functions(path.read_text("utf-8"))


def _functions(source: str) -> Iterator[Function]:
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        told = ast.get_docstring(node) or ""
        if told:
            node.body = node.body[1:] or [ast.Pass()]
        text = ast.unparse(node)
        if len(text) >= LEAST_CHARACTERS:
            first = " ".join(told.split("\n\n")[0].split())
            sentence = re.split(r"(?<=[.!?])\s", first)[0]
            yield Function(
                text=text, question=sentence if len(sentence.split()) >= LEAST_WORDS else ""
            )


def draw() -> tuple[list[Function], list[Function]]:
    """Return the functions to store and, of these, the ones that are asked for."""
    chance = random.Random(SEED)
    unique = {one.text: one for package in PACKAGES for one in functions_of(package)}
    everything = list(unique.values())
    asked = chance.sample([one for one in everything if one.question], QUESTIONS)
    texts = {one.text for one in asked}
    others = [one for one in everything if one.text not in texts]
    stored = [*asked, *chance.sample(others, FUNCTIONS - QUESTIONS)]
    chance.shuffle(stored)
    return stored, asked


def arms(context: Context, question: str, wanted: MemoryFilter) -> dict[str, list[int]]:
    """Return the keys that each arm alone ranks highest."""
    tokens = [project_token(wanted.place.project_id)]
    store = context.store.memories
    codes = context.meaning.encode([question])
    words = store.search(fts_query(search_terms(question), tokens), None, wanted, TOP)
    meaning = store.search(None, codes[0] if codes else None, wanted, TOP)
    return {
        "words": [one.key for one in sorted(words, key=lambda one: -(one.bm25 or 0.0))],
        "meaning": [one.key for one in sorted(meaning, key=lambda one: -(one.cosine or 0.0))],
    }


def measure(context: Context) -> int:
    """Store, ask, and report."""
    stored, asked = draw()
    requests = [RememberRequest(content=one.text) for one in stored]
    ids = dict(zip((one.text for one in stored), store_all(context, requests, CALLER), strict=True))
    wanted = MemoryFilter(place=place_of(context, CALLER), now_us=context.now_us())
    scores: dict[str, list[Score]] = {"recall": [], "words": [], "meaning": []}
    took_ms = []
    for one in asked:
        gold = frozenset({ids[one.text]})
        began_s = time.perf_counter()
        answer = recall(
            context, RecallRequest(query=one.question, budget=BUDGET_MOST_TOKENS), CALLER
        )
        took_ms.append((time.perf_counter() - began_s) * 1000)
        scores["recall"].append(score([row.id for row in answer.memories], gold))
        for arm, keys in arms(context, one.question, wanted).items():
            memories = context.store.memories.get_memories(keys)
            scores[arm].append(score([memories[key].handle for key in keys], gold))
    figures = {arm: summary(some) for arm, some in scores.items()}
    ours = figures["recall"]["recall@10"]
    return report(
        "question to code",
        {
            "functions": len(stored),
            "questions": len(asked),
            "seed": SEED,
            **figures,
            "recall_ms": spread(took_ms),
        },
        recall=ours >= LEAST_RECALL,
        above_words=ours > figures["words"]["recall@10"],
        above_meaning=ours > figures["meaning"]["recall@10"],
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--home", type=Path)
    told = parser.parse_args()
    with (
        nullcontext(told.home) if told.home else data_folder() as folder,
        opened(folder) as context,
    ):
        return measure(context)


if __name__ == "__main__":
    sys.exit(main())
