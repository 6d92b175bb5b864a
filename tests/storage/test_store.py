"""The store that services receive: facts, projects, records and leases of one file."""

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import apsw
import pytest

from flowtrace_mcp.errors import StorageError
from flowtrace_mcp.model.ids import string_id, to_signed
from flowtrace_mcp.storage import projects as project_table
from flowtrace_mcp.storage.compression import compress
from flowtrace_mcp.storage.database import READERS_LIMIT
from flowtrace_mcp.storage.migrate import SCHEMA_VERSION
from flowtrace_mcp.storage.store import Store
from tests.storage.conftest import START_US, Clock
from tests.storage.memory_builder import keep
from tests.storage.span_builder import span

WAIT_S = 8.0


def test_facts_count_what_is_there(store: Store, path: Path) -> None:
    store.spans.insert_spans([span(1, session="s-1"), span(2)]).result(WAIT_S)
    store.insert_logs([(1, 1, 0, 0, 0, 0, 0, compress(b"l"))], [], {}).result(WAIT_S)
    store.insert_points([(1, 1, 0, 0, 0, compress(b"p"))], []).result(WAIT_S)
    gone = keep(store.memories, "one")
    keep(store.memories, "two")
    store.memories.retract(gone.handle, START_US, "")

    facts = store.facts()

    assert (facts.memory_count, facts.span_count, facts.trace_count) == (1, 2, 1)
    assert (facts.session_count, facts.log_count, facts.metric_point_count) == (1, 1, 1)
    assert (facts.schema_version, facts.write_refusal) == (SCHEMA_VERSION, None)
    assert facts.file_bytes == path.stat().st_size
    assert facts.log_bytes > 0
    assert facts.data_folder_id == store.data_folder_id


def test_a_file_without_a_log_has_a_log_of_no_bytes(path: Path, clock: Clock) -> None:
    store = Store(path, clock)
    store._database.scrub_log()
    store.close()
    path.with_name(path.name + "-wal").unlink(missing_ok=True)
    path.with_name(path.name + "-shm").unlink(missing_ok=True)
    again = Store(path, clock)

    assert again.facts().log_bytes == 0
    again.close()


def test_as_many_as_there_are_readers_may_ask_for_facts_at_once(store: Store) -> None:
    together = threading.Barrier(READERS_LIMIT)

    def ask(_: int) -> str:
        together.wait(WAIT_S)
        return store.facts().data_folder_id

    with ThreadPoolExecutor(READERS_LIMIT) as pool:
        ids = set(pool.map(ask, range(READERS_LIMIT), timeout=WAIT_S))

    assert ids == {store.data_folder_id}


def test_two_stores_of_one_file_know_that_they_share_it(
    store: Store, path: Path, tmp_path: Path, clock: Clock
) -> None:
    same, other = Store(path, clock), Store(tmp_path / "other.db", clock)
    ids = [one.data_folder_id for one in (same, other)]
    same.close()
    other.close()

    assert ids[0] == store.data_folder_id
    assert ids[1] != store.data_folder_id


class TestProjects:
    """Numbers of projects."""

    def test_a_project_keeps_its_number_and_its_first_name(self, store: Store) -> None:
        numbers = [
            store.project_id("git:a", "shop"),
            store.project_id("git:b", "shop"),
            store.project_id("git:a", "renamed"),
        ]

        assert numbers == [1, 2, 1]
        assert [(one.identity, one.name, one.created_us) for one in store.list_projects()] == [
            ("git:a", "shop", START_US),
            ("git:b", "shop", START_US),
        ]
        assert store.find_project_named("shop") == 1
        assert store.find_project_named("nowhere") is None

    def test_a_folder_whose_name_is_not_text_is_a_project_too(self, store: Store) -> None:
        numbers = {store.project_id("folder:/a\udcff", "a\udcff") for _ in range(2)}

        assert numbers == {1}
        assert store.find_project_named("a\udcff") == 1
        assert store.list_projects()[0].name == "a\\udcff"

    def test_processes_that_meet_a_project_together_give_it_one_number(
        self, store: Store, path: Path, clock: Clock
    ) -> None:
        other = Store(path, clock)
        with ThreadPoolExecutor(2) as pool:
            found = [
                set(pool.map(lambda one, n=number: one.project_id(f"git:{n}", "x"), (store, other)))
                for number in range(20)
            ]
        other.close()

        assert [len(numbers) for numbers in found] == [1] * 20
        assert sorted(number for numbers in found for number in numbers) == list(range(1, 21))

    def test_a_file_holds_so_many_projects_and_no_more(
        self, store: Store, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(project_table, "U16_MAX", 2)
        for number in (1, 2):
            store.project_id(f"git:{number}", "x")

        with pytest.raises(StorageError, match="cannot add a project"):
            store.project_id("git:3", "x")
        assert store.project_id("git:2", "x") == 2


class TestRecords:
    """Log records and metric points, with the strings and contents beside them."""

    def test_a_log_record_that_is_sent_twice_is_kept_once(self, store: Store) -> None:
        event = to_signed(string_id("event"))
        rows = [
            (number, START_US, 0, 0, 0, event, 6, compress(bytes([number]))) for number in (1, 2)
        ]

        counts = [
            store.insert_logs(part, ["event"], {6: b"resource"}).result(WAIT_S)
            for part in ([rows[0], rows[0]], rows)
        ]

        found = store.list_logs(after=(0, 0), limit=10)
        assert counts == [1, 1]
        assert [one.data for one in found] == [b"\x01", b"\x02"]
        assert store.spans.get_strings([event])[event] == "event"

    def test_a_metric_point_that_is_sent_twice_is_kept_once(self, store: Store) -> None:
        row = (1, START_US, 2, 3, 4, compress(b"point"))

        counts = [store.insert_points([row], ["tokens"]).result(WAIT_S) for _ in range(2)]

        (point,) = store.list_points(after=(0, 0), limit=10)
        assert counts == [1, 0]
        assert (point.digest, point.time_us, point.data) == (1, START_US, b"point")


def test_a_lease_is_taken_renewed_and_runs_out(store: Store, clock: Clock) -> None:
    taken = [store.take_lease("upkeep", owner, 100) for owner in ("a", "b", "a")]
    clock.now_us += 99
    early = store.take_lease("upkeep", "b", 100)
    clock.now_us += 1
    late = store.take_lease("upkeep", "b", 100)

    assert taken == [True, False, True]
    assert (early, late) == (False, True)


def test_a_sound_file_has_nothing_to_complain_about(store: Store) -> None:
    assert store.check() == []


def test_a_file_that_lost_an_index_entry_is_told(store: Store) -> None:
    keep(store.memories, "one", topic="t")

    def damage(connection: apsw.Connection) -> None:
        connection.config(apsw.SQLITE_DBCONFIG_DEFENSIVE, 0)
        connection.execute("PRAGMA writable_schema = ON")
        connection.execute(
            "UPDATE sqlite_schema SET rootpage = (SELECT rootpage FROM sqlite_schema"
            " WHERE name = 'leases') WHERE name = 'memories_by_topic'"
        )

    store._database.write(damage)

    assert store.check() != []


def test_a_store_that_stopped_writing_still_reads(store: Store) -> None:
    keep(store.memories, "one")

    store.stop_writing()

    with pytest.raises(StorageError):
        keep(store.memories, "two")
    assert store.facts().memory_count == 1
