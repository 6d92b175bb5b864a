"""`flowtrace hook`: sends an event on or keeps it, answers, and never fails the agent."""

import base64
import json
import os
import socket
import subprocess
import sys
import threading
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowtrace_mcp.cli import hook_sender
from flowtrace_mcp.services.hook_spool import delivery_in
from flowtrace_mcp.services.loopback import LISTENER_FILE
from flowtrace_mcp.services.spool_state import SPOOL_FILE
from flowtrace_mcp.settings import SETTINGS_FILE, default_home, load_settings
from tests.waiting import wait_until

EVENT = b'{"session_id": "s", "hook_event_name": "Stop"}'
ENTRY = "import sys; from flowtrace_mcp.__main__ import main; sys.exit(main())"


@pytest.fixture(autouse=True)
def patience(monkeypatch):
    """Wait longer than an agent may: a busy machine is not a wrong answer."""
    monkeypatch.setattr(hook_sender, "ANSWER_LIMIT_S", 5.0)
    monkeypatch.setattr(hook_sender, "ASKING_LIMIT_S", 5.0)
    monkeypatch.setattr(hook_sender, "BEGINNING_LIMIT_S", 5.0)


@pytest.fixture
def environ(tmp_path):
    return {"FLOWTRACE_HOME": str(tmp_path)}


@pytest.fixture
def spooled(tmp_path):
    """Return the deliveries in the spool."""

    def read():
        path = tmp_path / "hooks.spool"
        lines = path.read_bytes().splitlines() if path.exists() else []
        return [delivery_in(line) for line in lines if line]

    return read


def run_hook(environ, told, *arguments, **more):
    return subprocess.run(
        [sys.executable, "-c", ENTRY, "hook", *arguments],
        input=told,
        env={**os.environ, **environ},
        capture_output=True,
        timeout=30,
        check=False,
        **more,
    )


@contextmanager
def listening(tmp_path, answer):
    """Hold a port and give every request the same answer, b"" for none at all."""
    received = []
    server = socket.create_server(("127.0.0.1", 0))

    def serve():
        while True:
            try:
                connection, _ = server.accept()
            except OSError:
                return
            with connection:
                connection.settimeout(5)
                received.append(connection.recv(65536))
                if answer:
                    connection.sendall(answer)
                else:
                    connection.recv(1)  # until the other side gives up

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    told = {"pid": os.getpid(), "ports": {"rest": server.getsockname()[1]}}
    (tmp_path / LISTENER_FILE).write_text(json.dumps(told))
    (tmp_path / "token").write_text("secret")
    try:
        yield received
    finally:
        server.shutdown(socket.SHUT_RDWR)
        server.close()
        thread.join(5)


def http(body, status=b"200 OK"):
    head = b"HTTP/1.1 %s\r\nContent-Length: %d\r\n\r\n" % (status, len(body))
    return head + body


def test_an_event_goes_to_the_listener_with_the_token(tmp_path, environ, spooled):
    with listening(tmp_path, http(b'{"hook":null}')) as received:
        answer = hook_sender.deliver("codex", EVENT, environ)

    assert answer == b""
    head, _, body = received[0].partition(b"\r\n\r\n")
    assert head.startswith(b"POST /api/v1/hooks/codex?time_us=")
    assert b"Authorization: Bearer secret\r\n" in head
    assert body == EVENT
    assert spooled() == []


def test_what_the_listener_says_is_said_to_the_agent(tmp_path, environ, spooled):
    with listening(tmp_path, http(b'{"hook":{"cancel":false}}')):
        assert hook_sender.deliver("cline", EVENT, environ) == b'{"cancel":false}'
    assert spooled() == []


def test_an_answer_that_came_before_the_disks_is_given_and_the_event_kept(
    tmp_path, environ, spooled
):
    with listening(tmp_path, http(b'{"hook":{"cancel":false},"kept":false}')):
        assert hook_sender.deliver("cline", EVENT, environ) == b'{"cancel":false}'
    assert [one.body for one in spooled()] == [EVENT]


@pytest.mark.parametrize(
    "answer",
    [
        http(b"<html>a page of another program</html>"),
        http(b'{"hello":"from another program"}'),
        http(b'{"hook":null}', b"503 Service Unavailable"),
        http(b'{"hook":null}')[:-3],
        b"SSH-2.0-OpenSSH_9.6\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999999\r\n\r\n",
    ],
)
def test_another_program_on_the_port_is_not_believed(tmp_path, environ, spooled, answer):
    with listening(tmp_path, answer):
        assert hook_sender.deliver("codex", EVENT, environ) == b""
    assert [one.body for one in spooled()] == [EVENT]


def test_a_port_that_keeps_silent_is_given_up(tmp_path, environ, spooled, monkeypatch):
    monkeypatch.setattr(hook_sender, "ANSWER_LIMIT_S", 0.05)
    with listening(tmp_path, b""):
        assert hook_sender.deliver("codex", EVENT, environ) == b""
    assert [one.body for one in spooled()] == [EVENT]


@pytest.mark.parametrize("event", ["UserPromptSubmit", "SessionStart"])
def test_what_memory_may_answer_is_waited_for_longer(
    tmp_path, environ, monkeypatch, spooled, event
):
    monkeypatch.setattr(hook_sender, "ANSWER_LIMIT_S", 0.0)
    told = json.dumps({"hook_event_name": event, "prompt": "hi"}).encode()

    with listening(tmp_path, http(b'{"hook":{"a":1}}')):
        assert hook_sender.deliver("codex", told, environ) == b'{"a":1}'

    assert spooled() == []


BEGINS = b'{"session_id": "s", "hook_event_name": "SessionStart", "cwd": "/home/dev/shop"}'


def alone(*told):
    return b"alone: " + repr(told).encode()


def test_a_session_that_begins_while_nobody_listens_is_answered_alone(environ, spooled):
    answer = hook_sender.deliver("codex", BEGINS, environ | {"FLOWTRACE_PROJECT": "shop"}, alone)

    assert answer == alone("codex", BEGINS, "", "shop")
    assert [one.body for one in spooled()] == [BEGINS]


@pytest.mark.parametrize(
    ("attended", "event", "lingers"),
    [("0", EVENT, True), ("1", EVENT, False), ("0", BEGINS, False)],
)
def test_the_end_of_a_session_that_nobody_attends_waits_for_the_hooks_behind_it(
    environ, monkeypatch, attended, event, lingers
):
    waited = []
    monkeypatch.setattr(hook_sender.time, "sleep", waited.append)

    hook_sender.deliver("claude-code", event, {**environ, hook_sender._UNATTENDED: attended})

    assert waited == [hook_sender.LINGER_S] * lingers


def test_a_listener_that_is_gone_is_nobody(tmp_path, environ):
    with listening(tmp_path, b""):
        told = json.loads((tmp_path / LISTENER_FILE).read_text())
    (tmp_path / LISTENER_FILE).write_text(json.dumps(told))

    assert hook_sender.deliver("codex", BEGINS, environ, alone) == alone("codex", BEGINS, "", "")


def test_only_the_beginning_of_a_session_is_answered_alone(environ):
    assert hook_sender.deliver("codex", EVENT, environ, alone) == b""


def test_who_has_a_listener_is_not_answered_twice(tmp_path, environ, monkeypatch):
    monkeypatch.setattr(hook_sender, "BEGINNING_LIMIT_S", 0.05)
    with listening(tmp_path, b""):
        assert hook_sender.deliver("codex", BEGINS, environ, alone) == b""


def test_an_answer_alone_that_fails_costs_no_event(environ, spooled, monkeypatch, capfdbinary):
    def failing(*told):
        raise ValueError

    monkeypatch.setattr(hook_sender, "_read_stdin", lambda: BEGINS)

    assert hook_sender.main("codex", environ, failing) == 0
    assert capfdbinary.readouterr().out == b""
    assert [one.body for one in spooled()] == [BEGINS]


def test_a_listener_that_has_ended_is_sent_no_token(tmp_path, environ, spooled):
    ended = subprocess.run(
        [sys.executable, "-c", "import os; print(os.getpid())"], check=True, capture_output=True
    )
    with listening(tmp_path, http(b'{"hook":null}')) as received:
        path = tmp_path / LISTENER_FILE
        told = json.loads(path.read_text()) | {"pid": int(ended.stdout)}
        path.write_text(json.dumps(told))
        hook_sender.deliver("codex", EVENT, environ)

    assert received == []
    assert len(spooled()) == 1


def test_a_key_in_the_settings_file_is_shown(tmp_path, environ):
    (tmp_path / SETTINGS_FILE).write_text('[auth]\napi_key = "my own"\n')
    with listening(tmp_path, http(b'{"hook":null}')) as received:
        hook_sender.deliver("codex", EVENT, environ)

    assert b"Authorization: Bearer my own\r\n" in received[0]


def test_a_settings_file_that_cannot_be_read_costs_no_event(tmp_path, environ, spooled):
    (tmp_path / SETTINGS_FILE).write_text("[auth]\napi_key = \n")
    with listening(tmp_path, http(b'{"hook":null}')) as received:
        assert hook_sender.deliver("codex", EVENT, environ) == b""

    assert received == []
    assert len(spooled()) == 1


def test_a_spooled_event_says_when_where_and_for_whom(environ, spooled):
    more = {"CLAUDE_PROJECT_DIR": "/home/dev/my shop", "FLOWTRACE_PROJECT": "shöp"}

    hook_sender.deliver("claude-code", EVENT, environ | more)

    (one,) = spooled()
    assert (one.agent, one.body) == ("claude-code", EVENT)
    assert (one.folder, one.project) == ("/home/dev/my shop", "shöp")
    assert one.time_us > 1_700_000_000_000_000


def test_an_agent_that_names_no_folder_has_the_one_it_runs_in(environ, spooled):
    hook_sender.deliver("windsurf", EVENT, environ)
    hook_sender.deliver("codex", EVENT, environ)

    assert [one.folder for one in spooled()] == [str(Path.cwd()), ""]


@pytest.mark.skipif(os.name != "posix", reason="modes are POSIX's")
def test_the_spool_is_for_its_owners_eyes_alone(tmp_path, environ):
    hook_sender.deliver("codex", EVENT, environ)

    assert (tmp_path / SPOOL_FILE).stat().st_mode & 0o777 == 0o600


def test_a_full_spool_takes_no_more(tmp_path, environ, monkeypatch, spooled):
    monkeypatch.setattr(hook_sender, "SPOOL_LIMIT_BYTES", 400)

    for _ in range(20):
        hook_sender.deliver("codex", EVENT, environ)

    assert 1 <= len(spooled()) < 20
    assert (tmp_path / SPOOL_FILE).stat().st_size <= 401


def test_a_torn_line_spoils_no_other(tmp_path, environ, spooled):
    hook_sender.deliver("codex", EVENT, environ)
    with (tmp_path / SPOOL_FILE).open("ab") as file:
        file.write(b"1 1795340369304000 codex - - eyJzZXN")
    hook_sender.deliver("codex", EVENT, environ)

    assert [one.body for one in spooled() if one] == [EVENT, EVENT]


def test_a_line_written_while_the_spool_was_taken_away_is_written_again(
    tmp_path, environ, monkeypatch, spooled
):
    real_write, taken = os.write, []

    def write(file, data):
        if not taken:
            taken.append((tmp_path / SPOOL_FILE).rename(tmp_path / "taken"))
        return real_write(file, data)

    monkeypatch.setattr(os, "write", write)
    hook_sender.deliver("codex", EVENT, environ)

    assert taken
    assert [one.body for one in spooled()] == [EVENT]


@given(
    folder=st.text(),
    project=st.text(),
    event=st.binary(max_size=200),
    time_us=st.integers(0, 2**62),
)
def test_a_line_is_read_back_as_it_was_written(folder, project, event, time_us):
    folder = folder.encode("utf-8", "replace").decode()
    project = project.encode("utf-8", "replace").decode()

    line = hook_sender.spool_line(time_us, "gemini", folder, project, event)

    one = delivery_in(line)
    assert line.count(b"\n") == 1
    assert (one.time_us, one.folder, one.project, one.body) == (time_us, folder, project, event)


@given(st.binary(max_size=100))
def test_no_line_is_too_strange_to_be_left_out(line):
    delivery_in(line)
    delivery_in(b"1 1 codex - - " + base64.b64encode(line)[:-1])


@pytest.mark.parametrize("platform", ["linux", "darwin", "win32"])
@pytest.mark.parametrize(
    "more",
    [
        {},
        {"XDG_DATA_HOME": "/data"},
        {"APPDATA": "/roaming"},
        {"FLOWTRACE_HOME": "/elsewhere/../there"},
        {"FLOWTRACE_HOME": "~/flow"},
    ],
)
def test_the_data_folder_is_that_of_the_settings(platform, more):
    environ = {"HOME": "/home/dev", **more}

    found = Path(hook_sender.data_folder(environ, platform))

    told = more.get("FLOWTRACE_HOME")
    expected = Path(told) if told else default_home(environ, platform)
    assert os.path.normpath(found) == os.path.normpath(
        load_settings(environ).home if told and platform == "linux" else expected.expanduser()
    )


def test_all_agents_of_the_door_are_known():
    from flowtrace_mcp.ingest.hook_reading import PARSERS

    assert set(hook_sender.AGENTS) == set(PARSERS)


@pytest.mark.slow
@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    ("agent", "said"),
    [
        ("claude-code", b""),
        ("codex", b""),
        ("windsurf", b""),
        ("gemini", b"{}"),
        ("cursor", b"{}"),
        ("cline", b'{"cancel": false}'),
    ],
)
def test_without_a_server_each_agent_is_told_nothing_in_its_own_way(environ, spooled, agent, said):
    ended = run_hook(environ, EVENT, agent)

    assert (ended.returncode, ended.stdout, ended.stderr) == (0, said, b"")
    assert [one.body for one in spooled()] == [EVENT]


@pytest.mark.slow
@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    "arguments", [[], ["emacs"], ["--json"], ["claude-code", "--what", "else"], ["--", "codex"]]
)
def test_nothing_typed_is_an_error_that_stops_an_agent(environ, arguments):
    assert run_hook(environ, EVENT, *arguments).returncode == 0


@pytest.mark.slow
@pytest.mark.timeout(60)
@pytest.mark.parametrize("told", [b"", b"   ", b"no json \xff\x00", b"{" * 100_000])
def test_no_input_fails_it(environ, told):
    ended = run_hook(environ, told, "claude-code")

    assert (ended.returncode, ended.stdout, ended.stderr) == (0, b"", b"")


@pytest.mark.slow
@pytest.mark.timeout(60)
def test_a_huge_input_is_taken_to_its_end_and_kept_to_the_limit(environ, spooled):
    told = b"x" * (hook_sender.EVENT_LIMIT_BYTES + 3_000_000)

    ended = run_hook(environ, told, "claude-code")

    assert ended.returncode == 0
    assert [len(one.body) for one in spooled()] == [hook_sender.EVENT_LIMIT_BYTES]


@pytest.mark.slow
@pytest.mark.timeout(60)
def test_an_agent_that_never_closes_its_pipe_is_not_waited_for(tmp_path, environ, spooled):
    command = [sys.executable, "-c", ENTRY, "hook", "codex"]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, env={**os.environ, **environ}
    ) as process:
        process.stdin.write(EVENT)
        process.stdin.flush()
        wait_until(lambda: process.poll() is not None, limit_s=30)

    assert process.returncode == 0
    assert [one.body for one in spooled()] == [EVENT]


@pytest.mark.slow
@pytest.mark.timeout(60)
@pytest.mark.skipif(os.name != "posix", reason="modes are POSIX's")
def test_a_data_folder_that_cannot_be_made_fails_nothing(tmp_path):
    (tmp_path / "file").write_text("in the way")

    ended = run_hook({"FLOWTRACE_HOME": str(tmp_path / "file" / "home")}, EVENT, "gemini")

    assert (ended.returncode, ended.stdout) == (0, b"{}")


@pytest.mark.slow
@pytest.mark.timeout(60)
def test_the_way_of_a_hook_imports_next_to_nothing(environ):
    code = (
        "import sys; before = set(sys.modules)\n"
        "from flowtrace_mcp.__main__ import main\n"
        "main(['hook', 'codex'])\n"
        "print(sorted(set(sys.modules) - before))"
    )

    ended = subprocess.run(
        [sys.executable, "-S", "-c", code],
        input=EVENT,
        env={**os.environ, **environ, "PYTHONPATH": str(Path(hook_sender.__file__).parents[2])},
        capture_output=True,
        check=True,
    )

    imported = set(json.loads(ended.stdout.replace(b"'", b'"')))
    assert {"flowtrace_mcp.cli.hook_sender"} <= imported
    assert not imported & {"argparse", "json", "re", "socket", "typing", "pathlib", "enum"}
    assert len(imported) < 20
