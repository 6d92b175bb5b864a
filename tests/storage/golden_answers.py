"""What a stored file answers, as plain data that can be kept beside it and compared."""

import hashlib
from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

import msgspec

from flowtrace_mcp.model.memory import MemoryFilter, MemoryPlace
from flowtrace_mcp.model.vector import VectorCode
from flowtrace_mcp.storage.memory_text import project_token
from flowtrace_mcp.storage.sessions import SessionRollup
from flowtrace_mcp.storage.store import Store
from flowtrace_mcp.storage.traces import Page, TraceRollup

ALL = Page(limit=10_000)
WINDOW_US = (0, 2**52)
NOW_US = 1_800_000_000_000_000
EMBEDDER = "golden@1"
PLACE = MemoryPlace(project_id=1, branch="main", session="golden-session")
QUERY = VectorCode(embedder=EMBEDDER, sign_code=b"\x80", int8_code=b"\x7f\x01", scale=1 / 127)


def answers(store: Store) -> dict[str, Any]:
    facts = asdict(store.facts())
    return {
        "counts": {name: value for name, value in facts.items() if name.endswith("_count")},
        "projects": [asdict(project) for project in store.list_projects()],
        "traces": [_trace(store, rollup) for rollup in store.spans.list_traces(ALL)],
        "sessions": [_session(store, rollup) for rollup in store.spans.list_sessions(ALL)],
        "spans": _spans(store),
        "hours": _hours(store),
        "logs": [
            (log.digest, log.time_us, log.session_id, log.event_id, _digest(log.data))
            for log in store.list_logs(after=(0, 0), limit=10_000)
        ],
        "points": [
            (point.digest, point.time_us, _digest(point.data))
            for point in store.list_points(after=(0, 0), limit=10_000)
        ],
        "memories": _memories(store),
    }


def _names(store: Store, *numbers: int) -> list[str]:
    found = store.spans.get_strings(numbers)
    return [found[number] for number in numbers]


def _trace(store: Store, rollup: TraceRollup) -> dict[str, Any]:
    ids = rollup.name_id, rollup.service_id, rollup.session_id, rollup.agent_id
    return {
        "trace_id": rollup.trace_id.hex(),
        "project": rollup.project_id,
        "names": _names(store, *ids),
        "start_us": rollup.start_us,
        "end_us": rollup.end_us,
        "measures": list(rollup.measures.values()),
    }


def _session(store: Store, rollup: SessionRollup) -> dict[str, Any]:
    return {
        "project": rollup.project_id,
        "names": _names(store, rollup.session_id, rollup.agent_id, rollup.user_id),
        "start_us": rollup.start_us,
        "end_us": rollup.end_us,
        "measures": list(rollup.measures.values()),
    }


def _spans(store: Store) -> list[dict[str, Any]]:
    keyed = store.spans.list_edges(WINDOW_US, 10_000)
    return [
        {
            **{name: _plain(value) for name, value in msgspec.structs.asdict(one.edge).items()},
            "payload": _digest(one.payload.raw) if one.payload else None,
            "resource": _digest(one.payload.resource) if one.payload else None,
            "scope": _digest(one.payload.scope) if one.payload else None,
            "tokens": msgspec.structs.asdict(one.usage.tokens) if one.usage else None,
            "cost_usd": one.usage.cost_usd if one.usage else None,
        }
        for one in store.spans.get_spans(keyed)
    ]


def _hours(store: Store) -> list[dict[str, Any]]:
    return [
        {
            "project": hour.project_id,
            "hour_us": hour.hour_us,
            "median_us": round(hour.durations.quantile(0.5), 3),
            "largest_us": hour.durations.max,
            "sessions": hour.sessions.count(),
            "measures": list(hour.measures.values()),
        }
        for project_id in (0, *(project.project_id for project in store.list_projects()))
        for hour in store.spans.list_project_hours(project_id, WINDOW_US, 10_000)
    ]


def _memories(store: Store) -> dict[str, Any]:
    def told(handles: Iterable[str]) -> list[dict[str, Any]]:
        found = [store.memories.find_memory(handle) for handle in handles]
        return [
            {name: _plain(value) for name, value in asdict(memory).items()}
            for memory in found
            if memory is not None
        ]

    asked = MemoryFilter(place=PLACE, now_us=NOW_US)
    tokens = f"project : ({project_token(1)} OR {project_token(0)})"
    hits = store.memories.search(f'"port" AND {tokens}', QUERY, asked, 10)
    with store._database.reading() as reader:
        handles = [row[0] for row in reader.execute("SELECT handle FROM memories ORDER BY 1")]
        links = list(reader.execute("SELECT from_key, to_key, relation FROM memory_links"))
    return {
        "all": told(handles),
        "in_force": [memory.content for _, memory in store.memories.list_recent(asked, 100)],
        "found": [
            (hit.key, hit.bm25 and round(hit.bm25, 6), hit.cosine and round(hit.cosine, 6))
            for hit in hits
        ],
        "links": links,
        "embedded": asdict(store.memories.count_embedded()),
    }


def _plain(value: Any) -> Any:
    return value.hex() if isinstance(value, bytes) else value


def _digest(data: bytes) -> str:
    return hashlib.blake2b(data, digest_size=8).hexdigest()
