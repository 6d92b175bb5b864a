"""Files of every release: they open, and answer as they did when they were written."""

import gzip
import json
import struct
from contextlib import closing
from pathlib import Path

import apsw
import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from flowtrace_mcp.model.ids import string_id
from flowtrace_mcp.storage.compression import zstd
from flowtrace_mcp.storage.connection import connect
from flowtrace_mcp.storage.migrate import SCHEMA_VERSION, migrate
from flowtrace_mcp.storage.store import Store
from tests.storage.conftest import START_US, Clock
from tests.storage.golden_answers import answers
from tests.storage.span_builder import span

ROOT = Path(__file__).parents[2]
GOLDEN = ROOT / "tests/golden"
FILES = sorted(GOLDEN.glob("flowtrace-*.db.gz"))
NEWEST = GOLDEN / f"flowtrace-{SCHEMA_VERSION}.db.gz"


def unpack(packed: Path, path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(gzip.decompress(packed.read_bytes()))


def schema(path: Path) -> list[tuple[str, str]]:
    with closing(connect(path, writable=False)) as reader:
        return list(reader.execute("SELECT name, sql FROM sqlite_schema ORDER BY name"))


@pytest.mark.parametrize("packed", FILES, ids=lambda packed: packed.name)
def test_a_stored_file_opens_and_gives_the_same_answers(
    packed: Path, path: Path, clock: Clock
) -> None:
    unpack(packed, path)
    wanted = json.loads(packed.with_name(packed.name.replace(".db.gz", ".json")).read_bytes())

    with closing(Store(path, clock)) as store:
        given = json.loads(json.dumps(answers(store)))
        complaints = store.check()

    assert given == wanted
    assert complaints == []


@pytest.mark.parametrize("packed", FILES, ids=lambda packed: packed.name)
def test_a_stored_file_takes_new_spans(packed: Path, path: Path, clock: Clock) -> None:
    unpack(packed, path)

    with closing(Store(path, clock)) as store:
        before = store.facts().span_count
        store.spans.insert_spans([span(1, session="new")]).result(8)

        assert store.facts().span_count == before + 1
        assert store.spans.find_session("new") is not None


def test_this_release_has_a_stored_file() -> None:
    assert NEWEST in FILES


def test_a_schema_that_has_a_stored_file_is_never_edited(path: Path) -> None:
    unpack(NEWEST, path)
    fresh = path.with_name("fresh.db")
    with closing(connect(fresh, writable=True)) as connection:
        migrate(connection, START_US)

    assert schema(path) == schema(fresh), "a released schema changes by a migration alone"


def test_a_stored_file_is_read_without_our_code_as_its_page_says(path: Path) -> None:
    unpack(NEWEST, path)
    dictionary = zstd.ZstdDict((ROOT / "flowtrace_mcp/storage/payload.dict").read_bytes())
    with closing(apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)) as reader:
        session, edge = reader.execute(
            "SELECT text, edge FROM edges JOIN strings ON string_id = session_id LIMIT 1"
        ).fetchone()
        contents = dict(reader.execute("SELECT content_id, data FROM contents"))
        rows = list(
            reader.execute(
                "SELECT edge, data, offset_bytes, length_bytes, cuts"
                " FROM payloads JOIN edges USING (edge_key) JOIN packs USING (pack_id)"
                " WHERE encoding = 0"
            )
        )
    spans = []
    for _, data, start, size, cuts in rows:
        raw = zstd.decompress(data, zstd_dict=dictionary)[start : start + size]
        for offset, length, key in struct.iter_unpack("<IIq", cuts or b""):
            value = zstd.decompress(contents[key], zstd_dict=dictionary)
            assert len(value) == length
            raw = raw[:offset] + value + raw[offset:]
        spans.append(Span.FromString(raw))

    assert int.from_bytes(edge[48:56], "little") == string_id(session)
    assert any(row[-1] for row in rows), "one at least had a long value"
    assert [span.span_id for span in spans] == [row[0][8:16] for row in rows]


def test_the_page_of_the_file_names_every_table_and_index(path: Path) -> None:
    unpack(NEWEST, path)
    page = (ROOT / "docs/format/database.md").read_text(encoding="utf-8")
    inside = ("memory_text_", "span_text_")
    names = [name for name, sql in schema(path) if sql and not name.startswith(inside)]

    assert [name for name in names if f" {name} " not in page] == ["sqlite_sequence"]
