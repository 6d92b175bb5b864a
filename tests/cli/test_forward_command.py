"""`flowtrace forward` as it is typed; what it sends is tested with the use case."""

import pytest

from tests.cli.conftest import Type


def test_without_an_address_it_says_how_to_give_one(typed: Type) -> None:
    answer = typed("forward")

    assert answer.code == 2
    assert "nowhere to forward to" in answer.err
    assert "FLOWTRACE_FORWARD_ENDPOINT" in answer.err


def test_an_empty_file_is_forwarded_without_asking_anyone(typed: Type) -> None:
    answer = typed("forward", "http://127.0.0.1:9/v1/traces", "--all", "--header", "x-a: 1")

    assert answer.code == 0
    assert answer.out.startswith("0 items sent to http://127.0.0.1:9\n")
    assert "nothing has arrived" in answer.out
    told = typed("forward", "http://127.0.0.1:9", "--since", "2026-07-01", "--json").body
    assert told == {
        "endpoint": "http://127.0.0.1:9",
        "sent": 0,
        "rejected": 0,
        "unreadable": 0,
        "redactions": 0,
        "message": "",
    }


def test_an_address_of_another_kind_is_told_with_what_mends_it(typed: Type) -> None:
    answer = typed("forward", "ftp://127.0.0.1", "--json")

    assert answer.code == 2
    assert "without the path of a signal" in answer.body["mend"]


@pytest.mark.parametrize(
    "more", [("--header", "no colon"), ("--since", "yesterday-ish"), ("--since", "2026", "--all")]
)
def test_what_cannot_be_read_is_refused(typed: Type, more: tuple[str, ...]) -> None:
    assert typed("forward", "http://127.0.0.1:9", *more).code == 2


def test_an_endpoint_can_be_forgotten(typed: Type) -> None:
    url = "http://127.0.0.1:9"
    typed("forward", url)

    assert "is forgotten" in typed("forward", url, "--forget").out
    assert typed("forward", url, "--forget", "--json").body == {"endpoint": url, "forgotten": False}
    assert "nothing was forwarded" in typed("forward", url, "--forget").out
