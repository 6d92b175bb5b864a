import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowtrace_mcp.model.redaction import redact
from tests.model.secrets_corpus import A62, ISSUED, STAYS, TOLD

LENGTH = 100_000
# Each begins a pattern again and again without ending it, or sends one back and forth.
ADVERSARIES = {
    "one letter": "a" * LENGTH,
    "letters and digits": "A1b" * (LENGTH // 3),
    "begins of keys": "-----BEGIN " * 9_000,
    "keys without end": "-----BEGIN RSA PRIVATE KEY-----" * 3_300,
    "names": "password " * 11_000,
    "names and signs": "password=" * 11_000,
    "a name and blanks": "password" + " " * LENGTH,
    "a name and a path": "x=/" + "a/" * (LENGTH // 2),
    "a name and dots": ("password=a" + ".a" * 900 + "1 ") * 50,
    "a name and constants": ("PASSWORD=A" + "_A" * 900 + "a ") * 50,
    "quotes": 'password="' * 10_000,
    "addresses": "://a:" * (LENGTH // 5),
    "colons": "://" + ":" * LENGTH,
    "prefixes": "sk-" * (LENGTH // 3),
    "prefixes of GitLab": "glpat-" * (LENGTH // 6),
    "bearers": "bearer " * 14_000,
    "dots": "bearer " + "a." * (LENGTH // 2),
    "privates": "<private>" * 11_000,
    "brackets": "<" * LENGTH,
    "tokens": "eyJaaaaaaaa." * 8_000,
    "digits": "0123456789abcdef" * (LENGTH // 16) + "NRAL",
    "parts of Discord": "MTaaaaaaaaaaaaaaaaaaaaaaaa." * 4_000,
    "parts of Azure": "a" * LENGTH + "1Q~",
    "percents": "?sig=" + "%2" * (LENGTH // 2),
    "flags": " --token" * (LENGTH // 8),
    "spoken": "password is " * (LENGTH // 12),
}


@pytest.mark.promise("secrets-out")
@pytest.mark.parametrize(("kind", "secret"), ISSUED.items(), ids=list(ISSUED))
def test_a_secret_is_replaced_by_its_kind(kind: str, secret: str) -> None:
    redacted = redact(f"use {secret} for staging")

    assert redacted.text == f"use [redacted:{kind}] for staging"
    assert redacted.count == 1
    assert redact(f'"{secret}"').text == f'"[redacted:{kind}]"'


@pytest.mark.parametrize(("text", "left"), TOLD.items(), ids=range(len(TOLD)))
def test_a_secret_told_by_what_surrounds_it_goes_and_the_rest_stays(text: str, left: str) -> None:
    redacted = redact(text)

    assert redacted.text == left
    assert redacted.count == 1


@pytest.mark.parametrize("text", STAYS, ids=range(len(STAYS)))
def test_hashes_ids_paths_names_and_code_stay(text: str) -> None:
    assert redact(text).text == text
    assert redact(f"- {text}\n- {text}\n").count == 0


@pytest.mark.parametrize("name", ["RSA PRIVATE KEY", "OPENSSH PRIVATE KEY", "PRIVATE KEY"])
def test_a_private_key_goes_whole_even_when_cut_off(name: str) -> None:
    begin, end = f"-----BEGIN {name}-----", f"-----END {name}-----"

    assert redact(f"a {begin}\nMIIE\n{end} b").text == "a [redacted:private-key] b"
    assert redact(f"a {begin}\nMIIE").text == "a [redacted:private-key]"


def test_a_private_key_of_pgp_and_putty_goes() -> None:
    pgp = "-----BEGIN PGP PRIVATE KEY BLOCK-----\nlQ\n-----END PGP PRIVATE KEY BLOCK-----"
    putty = "PuTTY-User-Key-File-3: ssh-ed25519\nPrivate-Lines: 1\nAA\nPrivate-MAC: 00ff"

    assert redact(f"{pgp}.").text == "[redacted:private-key]."
    assert redact(f"{putty}\nx").text == "[redacted:private-key]\nx"


def test_the_secrets_of_a_service_account_go_and_its_names_stay() -> None:
    account = (
        '{"type": "service_account", "project_id": "shop", "private_key_id": "'
        + "9e8d7c6b5a" * 4
        + '", "private_key": "-----BEGIN PRIVATE '
        + 'KEY-----\\nMIIE\\n-----END PRIVATE KEY-----\\n", "client_email": "a@b.example"}'
    )

    redacted = redact(account)

    assert redacted.count == 2
    assert "MIIE" not in redacted.text
    assert '"client_email": "a@b.example"' in redacted.text


def test_the_password_of_a_connection_string_goes_and_the_rest_stays() -> None:
    redacted = redact("postgres://app:hunter2@db.internal:5432/shop")

    assert redacted.text == "postgres://[redacted:password]@db.internal:5432/shop"


@pytest.mark.parametrize("end", ["</private>", ""])
def test_a_private_passage_goes(end: str) -> None:
    assert redact(f"keep <private>my salary{end}").text == "keep [private]"


def test_wrapped_lines_of_an_encoded_file_stay() -> None:
    lines = [A62 + "ab", "q7" + A62, "Zz" + A62]

    assert redact("\n".join(lines)).count == 0


def test_what_the_user_listed_goes_and_marks_stay() -> None:
    own = (re.compile("heron", re.IGNORECASE), re.compile("redacted"), re.compile("E-[0-9]{4}"))

    redacted = redact("Heron pays E-1234 with password=hunter2", own)

    assert redacted.text == (
        "[redacted:listed] pays [redacted:listed] with password=[redacted:password]"
    )
    assert redacted.count == 3
    assert redact(redacted.text, own) == redact(redacted.text)


@pytest.mark.parametrize("text", ADVERSARIES.values(), ids=list(ADVERSARIES))
def test_no_text_takes_long(text: str) -> None:
    redact(text)  # the limit of every test is the limit of this one


@given(st.text())
def test_redacting_twice_changes_nothing_more(text: str) -> None:
    once = redact(text)

    assert redact(once.text).text == once.text


@given(st.lists(st.sampled_from([*ISSUED.values(), *TOLD, *STAYS, "=", ": ", "://", "@", "\n"])))
def test_redacting_secrets_in_any_order_twice_changes_nothing_more(parts: list[str]) -> None:
    once = redact(" ".join(parts))

    assert redact(once.text).text == once.text
