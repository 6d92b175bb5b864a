"""Backups of a real file: made, listed, verified, restored, sent away and taken in."""

import hashlib
import json
import stat
import zipfile
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import apsw
import msgspec
import pytest

from flowtrace_mcp.errors import (
    AccessError,
    BusyError,
    ConflictError,
    DamagedError,
    InputError,
    NewerFileError,
    NotFoundError,
    ReadOnlyError,
    TooLargeError,
)
from flowtrace_mcp.model.project import ProjectIdentity
from flowtrace_mcp.services import backups
from flowtrace_mcp.services.backup_archives import export_backup, import_backup
from flowtrace_mcp.services.backups import (
    BackupRequest,
    create_backup,
    delete_backup,
    find_backup,
    keep_newest,
    list_backups,
    verify_backup,
)
from flowtrace_mcp.services.context import Caller, Context, place_of
from flowtrace_mcp.services.keys import KeyRing, create_key, revoke_key
from flowtrace_mcp.services.recall import RecallRequest, recall
from flowtrace_mcp.services.remember import RememberRequest, remember
from flowtrace_mcp.services.restore import RestoreRequest, restore_backup
from flowtrace_mcp.services.restore_modes import RestoreMode
from flowtrace_mcp.storage.migrate import SCHEMA_VERSION
from tests.services.work import Work

PASSPHRASE = "correct horse battery"


def told(context: Context, caller: Caller, query: str) -> list[str]:
    found = recall(context, RecallRequest(query=query), caller).memories
    return [row.memory.content for row in found]


def keep(context: Context, caller: Caller, *texts: str) -> None:
    for text in texts:
        remember(context, RememberRequest(content=text), caller)


@pytest.fixture
def lived(context: Context, caller: Caller) -> Context:
    keep(context, caller, "Staging runs on alpha", "The API speaks gRPC")
    work = Work(context)
    work.call("claude-sonnet-4-5", tokens=(100, 20))
    work.tool("grep", 2.0, arguments={"pattern": "x"})
    work.store()
    return context


def test_a_backup_says_what_it_holds_and_nobody_else_reads_it(lived: Context) -> None:
    backup = create_backup(lived, BackupRequest(name="before-the-move"))

    assert [one.backup_id for one in list_backups(lived)] == ["before-the-move"]
    assert backup.manifest.counts["memories"] == 2
    assert backup.manifest.counts["spans"] == 2
    (stored,) = backup.manifest.files
    data = (backup.path / stored.path).read_bytes()
    assert hashlib.sha256(data).hexdigest() == stored.sha256
    assert stat.S_IMODE(backup.path.stat().st_mode) == 0o700
    assert {stat.S_IMODE(one.stat().st_mode) for one in backup.path.iterdir()} == {0o600}


def test_a_backup_without_a_name_is_called_by_its_second(lived: Context) -> None:
    one, other = create_backup(lived, BackupRequest()), create_backup(lived, BackupRequest())

    seconds = one.manifest.created_at
    assert (one.backup_id, other.backup_id) == (f"backup_{seconds}", f"backup_{seconds}_2")


@pytest.mark.parametrize("is_compressed", [False, True])
@pytest.mark.parametrize("passphrase", ["", PASSPHRASE])
def test_what_was_backed_up_is_restored(
    lived: Context, caller: Caller, is_compressed: bool, passphrase: str
) -> None:
    create_backup(
        lived, BackupRequest(name="b", is_compressed=is_compressed, passphrase=passphrase)
    )
    keep(lived, caller, "Written after the backup")
    before = lived.store.facts()

    done = restore_backup(lived, RestoreRequest(backup_id="b", passphrase=passphrase))

    after = lived.store.facts()
    assert (before.memory_count, after.memory_count) == (3, 2)
    assert after.data_folder_id == before.data_folder_id
    assert "The API speaks gRPC" in told(lived, caller, "what does the API speak")
    assert "Written after the backup" not in told(lived, caller, "written after the backup")
    assert find_backup(lived, done.pre_restore_backup).manifest.counts["memories"] == 3
    assert lived.store.check() == []


def test_a_restore_can_be_taken_back(lived: Context, caller: Caller) -> None:
    create_backup(lived, BackupRequest(name="b"))
    keep(lived, caller, "Written after the backup")
    done = restore_backup(lived, RestoreRequest(backup_id="b"))

    restore_backup(lived, RestoreRequest(backup_id=done.pre_restore_backup))

    assert "Written after the backup" in told(lived, caller, "written after the backup")


def test_what_was_made_for_the_former_content_is_refused_and_the_next_write_succeeds(
    lived: Context, caller: Caller, make_context: Callable[..., Context]
) -> None:
    other = make_context()  # as another process has it open
    create_backup(lived, BackupRequest(name="b"))
    restore_backup(lived, RestoreRequest(backup_id="b"))

    with pytest.raises(BusyError, match="restored just now"):
        keep(other, caller, "Made of numbers of the former content")
    keep(other, caller, "Staging moved to beta")

    assert "Staging moved to beta" in told(lived, caller, "where is staging")


def test_a_key_that_was_revoked_stays_so_and_the_record_stays_whole(lived: Context) -> None:
    key, secret = create_key(lived, "ci", "reader")
    create_backup(lived, BackupRequest(name="b"))
    revoke_key(lived, key.key_id)
    later, later_secret = create_key(lived, "later", "writer")

    restore_backup(lived, RestoreRequest(backup_id="b"))

    ring = KeyRing(lived)
    assert ring.find(secret) is None
    assert ring.find(later_secret) == later
    done = [entry.what for entry in lived.store.access.list_entries(2**62, 0, 10)]
    assert done == [
        "restored b (replace)",
        f"created {later.key_id} (writer)",
        f"revoked {key.key_id}",
        f"created {key.key_id} (reader)",
    ]


def test_a_damaged_file_is_restored_and_kept_as_it_was(lived: Context, caller: Caller) -> None:
    keep(lived, caller, *(f"fact {number} " + "words " * 200 for number in range(40)))
    create_backup(lived, BackupRequest(name="b"))
    lived.store.scrub_log()
    path = lived.settings.db_path
    with path.open("r+b") as file:
        file.seek(path.stat().st_size // 2 // 4096 * 4096)
        file.write(b"\xff" * 8192)

    done = restore_backup(lived, RestoreRequest(backup_id="b"))

    assert lived.store.check() == []
    assert lived.store.facts().memory_count == 42
    kept = find_backup(lived, done.pre_restore_backup)
    assert kept.manifest.counts == {}
    with pytest.raises(DamagedError):
        restore_backup(lived, RestoreRequest(backup_id=kept.backup_id))


def test_a_restore_is_on_record_in_the_content_that_is_there_then(lived: Context) -> None:
    create_backup(lived, BackupRequest(name="b"))

    restore_backup(lived, RestoreRequest(backup_id="b"))

    entries = lived.store.access.list_entries(2**62, 0, 10)
    assert [(one.action, one.what) for one in entries] == [("backup", "restored b (replace)")]


def test_a_project_keeps_its_number_through_a_restore(lived: Context, stranger: Caller) -> None:
    create_backup(lived, BackupRequest(name="b"))
    number = place_of(lived, stranger).project_id

    restore_backup(lived, RestoreRequest(backup_id="b"))

    assert place_of(lived, stranger).project_id == number


def test_numbers_are_not_given_twice_after_a_restore(lived: Context, caller: Caller) -> None:
    create_backup(lived, BackupRequest(name="b"))
    keep(lived, caller, "One more", "And another")
    before = lived.store.memories.newest_key()
    restore_backup(lived, RestoreRequest(backup_id="b"))

    keep(lived, caller, "The next one")

    assert lived.store.memories.newest_key() > before


def test_a_merge_adds_what_is_missing_and_doubles_nothing(
    make_context: Callable[..., Context], caller: Caller, stranger: Caller, tmp_path: Path
) -> None:
    source = make_context(FLOWTRACE_DB_PATH=str(tmp_path / "one" / "a.db"))
    keep(source, caller, "Staging runs on alpha", "Only the backup knows this")
    keep(source, stranger, "Of the other project")
    old = Work(source, "s-1")
    old.tool("grep", arguments={"pattern": "x"})
    old.call("claude-sonnet-4-5", 2.0)
    old.store()
    source.store.spans.bind_session("s-1", place_of(source, caller).project_id)
    create_backup(source, BackupRequest(name="b"))
    archive = tmp_path / "b.zip"
    export_backup(source, "b", archive)

    target = make_context(FLOWTRACE_DB_PATH=str(tmp_path / "two" / "a.db"))
    keep(target, stranger, "The first project here has another number")
    new = Work(target, "s-2")
    new.tool("sed", arguments={})
    new.store()
    import_backup(target, archive)

    first = restore_backup(target, RestoreRequest(backup_id="b", mode=RestoreMode.MERGE))
    second = restore_backup(target, RestoreRequest(backup_id="b", mode=RestoreMode.MERGE))

    assert first.added == {"memories": 3, "spans": 2, "logs": 0, "metric_points": 0}
    assert second.added == {"memories": 0, "spans": 0, "logs": 0, "metric_points": 0}
    facts = target.store.facts()
    assert (facts.memory_count, facts.span_count) == (4, 3)
    assert "Only the backup knows this" in told(target, caller, "what does only the backup know")
    assert told(target, stranger, "what does only the backup know") == []
    bound = target.store.spans.find_session_project("s-1")
    assert bound == place_of(target, caller).project_id
    assert target.store.spans.find_session("s-1").project_id == bound
    assert target.store.check() == []


def test_a_merge_keeps_the_newer_version_of_a_span(lived: Context) -> None:
    work = Work(lived, "s-9")
    work.span("a long one", for_s=1.0)
    work.store()
    create_backup(lived, BackupRequest(name="b"))
    again = Work(lived, "s-9")
    again.span("a long one", for_s=60.0)
    again.store()

    restore_backup(lived, RestoreRequest(backup_id="b", mode=RestoreMode.MERGE))

    (edge,) = lived.store.spans.list_trace_edges(bytes.fromhex(work.trace_id()))
    assert edge.duration_us == 60_000_000


def test_a_backup_of_an_encrypted_file_asks_for_its_passphrase(lived: Context) -> None:
    create_backup(lived, BackupRequest(name="b", passphrase=PASSPHRASE))

    verify_backup(lived, "b", PASSPHRASE)
    with pytest.raises(AccessError):
        verify_backup(lived, "b", "another passphrase")
    with pytest.raises(InputError):
        verify_backup(lived, "b")


def test_nothing_of_the_text_is_in_an_encrypted_backup(lived: Context) -> None:
    backup = create_backup(lived, BackupRequest(name="b", passphrase=PASSPHRASE))

    data = b"".join(one.read_bytes() for one in backup.path.iterdir())
    assert b"alpha" not in data
    assert b"SQLite format" not in data


@pytest.mark.parametrize("is_compressed", [False, True])
def test_a_damaged_backup_is_named_and_not_restored(lived: Context, is_compressed: bool) -> None:
    backup = create_backup(lived, BackupRequest(name="b", is_compressed=is_compressed))
    path = backup.path / backup.manifest.files[0].path
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    before = lived.store.facts()

    with pytest.raises(DamagedError):
        verify_backup(lived, "b")
    with pytest.raises(DamagedError):
        restore_backup(lived, RestoreRequest(backup_id="b"))

    assert lived.store.facts() == before


def forged(lived: Context, change: str) -> None:
    """Make a backup whose hashes are right and whose database somebody has changed."""
    backup = create_backup(lived, BackupRequest(name="b"))
    path = backup.path / backup.manifest.files[0].path
    with closing(apsw.Connection(str(path))) as connection:
        connection.execute(change)
    data = path.read_bytes()
    digest = hashlib.sha256(data).hexdigest()
    stored = msgspec.structs.replace(backup.manifest.files[0], size_bytes=len(data), sha256=digest)
    manifest = msgspec.structs.replace(
        backup.manifest, files=(stored,), database_bytes=len(data), database_sha256=digest
    )
    (backup.path / "manifest.json").write_bytes(msgspec.json.encode(manifest))


@pytest.mark.parametrize(
    ("change", "error"),
    [
        (
            "CREATE TRIGGER t AFTER INSERT ON memories BEGIN DELETE FROM memories; END",
            DamagedError,
        ),
        ("CREATE VIEW v AS SELECT 1", DamagedError),
        ("DROP TABLE usage", DamagedError),
        (f"PRAGMA user_version = {SCHEMA_VERSION + 1}", NewerFileError),
        ("PRAGMA application_id = 7", DamagedError),
    ],
)
def test_a_forged_database_is_not_restored(
    lived: Context, change: str, error: type[Exception]
) -> None:
    forged(lived, change)
    before = lived.store.facts()

    with pytest.raises(error):
        restore_backup(lived, RestoreRequest(backup_id="b"))

    assert lived.store.facts() == before


def test_names_lead_nowhere_else(lived: Context, tmp_path: Path) -> None:
    create_backup(lived, BackupRequest(name="b"))
    for name in ("../b", "..", ".", "", "a/b", "/etc", "b\0", "x" * 101, ".making-1"):
        with pytest.raises(NotFoundError):
            find_backup(lived, name)
    for name in ("../x", "..", "a/b", "-x", "x" * 101):
        with pytest.raises(InputError):
            create_backup(lived, BackupRequest(name=name))

    assert not (tmp_path.parent / "x").exists()


def test_a_name_is_given_once(lived: Context) -> None:
    create_backup(lived, BackupRequest(name="b"))

    with pytest.raises(ConflictError):
        create_backup(lived, BackupRequest(name="b"))


def test_a_deleted_backup_is_gone(lived: Context) -> None:
    backup = create_backup(lived, BackupRequest(name="b"))

    delete_backup(lived, "b")

    assert list_backups(lived) == []
    assert not backup.path.exists()
    assert list(backup.path.parent.iterdir()) == []


def test_only_backups_by_the_clock_make_room_for_newer_ones(lived: Context) -> None:
    create_backup(lived, BackupRequest(name="mine"))
    for number in range(4):
        create_backup(lived, BackupRequest(name=f"auto_{number}"))

    gone = keep_newest(lived, 2)

    assert sorted(gone) == ["auto_0", "auto_1"]
    assert {one.backup_id for one in list_backups(lived)} == {"mine", "auto_2", "auto_3"}


def test_a_full_disk_is_said_before_anything_is_written(
    lived: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backups, "RESERVE_BYTES", 2**60)

    with pytest.raises(ReadOnlyError, match="no room"):
        create_backup(lived, BackupRequest(name="b"))

    assert list_backups(lived) == []


def test_a_zip_file_brings_a_backup_to_another_machine(
    lived: Context, make_context: Callable[..., Context], caller: Caller, tmp_path: Path
) -> None:
    create_backup(lived, BackupRequest(name="b", is_compressed=True))
    export_backup(lived, "b", tmp_path / "b.zip")
    other = make_context(FLOWTRACE_DB_PATH=str(tmp_path / "other" / "a.db"))

    backup = import_backup(other, tmp_path / "b.zip")
    restore_backup(other, RestoreRequest(backup_id=backup.backup_id))

    with zipfile.ZipFile(tmp_path / "b.zip") as archive:
        assert {name.split("/")[0] for name in archive.namelist()} == {"b"}
    assert "The API speaks gRPC" in told(other, caller, "what does the API speak")
    assert other.store.facts().data_folder_id != lived.store.facts().data_folder_id


def test_an_import_whose_name_is_taken_gets_another(lived: Context, tmp_path: Path) -> None:
    create_backup(lived, BackupRequest(name="b"))
    export_backup(lived, "b", tmp_path / "b.zip")

    again = import_backup(lived, tmp_path / "b.zip")

    assert again.backup_id.startswith("imported_")
    with pytest.raises(ConflictError):
        import_backup(lived, tmp_path / "b.zip", name="b")


MANIFEST = "b/manifest.json"
DATA = "b/flowtrace.db"


def rezipped(source: Path, target: Path, change: Callable[[dict[str, bytes]], None]) -> None:
    """Write a zip file anew after a change of what is in it, names with it."""
    with zipfile.ZipFile(source) as archive:
        held = {name: archive.read(name) for name in archive.namelist()}
    change(held)
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in held.items():
            info = zipfile.ZipInfo(name.removeprefix("link:"))
            if name.startswith("link:"):
                info.external_attr = (stat.S_IFLNK | 0o777) << 16
            info.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(info, data)


def _moved(held: dict[str, bytes], name: str, to: str) -> None:
    held[to] = held.pop(name)


def _manifest_says(held: dict[str, bytes], **changed: object) -> None:
    held[MANIFEST] = json.dumps({**json.loads(held[MANIFEST]), **changed}).encode()


def _bomb(held: dict[str, bytes]) -> None:
    held[DATA] = bytes(200_000_000)


FORGERIES: dict[str, Callable[[dict[str, bytes]], None]] = {
    "leads upwards": lambda held: _moved(held, DATA, "b/../../flowtrace.db"),
    "two folders up": lambda held: _moved(held, DATA, "../flowtrace.db"),
    "absolute": lambda held: _moved(held, DATA, "/tmp/flowtrace.db"),
    "of Windows": lambda held: _moved(held, DATA, "b\\..\\flowtrace.db"),
    "with a drive": lambda held: _moved(held, DATA, "C:/flowtrace.db"),
    "a link": lambda held: _moved(held, DATA, f"link:{DATA}"),
    "something more": lambda held: held.update({"b/run.sh": b"#!/bin/sh"}),
    "many entries": lambda held: held.update({f"b/{one}": b"" for one in range(100)}),
    "no manifest": lambda held: held.pop(MANIFEST) and None,
    "no data": lambda held: held.pop(DATA) and None,
    "a manifest of others": lambda held: held.update({MANIFEST: b"[]"}),
    "a huge manifest": lambda held: held.update({MANIFEST: b" " * 10_000_000}),
    "a name that leads away": lambda held: _manifest_says(held, backup_id="../../x"),
    "a file that leads away": lambda held: _manifest_says(
        held, files=[{"path": "../x", "size_bytes": 1, "sha256": ""}]
    ),
    "a newer format": lambda held: _manifest_says(held, format=2),
    "a size that is none": lambda held: _manifest_says(held, database_bytes=-1),
    "other bytes": lambda held: held.update({DATA: held[DATA][:-1] + b"x"}),
    "fewer bytes": lambda held: held.update({DATA: held[DATA][:-1]}),
    "a bomb": _bomb,
}


@pytest.mark.parametrize("forgery", list(FORGERIES))
def test_a_zip_file_of_others_is_refused_and_leaves_nothing(
    lived: Context, tmp_path: Path, forgery: str
) -> None:
    create_backup(lived, BackupRequest(name="b"))
    export_backup(lived, "b", tmp_path / "b.zip")
    delete_backup(lived, "b")
    rezipped(tmp_path / "b.zip", tmp_path / "forged.zip", FORGERIES[forgery])

    with pytest.raises((InputError, TooLargeError)):
        import_backup(lived, tmp_path / "forged.zip")

    assert list(backups.backups_folder(lived).iterdir()) == []
    assert not (tmp_path / "x").exists()


def test_what_is_no_zip_is_refused(lived: Context, tmp_path: Path) -> None:
    (tmp_path / "no.zip").write_bytes(b"PK\x03\x04 not really")

    with pytest.raises(InputError):
        import_backup(lived, tmp_path / "no.zip")
    with pytest.raises(InputError):
        import_backup(lived, tmp_path / "missing.zip")


def test_a_half_made_backup_is_not_listed_and_goes_in_time(lived: Context) -> None:
    half = backups.backups_folder(lived) / ".making-0123"
    half.mkdir(parents=True)
    future = replace(lived, now_us=lambda: 2**52)

    assert list_backups(lived) == []
    create_backup(future, BackupRequest(name="b"))

    assert not half.exists()


def test_a_project_of_another_repository_stays_apart_after_a_restore(
    lived: Context, caller: Caller
) -> None:
    create_backup(lived, BackupRequest(name="b"))
    restore_backup(lived, RestoreRequest(backup_id="b"))
    other = replace(caller, project=ProjectIdentity(identity="git:x/y/z", name="z"))

    keep(lived, other, "x")

    assert "The API speaks gRPC" not in told(lived, other, "what does the API speak")
