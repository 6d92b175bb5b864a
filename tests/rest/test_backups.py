"""Backups over HTTP."""

import io
import zipfile

import pytest

BASE = "/api/v1/admin/backups"


@pytest.fixture
def kept(client):
    client.post("/api/v1/memories", json={"content": "Staging runs on alpha", "project": "shop"})
    answer = client.post("/api/v1/admin/backup", json={"name": "b"})
    assert answer.status_code == 200, answer.text
    return answer.json()


def count(client):
    return client.get("/api/v1/admin/backups").json()["total"]


def test_a_backup_is_made_and_listed(client, kept):
    (row,) = client.get(BASE).json()["backups"]

    assert set(kept) == {"success", "backup_id", "size_bytes", "path"}
    assert {"backup_id", "created_at", "size_bytes", "path"} <= set(row)
    assert (row["backup_id"], row["counts"]["memories"]) == ("b", 1)


def test_a_body_may_be_left_out(client):
    assert client.post("/api/v1/admin/backup").json()["backup_id"].startswith("backup_")


@pytest.mark.parametrize("mode", ["replace", "merge"])
def test_a_restore_answers_what_it_kept(client, kept, mode):
    client.post("/api/v1/memories", json={"content": "Written later", "project": "shop"})

    answer = client.post(f"{BASE}/b/restore?mode={mode}").json()

    assert answer["success"]
    assert answer["requires_restart"] is False
    assert answer["pre_restore_backup"].startswith("pre_restore_")
    stored = client.get("/api/v1/status").json()
    assert count(client) == 2, stored


def test_a_mode_that_is_none_is_refused(client, kept):
    assert client.post(f"{BASE}/b/restore?mode=append").status_code == 400


def test_an_encrypted_backup_needs_its_passphrase(client):
    secret = {"passphrase": "a long passphrase"}
    client.post("/api/v1/admin/backup", json={"name": "e", **secret})

    assert client.post(f"{BASE}/e/verify").status_code == 400
    assert client.post(f"{BASE}/e/verify", json={"passphrase": "another one"}).status_code == 401
    assert client.post(f"{BASE}/e/verify", json=secret).status_code == 200


def test_a_backup_leaves_as_a_zip_file_and_comes_back(client, kept):
    answer = client.get(f"{BASE}/b/export")
    assert answer.headers["content-type"] == "application/zip"
    assert len(zipfile.ZipFile(io.BytesIO(answer.content)).namelist()) == 2
    assert client.delete(f"{BASE}/b").json()["success"]

    form = client.post(f"{BASE}/import", files={"other": b"x", "backup": ("b.zip", answer.content)})
    whole = client.post(
        f"{BASE}/import", content=answer.content, headers={"content-type": "application/zip"}
    )

    assert form.json()["backup_id"] == "b"
    assert whole.json()["backup_id"].startswith("imported_")
    assert count(client) == 2


@pytest.mark.parametrize(
    ("files", "status"),
    [
        ({"other": b"x"}, 400),
        ({"backup": b"no zip"}, 400),
        ({f"f{n}": b"x" for n in range(9)}, 400),
    ],
)
def test_a_form_without_a_backup_is_refused(client, files, status):
    assert client.post(f"{BASE}/import", files=files).status_code == status
    assert count(client) == 0


def test_a_body_that_is_no_file_is_refused(client):
    assert client.post(f"{BASE}/import", json={}).status_code == 415
    broken = {"content-type": "multipart/form-data; boundary=x"}
    assert client.post(f"{BASE}/import", content=b"--y", headers=broken).status_code == 400
    long = b"--x\r\nContent-Disposition: " + b"a" * 20_000
    assert client.post(f"{BASE}/import", content=long, headers=broken).status_code == 400


@pytest.mark.parametrize("name", ["missing", "..", "%2e%2e%2fb"])
def test_a_backup_that_is_not_there_is_said_not_to_be(client, kept, name):
    assert client.delete(f"{BASE}/{name}").status_code in {404, 405}
    assert client.get(f"{BASE}/{name}/export").status_code == 404
    assert count(client) == 1


def test_a_name_is_given_once(client, kept):
    answer = client.post("/api/v1/admin/backup", json={"name": "b"})

    assert (answer.status_code, answer.json()["code"]) == (409, "conflict")


def test_backups_need_the_token(make_client):
    client = make_client(require_auth="true", token="t" * 32)

    assert client.get(BASE).status_code == 401
    assert client.post("/api/v1/admin/backup").status_code == 401
