"""Files of every release: they open, and answer as they did when they were written."""

import gzip
import json
from contextlib import closing
from pathlib import Path

import apsw
import pytest

from flowtrace_mcp.model.ids import string_id
from flowtrace_mcp.storage.connection import connect
from flowtrace_mcp.storage.migrate import SCHEMA_VERSION, migrate
from flowtrace_mcp.storage.store import Store
from tests.storage.conftest import START_US, Clock
from tests.storage.golden_answers import answers
from tests.storage.span_builder import span

GOLDEN = Path(__file__).parents[1] / "golden"
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


def test_a_stored_file_is_read_without_our_code(path: Path) -> None:
    """As docs/format/database.md says: SQLite alone, and a few lines of struct."""
    unpack(NEWEST, path)
    reader = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
    name, record = reader.execute(
        "SELECT strings.text, edge FROM edges JOIN strings ON string_id = session_id LIMIT 1"
    ).fetchone()
    reader.close()

    assert int.from_bytes(record[48:56], "little") == string_id(name)
