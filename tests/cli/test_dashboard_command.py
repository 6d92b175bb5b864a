import webbrowser
from pathlib import Path

import pytest

from flowtrace_mcp.app import Application
from flowtrace_mcp.cli import dashboard
from tests.cli.conftest import Type

WARM_LIMIT_S = 20.0


@pytest.fixture
def served(environ: dict[str, str]):
    program = Application(environ)
    program.warm_up()
    assert program.wait_until_warm(WARM_LIMIT_S)
    yield program.listener_facts().rest_port
    program.close()


def test_the_link_carries_the_token_where_no_server_sees_it(
    typed: Type, environ: dict[str, str], served: int
) -> None:
    answer = typed("dashboard", "--print-url")

    token = (Path(environ["FLOWTRACE_HOME"]) / "token").read_text().strip()
    assert answer.out == f"http://127.0.0.1:{served}/dashboard/#token={token}\n"
    assert typed("dashboard", "--json").body == {"url": answer.out.strip()}


@pytest.mark.parametrize(("can_open", "says"), [(True, "opens"), (False, "yourself")])
def test_it_opens_the_browser_or_says_what_to_open(
    typed: Type, served: int, monkeypatch: pytest.MonkeyPatch, can_open: bool, says: str
) -> None:
    opened: list[str] = []
    monkeypatch.setattr(webbrowser, "open", lambda link: opened.append(link) or can_open)

    answer = typed("dashboard")

    assert len(opened) == 1
    assert "#token=" in opened[0]
    assert says in answer.out
    assert ("#token=" in answer.out) is not can_open  # the shown address is no secret


def test_no_token_is_shown_where_none_is_asked_for(typed: Type, environ: dict[str, str]) -> None:
    environ["FLOWTRACE_REQUIRE_AUTH"] = "false"
    program = Application(environ)
    program.warm_up()
    try:
        assert program.wait_until_warm(WARM_LIMIT_S)
        assert typed("dashboard", "--print-url").out.endswith("/dashboard/\n")
    finally:
        program.close()


def test_without_a_listener_it_says_how_to_get_one(typed: Type) -> None:
    answer = typed("dashboard")

    assert answer.code != 0
    assert "flowtrace serve" in answer.err


@pytest.mark.parametrize(
    ("host", "name"),
    [("0.0.0.0", "127.0.0.1"), ("::1", "[::1]"), ("localhost", "localhost"), ("::", "127.0.0.1")],
)
def test_the_host_is_named_as_an_address_has_it(host: str, name: str) -> None:
    assert dashboard._name_of(host) == name
