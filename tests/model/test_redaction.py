import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowtrace_mcp.model.redaction import redact

# Put together here so that no scanner takes this file for a leak.
SECRETS = {
    "aws-key": "AKIA" + "ABCDEFGHIJKLMNOP",
    "github-token": "ghp_" + "a1B2" * 9,
    "gitlab-token": "glpat-" + "x" * 20,
    "anthropic-key": "sk-ant-" + "api03-" + "a" * 24,
    "openai-key": "sk-proj-" + "A1b2" * 10,
    "google-key": "AIza" + "S" * 35,
    "slack-token": "xoxb-" + "1234567890-abc",
    "stripe-key": "sk_live_" + "0" * 24,
    "npm-token": "npm_" + "z" * 36,
    "pypi-token": "pypi-" + "A" * 60,
    "huggingface-token": "hf_" + "b" * 34,
    "jwt": "eyJhbGciOi" + "J9.eyJzdWIiOi" + "IxMjM0.SflKxwRJSM",
}


@pytest.mark.parametrize(("kind", "secret"), SECRETS.items())
def test_a_secret_is_replaced_by_its_kind(kind: str, secret: str) -> None:
    redacted = redact(f"use {secret} for staging")

    assert redacted.text == f"use [redacted:{kind}] for staging"
    assert redacted.count == 1


def test_a_private_key_goes_whole_even_when_cut_off() -> None:
    begin, end = "-----BEGIN RSA PRIVATE KEY-----", "-----END RSA PRIVATE KEY-----"

    assert redact(f"a {begin}\nMIIE\n{end} b").text == "a [redacted:private-key] b"
    assert redact(f"a {begin}\nMIIE").text == "a [redacted:private-key]"


def test_the_password_of_a_connection_string_goes_and_the_rest_stays() -> None:
    redacted = redact("postgres://app:hunter2@db.internal:5432/shop")

    assert redacted.text == "postgres://[redacted:password]@db.internal:5432/shop"


def test_a_bearer_token_goes() -> None:
    assert redact("Authorization: Bearer " + "a1" * 16).count == 1


@pytest.mark.parametrize("end", ["</private>", ""])
def test_a_private_passage_goes(end: str) -> None:
    assert redact(f"keep <private>my salary{end}").text == "keep [private]"


@pytest.mark.parametrize(
    "text",
    [
        "commit 9310b6c6df1e4d5efdd51b0d8862b06920900c2010b15070acc53f8ca0478867",
        "the task-force asked; see https://example.com/a@b and ask-anything",
        "port 5432, uuid 4a7f0f31-6688-4d58-943f-7ce1948924f8",
    ],
)
def test_hashes_ids_and_plain_words_stay(text: str) -> None:
    assert redact(text).text == text


@given(st.text())
def test_redacting_twice_changes_nothing_more(text: str) -> None:
    once = redact(text)

    assert redact(once.text).text == once.text
