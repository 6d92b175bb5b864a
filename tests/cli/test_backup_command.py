"""`flowtrace backup`, as it is typed."""

from pathlib import Path

from tests.cli.conftest import Type


def test_a_backup_is_made_listed_and_restored(typed: Type) -> None:
    typed("remember", "Staging runs on alpha")

    made = typed("backup", "create", "--name", "b", "--json")
    typed("remember", "Written later")
    restored = typed("backup", "restore", "b", "--yes", "--json")

    assert set(made.body) == {"success", "backup_id", "path", "size_bytes"}
    assert restored.body["backup_id"] == "b"
    kept = restored.body["pre_restore_backup"]
    listed = typed("backup", "list", "--json").body
    assert listed["total"] == 2
    assert {one["backup_id"] for one in listed["backups"]} == {"b", kept}
    (before,) = [one for one in listed["backups"] if one["backup_id"] == kept]
    assert before["counts"]["memories"] == 2
    assert "memories   1" in typed("status").out


def test_a_merge_says_what_was_new(typed: Type) -> None:
    typed("remember", "Staging runs on alpha")
    typed("backup", "create", "-n", "b", "--compress")

    done = typed("backup", "restore", "b", "--mode", "merge", "-y")

    assert "new memories: 0" in done.out
    assert done.code == 0


def test_a_restore_is_confirmed(typed: Type) -> None:
    typed("backup", "create", "-n", "b")

    for words in (("restore", "b"), ("delete", "b")):
        refused = typed("backup", *words)
        assert refused.code == 2
        assert "add --yes" in refused.err


def test_a_zip_file_goes_out_and_comes_in(typed: Type, tmp_path: Path) -> None:
    typed("backup", "create", "-n", "b")

    out = typed("backup", "export", "b", "-o", str(tmp_path / "b.zip"), "--json").body
    again = typed("backup", "export", "b", "-o", str(tmp_path / "b.zip"))
    typed("backup", "delete", "b", "-y")
    into = typed("backup", "import", str(tmp_path / "b.zip"), "--json").body

    assert out["output"] == str(tmp_path / "b.zip")
    assert again.code == 2
    assert into["backup_id"] == "b"
    assert "is whole" in typed("backup", "verify", "b").out
    assert typed("backup", "verify", "--json").body["total"] == 1


def test_a_passphrase_comes_from_a_file_or_the_environment(
    typed: Type, environ: dict[str, str], tmp_path: Path
) -> None:
    secret = tmp_path / "secret"
    secret.write_text("a long passphrase\n", encoding="utf-8")

    typed("backup", "create", "-n", "b", "--passphrase-file", str(secret))
    untold = typed("backup", "verify", "b")
    unread = typed("backup", "verify", "b", "--passphrase-file", str(tmp_path / "missing"))
    environ["FLOWTRACE_BACKUP_PASSPHRASE"] = "a long passphrase"
    told = typed("backup", "verify", "b")

    assert (untold.code, unread.code, told.code) == (2, 2, 0)
    assert "encrypted" in typed("backup", "list").out


def test_a_backup_has_to_be_named(typed: Type) -> None:
    assert typed("backup", "restore").code == 2
    assert typed("backup", "import").code == 2
    assert typed("backup", "restore", "missing", "--yes").code == 4
    assert typed("backup", "restore", "missing", "--mode", "x", "--yes").code == 4
    assert "no backup yet" in typed("backup").out
