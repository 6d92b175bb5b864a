"""`flowtrace keys`, as it is typed."""

from tests.cli.conftest import Type


def test_a_key_is_made_listed_and_revoked(typed: Type) -> None:
    assert "no key" in typed("keys").out
    assert "nothing yet" in typed("keys", "audit").out

    made = typed("keys", "create", "ci", "--role", "writer", "--days", "9", "--json").body
    plain = typed("keys", "create", "dashboard", "--project", "shop")

    assert made["secret"].startswith("flk_")
    assert plain.out.startswith("flk_")
    assert "told this once" in plain.err
    listed = typed("keys").out
    assert "writer, all projects, in force" in listed
    assert "reader, name:shop, in force" in listed
    assert f"{made['key_id']} opens nothing" in typed("keys", "revoke", made["key_id"]).out
    assert "revoked" in typed("keys", "list").out
    assert typed("keys", "revoke", made["key_id"]).code == 4
    assert typed("keys", "--json").body["total"] == 2
    assert f"created {made['key_id']} (writer)" in typed("keys", "audit").out
    assert len(typed("keys", "audit", "--json").body["items"]) == 3


def test_a_key_has_to_be_named(typed: Type) -> None:
    assert typed("keys", "create").code == 2
    assert typed("keys", "revoke").code == 2
