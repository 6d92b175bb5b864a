"""Make the stored database file of this release, and what it has to answer for ever.

Run it once a release, and never again for a schema version that has been released:

    python -m scripts.make_golden_database

It writes ``tests/golden/flowtrace-<schema version>.db.gz`` and the answers beside it.
"""

import gzip
import hashlib
import json
import tempfile
from contextlib import closing
from pathlib import Path
from typing import Any

from flowtrace_mcp.ingest.pipeline import Pipeline
from flowtrace_mcp.model.memory import (
    MemoryKind,
    MemoryPlace,
    NewMemory,
    ScopeName,
)
from flowtrace_mcp.model.telemetry import PayloadEncoding
from flowtrace_mcp.model.vector import VectorCode
from flowtrace_mcp.services.remember import judge
from flowtrace_mcp.storage.database import Checkpointer
from flowtrace_mcp.storage.memory_store import MemoryWrite
from flowtrace_mcp.storage.memory_text import MemoryDocument
from flowtrace_mcp.storage.migrate import SCHEMA_VERSION
from flowtrace_mcp.storage.store import Store
from tests.storage.golden_answers import ALL, EMBEDDER, PLACE, answers

ROOT = Path(__file__).resolve().parent.parent
START_US = 1_795_000_000_000_000
GOLDEN = ROOT / "tests/golden"
OTLP = ROOT / "tests/data/otlp"


def memory(content: str, **said: Any) -> MemoryWrite:
    values: dict[str, Any] = {
        "kind": MemoryKind.FACT,
        "scope": ScopeName.REPO,
        "place": PLACE,
        "recorded_us": START_US,
        "valid_from_us": START_US,
    }
    new = NewMemory(content=content, **{**values, **said})
    digest = hashlib.blake2b(content.encode(), digest_size=16).digest()
    vector = VectorCode(
        embedder=EMBEDDER, sign_code=digest[:1], int8_code=digest[1:3], scale=1 / 127
    )
    return MemoryWrite(
        new=new,
        memory_id=digest,
        document=MemoryDocument(body=content, identifiers=new.topic),
        vectors=(vector,) if len(content) % 2 else (),
        near_terms=(),
        near_filter=None,  # type: ignore[arg-type] - not asked where there are no near_terms
    )


def memories() -> list[MemoryWrite]:
    elsewhere = MemoryPlace(project_id=2)
    return [
        memory("the test database listens on port 5433", topic="db", tags=("a", "b")),
        memory("the test database listens on port 5434", topic="db", recorded_us=START_US + 5),
        memory("tabs, never spaces", kind=MemoryKind.PREFERENCE, scope=ScopeName.GLOBAL),
        memory("port this branch to 3.14", scope=ScopeName.BRANCH, metadata={"n": 1}),
        memory("the plan of this session", scope=ScopeName.SESSION, kind=MemoryKind.PLAN),
        memory("a port of another project", place=elsewhere),
        memory("true for a while: é, \U0001f600", valid_to_us=START_US + 9, files={"a.py": "f0"}),
        memory("port with an alias", aliases=("harbour",), trace_id=bytes(16), span_id=bytes(8)),
    ]


def fill(store: Store) -> None:
    for number, name in enumerate(("shop", "bank"), start=1):
        assert store.project_id(f"git:example.com/o/{name}", name) == number
    store.spans.bind_session("golden-session", 1)
    pipeline = Pipeline(store, lambda: START_US)
    for path in sorted(OTLP.iterdir()):
        receive = next(
            (
                getattr(pipeline, signal)
                for signal in ("traces", "logs", "metrics")
                if f".{signal}" in path.name
            ),
            None,
        )
        encoding = {".pb": PayloadEncoding.PROTOBUF, ".json": PayloadEncoding.JSON}.get(path.suffix)
        if receive is not None and encoding is not None:
            receive(path.read_bytes(), encoding)
    for rollup in store.spans.list_sessions(ALL)[:1]:
        store.spans.bind_session(store.spans.get_strings([rollup.session_id])[rollup.session_id], 2)
    store.memories.insert_memories(memories(), judge)
    forgotten = store.memories.insert_memories([memory("forgotten port")], judge)[0]
    store.memories.retract(forgotten.handle, START_US + 7, "wrong")
    store.memories.insert_memories([memory("tabs, never spaces", scope=ScopeName.GLOBAL)], judge)


def main() -> None:
    target = GOLDEN / f"flowtrace-{SCHEMA_VERSION}.db.gz"
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "flowtrace.db"
        with closing(Store(path, lambda: START_US)) as store:
            fill(store)
            told = answers(store)
            assert store.check() == []
        assert Checkpointer(path).truncate(), "everything lies in the file itself"
        target.write_bytes(gzip.compress(path.read_bytes(), 9, mtime=0))
    text = json.dumps(told, indent=1, sort_keys=True, ensure_ascii=False)
    target.with_name(f"flowtrace-{SCHEMA_VERSION}.json").write_text(text + "\n", encoding="utf-8")
    print(f"{target.name}: {target.stat().st_size} bytes, {told['counts']}")


if __name__ == "__main__":
    main()
