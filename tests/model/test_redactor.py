import re

import pytest

from flowtrace_mcp.errors import InputError
from flowtrace_mcp.model.redactor import DEPTH_LIMIT, Redactor
from tests.model.secrets_corpus import ISSUED

SECRET = ISSUED["aws-key"]


def test_texts_are_redacted_and_counted_together() -> None:
    redactor = Redactor()

    assert redactor.text(f"a {SECRET}") == "a [redacted:aws-key]"
    assert redactor.texts(["x", SECRET, "x"]) == ("x", "[redacted:aws-key]")
    assert redactor.names({f"keys/{SECRET}": "blob"}) == {"keys/[redacted:aws-key]": ""}
    assert redactor.names({"src/app.py": "blob"}) == {"src/app.py": "blob"}
    assert redactor.count == 3


def test_what_cannot_be_stored_is_escaped() -> None:
    assert Redactor().text("a\x00b\ud800") == "a\\u0000b\\ud800"


def test_metadata_is_redacted_at_every_depth_and_in_its_keys() -> None:
    redactor = Redactor()

    cleaned = redactor.tree({"a": {"b": [SECRET, 1, None, True]}, SECRET: 2.5})

    assert cleaned == {
        "a": {"b": ["[redacted:aws-key]", 1, None, True]},
        "[redacted:aws-key]": 2.5,
    }
    assert redactor.count == 2


def test_a_key_of_metadata_tells_of_a_secret() -> None:
    redactor = Redactor()

    cleaned = redactor.tree({"password": "hunter2", "note": "hunter2", "type": "string"})

    assert cleaned == {"password": "[redacted:password]", "note": "hunter2", "type": "string"}
    assert redactor.count == 1


def test_a_key_that_tells_of_a_secret_may_hold_none() -> None:
    redactor = Redactor()

    assert redactor.tree({"password": "", "api_key": "${API_KEY}"}) == {
        "password": "",
        "api_key": "${API_KEY}",
    }
    assert redactor.count == 0


def test_metadata_nested_too_deeply_is_refused() -> None:
    value: object = "x"
    for _ in range(DEPTH_LIMIT + 1):
        value = [value]

    with pytest.raises(InputError, match="nested"):
        Redactor().tree({"a": value})


def test_what_the_user_listed_goes_too() -> None:
    redactor = Redactor(own=(re.compile("heron"),))

    assert redactor.text("project heron") == "project [redacted:listed]"
    assert redactor.count == 1
