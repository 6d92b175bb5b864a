"""Into a client's configuration and out again, leaving no trace."""

import json
import tomllib
from pathlib import Path

import pytest

from flowtrace_mcp.clients.table import BY_NAME, CLIENTS, Places, Program, is_there
from flowtrace_mcp.errors import InputError, NotFoundError
from flowtrace_mcp.services.installs import (
    FOLDER,
    PARTS,
    carry_out,
    plan_install,
    plan_uninstall,
    present_parts,
)

PROGRAM = Program(
    server=("/opt/flow trace/flowtrace-mcp",),
    hook=("/opt/flow trace/flowtrace", "hook"),
    otlp="http://127.0.0.1:4318",
)
OTHER = {"mcpServers": {"other": {"command": "x"}}}
# What people have in the files of Claude Code, as bytes; None = nothing at all.
SAMPLES = {
    "missing": None,
    "empty": b"",
    "blank": b"\n\n",
    "an empty object": b"{}",
    "other servers": json.dumps(OTHER, indent=4).encode() + b"\n",
    "one line": json.dumps(OTHER).encode(),
    "comments": b'// mine\n{\n  "mcpServers": { // servers\n    "other": {"command": "x"} // x\n  }\n}\n',
    "trailing commas": b'{\n  "mcpServers": {\n    "other": {"command": "x",},\n  },\n}\n',
    "tabs and carriage returns": b'{\r\n\t"mcpServers": {\r\n\t\t"other": {}\r\n\t}\r\n}\r\n',
    "a byte order mark": b'\xef\xbb\xbf{"theme": "dark"}',
    "an older entry of ours": b'{"mcpServers": {"flowtrace": {"command": "old"}}}\n',
    "odd spacing": b'{ "theme" :"d\xc3\xbcster" ,\n\n\n   "mcpServers"  : {   }   }\n\n',
}


@pytest.fixture
def places(tmp_path):
    project = tmp_path / "shop"
    project.mkdir()
    return Places(home=tmp_path / "home", project=project, system="Linux")


@pytest.fixture
def home(tmp_path):
    return tmp_path / "data"


def install(home, client, places, parts=PARTS, scope="user", program=PROGRAM):
    plan = plan_install(home, client, places, program, parts, scope)
    carry_out(home, plan)
    return plan


def uninstall(home, client, places, scope="user"):
    plan = plan_uninstall(home, client, places, PROGRAM, scope)
    carry_out(home, plan)
    return plan


def files_of(folder):
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def server_of(client, places):
    path = client.user(places)[0]
    text = path.read_text(encoding="utf-8")
    said = tomllib.loads(text) if client.form == "toml" else json.loads(text)
    for key in client.keys:
        said = said[key]
    return said


@pytest.mark.promise("install")
@pytest.mark.parametrize("client", CLIENTS, ids=lambda client: client.name)
def test_every_client_is_given_the_command_and_left_as_it_was(home, places, client):
    install(home, client, places)

    assert "/opt/flow trace/flowtrace-mcp" in json.dumps(server_of(client, places))
    again = plan_install(home, client, places, PROGRAM, PARTS)
    assert again.touched == ()
    uninstall(home, client, places)
    assert files_of(places.home) == {}
    assert list((home / FOLDER).iterdir()) == []


@pytest.mark.promise("uninstall")
@pytest.mark.parametrize("sample", SAMPLES.values(), ids=SAMPLES)
def test_a_file_is_restored_byte_for_byte(home, places, sample):
    client = BY_NAME["claude-code"]
    paths = [client.user(places)[0], places.home / ".claude/settings.json"]
    for path in paths if sample is not None else ():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(sample)
    before = files_of(places.home) if places.home.exists() else {}

    install(home, client, places)
    assert present_parts(client, places, PROGRAM) == set(PARTS)
    uninstall(home, client, places)

    assert files_of(places.home) == before


@pytest.mark.parametrize(
    ("name", "sample"),
    [
        ("claude-code", b"{ not json"),
        ("claude-code", b'["a list"]'),
        ("claude-code", b"\xff\xfe{}"),
        ("codex", b"model = \n"),
        ("codex", b"mcp_servers = {}\n"),
    ],
)
def test_what_cannot_be_understood_is_refused_and_stays(home, places, name, sample):
    client = BY_NAME[name]
    path = client.user(places)[0]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(sample)

    with pytest.raises(InputError, match=path.name):
        install(home, client, places)

    assert path.read_bytes() == sample
    assert not (home / FOLDER).exists()


def test_a_read_only_file_is_refused_and_stays(home, places):
    client = BY_NAME["cursor"]
    path = client.user(places)[0]
    path.parent.mkdir(parents=True)
    path.write_bytes(b"{}")
    path.chmod(0o444)

    with pytest.raises(InputError, match="read-only"):
        install(home, client, places)

    assert path.read_bytes() == b"{}"


def test_what_others_wrote_since_stays_when_ours_is_taken_out(home, places):
    client = BY_NAME["claude-code"]
    path = client.user(places)[0]
    install(home, client, places)
    said = json.loads(path.read_text()) | {"theme": "dark"}
    path.write_text(json.dumps(said))

    uninstall(home, client, places)

    assert json.loads(path.read_text()) == {"theme": "dark"}


def test_a_second_install_after_others_wrote_keeps_what_they_wrote(home, places):
    client = BY_NAME["claude-code"]
    path = client.user(places)[0]
    install(home, client, places, ["server"])
    path.write_text(json.dumps(json.loads(path.read_text()) | {"theme": "dark"}))
    install(home, client, places, PARTS)

    uninstall(home, client, places)

    assert json.loads(path.read_text()) == {"theme": "dark"}
    assert not (places.home / ".claude/settings.json").exists()


def test_a_new_path_of_ours_takes_the_place_of_the_old_one(home, places):
    client = BY_NAME["claude-code"]
    install(home, client, places)
    moved = Program(server=("/new/server",), hook=("/new/flowtrace", "hook"), otlp=PROGRAM.otlp)
    install(home, client, places, program=moved)

    settings = (places.home / ".claude/settings.json").read_text()

    assert "/opt/" not in settings
    assert settings.count("/new/flowtrace hook claude-code") == 7


def test_parts_that_are_not_wanted_any_more_go(home, places):
    client = BY_NAME["claude-code"]
    install(home, client, places)
    install(home, client, places, ["server"])

    assert present_parts(client, places, PROGRAM) == {"server"}


def test_telemetry_that_goes_elsewhere_is_left_alone(home, places):
    path = places.home / ".claude/settings.json"
    path.parent.mkdir(parents=True)
    path.write_text('{"env": {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318"}}')

    plan = install(home, BY_NAME["claude-code"], places, ["server", "telemetry"])

    assert "elsewhere" in plan.notes[0]
    assert "CLAUDE_CODE_ENABLE_TELEMETRY" not in path.read_text()


def test_a_project_has_its_own_file_and_receipt(home, places):
    client = BY_NAME["cursor"]
    install(home, client, places, ["server"], "project")

    assert (places.project / ".cursor/mcp.json").exists()
    with pytest.raises(NotFoundError, match="no receipt"):
        uninstall(home, client, places)
    uninstall(home, client, places, "project")
    assert files_of(places.project) == {}
    with pytest.raises(NotFoundError, match="project's"):
        install(home, BY_NAME["cline"], places, ["server"], "project")


def test_without_a_receipt_our_entries_are_found_and_taken_out(home, places):
    client = BY_NAME["gemini"]
    path = client.user(places)[0]
    path.parent.mkdir(parents=True)
    path.write_text('{"mcpServers": {"flowtrace": {"command": "x"}, "other": {}}}')

    uninstall(home, client, places)

    assert json.loads(path.read_text()) == {"mcpServers": {"other": {}}}


def test_a_link_is_followed_and_stays_a_link(home, places):
    client = BY_NAME["cursor"]
    path = client.user(places)[0]
    kept = places.project / "dotfiles.json"
    kept.write_text("{}")
    path.parent.mkdir(parents=True)
    path.symlink_to(kept)

    install(home, client, places, ["server"])

    assert path.is_symlink()
    assert "flowtrace" in kept.read_text()


def test_a_file_that_changes_between_plan_and_deed_is_refused(home, places):
    client = BY_NAME["cursor"]
    plan = plan_install(home, client, places, PROGRAM, ["server"])
    path = client.user(places)[0]
    path.parent.mkdir(parents=True)
    path.write_text('{"theme": "dark"}')

    with pytest.raises(InputError, match="changed meanwhile"):
        carry_out(home, plan)

    assert path.read_text() == '{"theme": "dark"}'


def test_with_strict_access_telemetry_carries_the_token(home, places):
    strict = Program(
        server=PROGRAM.server, hook=PROGRAM.hook, otlp=PROGRAM.otlp, token="secret-token"
    )
    for name in ("claude-code", "codex"):
        install(home, BY_NAME[name], places, ["server", "telemetry"], program=strict)

    assert "Bearer secret-token" in (places.home / ".claude/settings.json").read_text()
    assert "Bearer secret-token" in (places.home / ".codex/config.toml").read_text()


def test_a_client_is_there_when_its_folder_is(places):
    assert not is_there(BY_NAME["cursor"], places)
    (places.home / ".cursor").mkdir(parents=True)
    assert is_there(BY_NAME["cursor"], places)


@pytest.mark.parametrize(
    ("system", "environ", "name", "path"),
    [
        ("Windows", {"APPDATA": "/A"}, "vscode", "/A/Code/User/mcp.json"),
        ("Windows", {"APPDATA": "/A"}, "windsurf", "/A/devin/mcp_config.json"),
        (
            "Darwin",
            {},
            "claude-desktop",
            "/H/Library/Application Support/Claude/claude_desktop_config.json",
        ),
        ("Linux", {"XDG_CONFIG_HOME": "/X"}, "opencode", "/X/opencode/opencode.json"),
        ("Linux", {"CODEX_HOME": "/C"}, "codex", "/C/config.toml"),
        ("Linux", {"CLAUDE_CONFIG_DIR": "/D"}, "claude-code", "/D/.claude.json"),
    ],
)
def test_files_lie_where_each_system_keeps_them(tmp_path, system, environ, name, path):

    places = Places(home=Path("/H"), project=tmp_path, system=system, environ=environ)

    assert BY_NAME[name].user(places)[0] == Path(path)


def test_a_hook_is_quoted_as_each_system_reads_it():
    windows = Program(
        server=("x",), hook=(r"C:\Flow Trace\flowtrace.exe", "hook"), otlp="", system="Windows"
    )

    assert windows.hook_line("cursor") == r'"C:\Flow Trace\flowtrace.exe" hook cursor'
    assert PROGRAM.hook_line("cursor") == "'/opt/flow trace/flowtrace' hook cursor"
