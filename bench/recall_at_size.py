"""`recall` and `remember` in process among 100,000 memories of one project, the model warm.

The texts are drawn from small sets of subjects and facts, with numbers and file names that tell
them apart; their vectors are those of 2,000 real ones with noise, for the model would take ten
minutes to read them all. Memories are stored in bulk, without the rules of `remember`. The bars are
of the wall, for a recall works on two threads; what both take of the processor stands beside it.
"""

import random
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import apsw
import numpy as np
from lab import data_folder, elapsed_ms, environment, report, spread
from memory_calls import texts

from flowtrace_mcp.app import Application
from flowtrace_mcp.embedding.codes import from_int8, sign_code, to_int8
from flowtrace_mcp.model.memory import MemoryKind, MemoryPlace, NewMemory, ScopeName
from flowtrace_mcp.model.project import ProjectIdentity
from flowtrace_mcp.model.vector import VectorCode
from flowtrace_mcp.services.context import Caller, Context, place_of
from flowtrace_mcp.services.documents import document_of
from flowtrace_mcp.services.recall import RecallRequest, recall
from flowtrace_mcp.services.remember import RememberRequest, remember
from flowtrace_mcp.storage import memories, memory_text, memory_vectors

SIZES = (600, 100_000)
RECALL_LIMIT_MS = {600: 8, 100_000: 15}
REMEMBER_LIMIT_MS = {True: 12, False: 2}
READ = 2_000  # so many texts does the model read
NOISE = 0.5
ROWS_A_COMMIT = 250
RUNS = 100
WAIT_S = 30
CALLER = Caller(project=ProjectIdentity(identity="name:bench", name="bench"), session="s-1")


def opened(folder: Path, embedder: str) -> Application:
    """Return a process without a listener, over a file of its own."""
    environ = environment(folder, FLOWTRACE_EMBEDDER=embedder, FLOWTRACE_LISTENER="off")
    return Application(environ, listen=False)


def near_vectors(context: Context, contents: list[str]) -> list[VectorCode]:
    """Return a made-up vector for each text, near that of one the model has read."""
    read: list[VectorCode] = []
    for start in range(0, min(READ, len(contents)), 100):
        read += context.meaning.encode_here(contents[start : start + 100]) or []
    numbers = np.stack([np.frombuffer(code.int8_code, np.int8) for code in read])
    scales = np.array([code.scale for code in read], np.float32)
    chance = np.random.default_rng(3)
    vectors = from_int8(numbers, scales)[np.arange(len(contents)) % len(read)]
    noise = chance.standard_normal(vectors.shape, np.float32)
    vectors = vectors + NOISE * noise / np.linalg.norm(noise, axis=1, keepdims=True)
    codes, scales = to_int8(vectors / np.linalg.norm(vectors, axis=1, keepdims=True))
    return [
        VectorCode(
            embedder=read[0].embedder,
            sign_code=sign.tobytes(),
            int8_code=code.tobytes(),
            scale=float(scale),
        )
        for sign, code, scale in zip(sign_code(vectors), codes, scales, strict=True)
    ]


def fill(context: Context, size: int) -> None:
    """Store memories in bulk, each with its words and, where there is a model, a vector."""
    place = place_of(context, CALLER)
    contents = texts(size, 1)
    codes = near_vectors(context, contents) if context.meaning.is_wanted else []
    rows = list(enumerate(contents, 1))
    for start in range(0, size, ROWS_A_COMMIT):
        part = rows[start : start + ROWS_A_COMMIT]
        context.store._database.write(lambda c, part=part: insert(c, part, codes, place))


def insert(
    connection: apsw.Connection,
    rows: list[tuple[int, str]],
    codes: list[VectorCode],
    place: MemoryPlace,
) -> None:
    for at, content in rows:
        new = NewMemory(
            content=content,
            kind=MemoryKind.FACT,
            scope=ScopeName.REPO,
            place=MemoryPlace(
                project_id=place.project_id, branch=place.branch, session=f"s-{at // 50}"
            ),
            recorded_us=at * 1_000_000,
            valid_from_us=at * 1_000_000,
            sequence=at % 50,
        )
        key = memories.insert_memory(connection, new, at.to_bytes(16, "big"))
        memory_text.insert_text(connection, key, place.project_id, document_of(new))
        if codes:
            memory_vectors.insert_vectors(connection, key, place.project_id, [codes[at - 1]])


def timed(work: Callable[[str], None], texts: list[str]) -> dict[str, dict[str, float]]:
    """Return milliseconds: of the processor, by all threads of this process, and of the wall."""
    cpu_ms, wall_ms = [], []
    for text in texts:
        cpu_s, wall_s = time.process_time(), time.perf_counter()
        work(text)
        cpu_ms.append((time.process_time() - cpu_s) * 1000)
        wall_ms.append((time.perf_counter() - wall_s) * 1000)
    return {"cpu_ms": spread(cpu_ms), "wall_ms": spread(wall_ms)}


def bare_commits(folder: Path) -> dict[str, float]:
    """Return milliseconds of the wall that a commit of one row takes: what the disk asks for."""
    with closing(apsw.Connection(str(folder / "bare.db"))) as connection:
        for statement in ("PRAGMA journal_mode = WAL", "PRAGMA synchronous = FULL"):
            connection.execute(statement)
        connection.execute("CREATE TABLE bare (number INTEGER)")

        def commit(number: str) -> None:
            connection.execute("INSERT INTO bare VALUES (?)", (number,))

        return timed(commit, [str(number) for number in range(RUNS)])["wall_ms"]


def measure(folder: Path, size: int, *, has_model: bool) -> dict[str, Any]:
    program = opened(folder, "minilm" if has_model else "off")
    context = program.context()
    if has_model:
        context.meaning.load()
        assert context.meaning.wait(WAIT_S)
    began_s = time.perf_counter()
    fill(context, size)
    fill_s = round(time.perf_counter() - began_s, 1)
    chance = random.Random(5)
    asked = [
        f"what do we know of {' '.join(text.split()[:6])} and module_{chance.randrange(900)}.py"
        for text in texts(RUNS, 4)
    ]
    told = [f"new: {text}" for text in texts(RUNS, 2)]

    def ask(query: str) -> None:
        recall(context, RecallRequest(query=query), CALLER)

    def tell(content: str) -> None:
        remember(context, RememberRequest(content=content), CALLER)

    first_ms = round(elapsed_ms(lambda: ask(asked[0])), 1)
    recalls, remembers = timed(ask, asked), timed(tell, told)
    program.close()
    return {
        "memories": size,
        "has_model": has_model,
        "fill_s": fill_s,
        "first_recall_ms": first_ms,
        "recall": recalls,
        "remember": remembers,
        "bare_commit_ms": bare_commits(folder),
    }


def main() -> int:
    figures, bars = [], {}
    for size in [int(size) for size in sys.argv[1:]] or SIZES:
        for has_model in (True, False):
            with data_folder() as folder:
                one = measure(folder, size, has_model=has_model)
            figures.append(one)
            name = f"{size}_{'with_model' if has_model else 'words_alone'}"
            limit_ms = RECALL_LIMIT_MS.get(size, max(RECALL_LIMIT_MS.values()))
            bars[f"recall_{name}"] = one["recall"]["wall_ms"]["p50"] <= limit_ms
            bars[f"remember_{name}"] = (
                one["remember"]["wall_ms"]["p50"] <= REMEMBER_LIMIT_MS[has_model]
            )
    return report("recall and remember in process", {"runs": figures}, **bars)


if __name__ == "__main__":
    sys.exit(main())
