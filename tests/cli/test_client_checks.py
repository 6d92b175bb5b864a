"""What `flowtrace doctor` says of the clients on this machine."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from flowtrace_mcp.app import Application
from flowtrace_mcp.cli import client_checks
from flowtrace_mcp.services.take_hooks import HookDelivery, HookDesk
from tests.cli.conftest import Type

START_US = 1_795_000_000_000_000


@pytest.fixture
def person(environ: dict[str, str]) -> Path:
    """Return a home folder with Cursor and Claude Code in it."""
    environ["FLOWTRACE_OTLP_HTTP_PORT"] = "14318"
    home = Path(environ["HOME"])
    (home / ".cursor").mkdir()
    (home / ".claude").mkdir()
    return home


def told(typed: Type, name: str) -> dict[str, Any]:
    """Return the doctor's check of a client."""
    checks = typed("doctor", "--json").body["checks"]
    found = next(one for one in checks if one["name"] == name)
    assert isinstance(found, dict)
    return found


def configure(path: Path, **server: Any) -> None:
    path.write_text(json.dumps({"mcpServers": {"flowtrace": server}}))


@pytest.mark.usefixtures("person")
def test_a_client_that_is_not_told_of_us_has_a_line_to_type(typed: Type) -> None:
    check = told(typed, "cursor")

    assert (check["verdict"], check["found"]) == ("warn", "does not start Flowtrace")
    assert check["mend"] == "flowtrace install cursor"
    assert check["facts"] == {"configured": False}


@pytest.mark.promise("doctor-clients")
@pytest.mark.slow
@pytest.mark.usefixtures("person")
def test_one_that_is_told_starts_us_and_what_is_off_can_be_switched_on(typed: Type) -> None:
    typed("install", "claude-code")

    check = told(typed, "claude-code")

    assert check["verdict"] == "ok"
    assert check["found"].startswith("starts Flowtrace (5 tools in ")
    assert check["found"].endswith(" s), traces off, hooks off")
    assert check["mend"] == "flowtrace install claude-code --hooks --telemetry"
    assert check["facts"]["reachable"] is True
    assert "recall" in check["facts"]["tools"]


@pytest.mark.slow
@pytest.mark.usefixtures("person")
def test_what_is_on_and_silent_wants_a_restart(typed: Type) -> None:
    typed("install", "cursor", "--hooks")

    check = told(typed, "cursor")

    assert "hooks on and none came yet" in check["found"]
    assert check["mend"] == "restart Cursor: it reads its settings at the start"
    assert check["facts"]["hooks_on"] is True
    assert check["facts"]["hooks_last_us"] is None


@pytest.mark.promise("doctor-clients")
@pytest.mark.slow
@pytest.mark.usefixtures("person")
def test_what_came_is_told_with_its_time(typed: Type, environ: dict[str, str]) -> None:
    typed("install", "cursor", "--hooks")
    body = {"conversation_id": "c", "hook_event_name": "beforeSubmitPrompt", "prompt": "hello"}
    program = Application(environ, listen=False)
    desk = HookDesk(program.context())
    desk.take(HookDelivery(agent="cursor", body=json.dumps(body).encode(), time_us=START_US))
    desk.close()
    program.close()

    check = told(typed, "cursor")

    assert "hooks last 2026-11-18T" in check["found"]
    assert "seen 2026-11-18T" in check["found"]
    assert check["mend"] == ""
    assert check["facts"]["hooks_last_us"] == START_US


def test_a_command_that_has_gone_is_a_failure(typed: Type, person: Path) -> None:
    configure(person / ".cursor/mcp.json", command=str(person / "gone/flowtrace-mcp"))

    check = told(typed, "cursor")

    assert check["verdict"] == "fail"
    assert "cannot start Flowtrace by" in check["found"]
    assert "No such file" in check["found"]
    assert check["mend"].startswith("flowtrace install cursor")
    assert check["facts"]["reachable"] is False
    assert typed("doctor").code == 1


def test_our_own_command_that_does_not_start_is_installed_again(
    typed: Type, person: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    typed("install", "cursor")
    config = person / ".cursor/mcp.json"
    command = json.loads(config.read_text())["mcpServers"]["flowtrace"]["command"]
    trial = client_checks.Trial(problem="no module")
    monkeypatch.setattr(client_checks, "try_server", lambda words, _: trial)

    check = told(typed, "cursor")

    assert check["facts"]["command"] == [command]
    assert check["mend"].startswith("install flowtrace-mcp again")


@pytest.mark.parametrize("is_own", [True, False])
def test_a_slow_start_is_worth_a_look(
    typed: Type, person: Path, monkeypatch: pytest.MonkeyPatch, is_own: bool
) -> None:
    typed("install", "cursor")
    if not is_own:
        configure(person / ".cursor/mcp.json", command="uvx", args=["flowtrace-mcp"])
    trial = client_checks.Trial(tools=("recall",), seconds=12.0)
    monkeypatch.setattr(client_checks, "try_server", lambda words, _: trial)

    check = told(typed, "cursor")

    assert check["verdict"] == "warn"
    assert "(1 tools in 12.0 s)" in check["found"]
    first = "flowtrace doctor again" if is_own else "flowtrace install cursor;"
    assert check["mend"].startswith(first)


@pytest.mark.usefixtures("person")
def test_equal_commands_are_tried_once(typed: Type, tried: list[tuple[str, ...]]) -> None:
    typed("install", "cursor", "claude-code")

    typed("doctor", "--json")

    assert len(tried) == 1


def test_a_client_that_reaches_us_by_a_url_is_not_started(typed: Type, person: Path) -> None:
    configure(person / ".cursor/mcp.json", url="http://127.0.0.1:9600/mcp")

    check = told(typed, "cursor")

    assert check["found"] == "reaches Flowtrace by a URL, hooks off"
    assert check["facts"]["reachable"] is None


@pytest.fixture
def tried(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, ...]]:
    """Note the commands that are tried, and run none."""
    commands: list[tuple[str, ...]] = []

    def note(words: tuple[str, ...], environ: object) -> client_checks.Trial:
        commands.append(words)
        return client_checks.Trial(tools=("recall",))

    monkeypatch.setattr(client_checks, "try_server", note)
    return commands


@pytest.mark.usefixtures("person")
def test_one_that_is_told_in_this_project_alone_is_told(
    typed: Type, tried: list[tuple[str, ...]]
) -> None:
    typed("install", "cursor", "--scope", "project")

    check = told(typed, "cursor")

    assert check["found"].startswith("starts Flowtrace in this project (1 tools")
    assert check["facts"]["scope"] == "project"
    assert len(tried) == 1


@pytest.mark.usefixtures("person")
@pytest.mark.parametrize(
    "server",
    [
        {"command": sys.executable, "args": ["-c", "import os; os.remove('notes')"]},
        {"command": "flowtrace-mcp", "env": {"PYTHONPATH": "."}},
    ],
)
def test_what_came_with_a_project_is_not_run(
    typed: Type, tried: list[tuple[str, ...]], server: dict[str, Any]
) -> None:
    Path(".cursor").mkdir()
    configure(Path(".cursor/mcp.json"), **server)

    check = told(typed, "cursor")

    assert tried == []
    assert "in this project, which was not tried" in check["found"]
    assert check["facts"]["reachable"] is None


def enable_plugin(person: Path, *, is_on: bool) -> None:
    settings = {"enabledPlugins": {"other@market": True, "flowtrace@flowtrace": is_on}}
    (person / ".claude/settings.json").write_text(json.dumps(settings))


def test_a_plugin_starts_us_and_has_the_hooks(
    typed: Type, person: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trial = client_checks.Trial(tools=("recall",))
    monkeypatch.setattr(client_checks, "try_server", lambda words, _: trial)
    enable_plugin(person, is_on=True)

    check = told(typed, "claude-code")

    assert check["facts"]["command"] == ["flowtrace-mcp"]
    assert check["found"] == (
        "starts Flowtrace by its plugin (1 tools in 0.0 s), traces off, hooks on and none came yet"
    )
    assert check["facts"]["mends"] == [
        "flowtrace install claude-code --no-server --telemetry",
        "restart Claude Code: it reads its settings at the start",
    ]


def test_a_plugin_that_is_switched_off_does_nothing(typed: Type, person: Path) -> None:
    enable_plugin(person, is_on=False)

    assert told(typed, "claude-code")["found"] == "does not start Flowtrace"


def test_a_plugin_beside_an_entry_of_its_own_starts_us_twice(
    typed: Type, person: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trial = client_checks.Trial(tools=("recall",))
    monkeypatch.setattr(client_checks, "try_server", lambda words, _: trial)
    enable_plugin(person, is_on=True)
    typed("install", "claude-code", "--telemetry")

    check = told(typed, "claude-code")

    assert check["verdict"] == "warn"
    assert "twice, by its plugin and by its own configuration" in check["found"]
    mend = check["facts"]["mends"][0]
    assert mend == "flowtrace install claude-code --no-server --no-hooks"
    typed(*mend.split()[1:])
    assert "by its plugin (1 tools" in told(typed, "claude-code")["found"]


def test_without_our_command_no_client_can_be_looked_at(
    typed: Type, person: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none() -> None:
        raise client_checks.FlowtraceError("cannot find the command", mend="install it")

    monkeypatch.setattr(client_checks, "own_command", none)

    assert told(typed, "clients")["verdict"] == "fail"
