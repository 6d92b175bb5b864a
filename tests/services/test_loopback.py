"""A real server on loopback stands for the process that owns the listener."""

import base64
import http.server
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from flowtrace_mcp.model.vector import VectorCode
from flowtrace_mcp.services.loopback import Owner, ask, encode_remotely, find_owner
from flowtrace_mcp.settings import Settings, load_settings

CODE = VectorCode(embedder="m@1", sign_code=b"\x01\xff", int8_code=b"\x02\x80", scale=0.25)
ELSEWHERE_PID = os.getppid() or 1  # runs, and is not this process


@dataclass
class OwnerServer:
    """What the owner answers, and what it was asked."""

    port: int = 0
    status: int = 200
    content: bytes = b"{}"
    asked: list[tuple[str, str, str | None, Any]] = field(default_factory=list)

    def answers(self, body: object) -> None:
        self.content = json.dumps(body).encode()


@pytest.fixture
def owner() -> Iterator[OwnerServer]:
    told = OwnerServer()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers.get("Content-Length", 0))) or "null")
            told.asked.append((self.command, self.path, self.headers["Authorization"], body))
            self.send_response(told.status)
            self.send_header("Content-Length", str(len(told.content)))
            self.end_headers()
            self.wfile.write(told.content)

        def do_GET(self) -> None:
            self.do_POST()

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
    told.port = server.server_port
    thread = threading.Thread(target=server.serve_forever, args=[0.01])
    thread.start()
    yield told
    server.shutdown()
    thread.join(5)
    server.server_close()


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load_settings({"FLOWTRACE_HOME": str(tmp_path)})


def tell(settings: Settings, port: int, pid: int = ELSEWHERE_PID) -> None:
    """Write where the listener is, as its owner does."""
    told = {"ports": {"rest": port}, "pid": pid}
    (settings.home / "listener.json").write_text(json.dumps(told), encoding="utf-8")


def sent(code: VectorCode) -> dict[str, Any]:
    """Return a code as it goes over the wire."""
    return {
        "embedder": code.embedder,
        "sign": base64.b64encode(code.sign_code).decode(),
        "int8": base64.b64encode(code.int8_code).decode(),
        "scale": code.scale,
    }


def free_port() -> int:
    """Return a port that nobody listens on."""
    server = http.server.HTTPServer(("127.0.0.1", 0), http.server.BaseHTTPRequestHandler)
    server.server_close()
    return server.server_port


def test_the_owner_is_where_it_said(settings: Settings) -> None:
    tell(settings, 9600, 17)

    assert find_owner(settings) == Owner(host="127.0.0.1", port=9600, pid=17)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        '"9600"',
        "{}",
        '{"ports": {}, "pid": 1}',
        '{"ports": {"rest": null}}',
        '{"ports": {"rest": "x"}, "pid": 1}',
        '{"ports": {"rest": 1}}',
        '{"ports": 1, "pid": 1}',
    ],
)
def test_a_file_that_names_no_owner_gives_none(settings: Settings, text: str) -> None:
    (settings.home / "listener.json").write_text(text, encoding="utf-8")

    assert find_owner(settings) is None


def test_without_a_file_there_is_no_owner(settings: Settings) -> None:
    assert find_owner(settings) is None


def test_codes_come_back_as_the_owner_made_them(settings: Settings, owner: OwnerServer) -> None:
    tell(settings, owner.port)
    owner.answers({"codes": [sent(CODE), sent(CODE)]})

    assert encode_remotely(settings, ("one", "two")) == [CODE, CODE]
    assert owner.asked == [("POST", "/api/v1/embed", None, {"texts": ["one", "two"]})]


def test_an_owner_without_a_model_gives_no_codes(settings: Settings, owner: OwnerServer) -> None:
    tell(settings, owner.port)
    owner.answers({"codes": []})

    assert encode_remotely(settings, ["one"]) == []


def test_without_an_owner_nobody_is_asked(settings: Settings) -> None:
    assert encode_remotely(settings, ["one"]) is None


def test_a_process_does_not_ask_itself(settings: Settings, owner: OwnerServer) -> None:
    tell(settings, owner.port, os.getpid())

    assert encode_remotely(settings, ["one"]) is None
    assert owner.asked == []


def test_an_owner_that_has_ended_gives_none(settings: Settings) -> None:
    tell(settings, free_port())

    assert encode_remotely(settings, ["one"]) is None


@pytest.mark.parametrize("status", [401, 404, 500])
def test_a_refusal_gives_none(settings: Settings, owner: OwnerServer, status: int) -> None:
    tell(settings, owner.port)
    owner.status = status
    owner.answers({"codes": [sent(CODE)]})

    assert encode_remotely(settings, ["one"]) is None


@pytest.mark.parametrize(
    "content", [b"", b"<html>", b"[]", b"\xff", b"{}", b'{"codes": 1}', b'{"codes": [{}]}']
)
def test_another_program_on_the_port_of_an_owner_that_has_ended_gives_none(
    settings: Settings, owner: OwnerServer, content: bytes
) -> None:
    tell(settings, owner.port)
    owner.content = content

    assert encode_remotely(settings, ["one"]) is None


@pytest.mark.parametrize("wrong", [{"sign": "?"}, {"scale": "wide"}, {"int8": 5}])
def test_a_code_that_cannot_be_read_gives_none(
    settings: Settings, owner: OwnerServer, wrong: dict[str, Any]
) -> None:
    tell(settings, owner.port)
    owner.answers({"codes": [sent(CODE) | wrong]})

    assert encode_remotely(settings, ["one"]) is None


def test_fewer_codes_than_texts_are_no_answer(settings: Settings, owner: OwnerServer) -> None:
    tell(settings, owner.port)
    owner.answers({"codes": [sent(CODE)]})

    assert encode_remotely(settings, ["one", "two"]) is None


def test_the_token_of_the_data_folder_goes_along(settings: Settings, owner: OwnerServer) -> None:
    settings.token_path.write_text("t" * 43 + "\n")
    at = Owner(host="127.0.0.1", port=owner.port, pid=ELSEWHERE_PID)

    assert ask(settings, at, "GET", "/api/v1/status") == {}
    assert owner.asked == [("GET", "/api/v1/status", "Bearer " + "t" * 43, None)]


def test_a_token_of_ones_own_goes_instead(tmp_path: Path, owner: OwnerServer) -> None:
    settings = load_settings({"FLOWTRACE_HOME": str(tmp_path), "FLOWTRACE_API_KEY": "mine"})
    settings.token_path.write_text("t" * 43)

    ask(settings, Owner(host="127.0.0.1", port=owner.port, pid=ELSEWHERE_PID), "GET", "/")

    assert owner.asked[0][2] == "Bearer mine"


def test_a_token_file_that_is_no_text_is_left_out(settings: Settings, owner: OwnerServer) -> None:
    settings.token_path.write_bytes(b"\xff\xfe")

    ask(settings, Owner(host="127.0.0.1", port=owner.port, pid=ELSEWHERE_PID), "GET", "/")

    assert owner.asked[0][2] is None


def test_nothing_is_sent_to_the_port_of_a_process_that_has_ended(
    settings: Settings, owner: OwnerServer
) -> None:
    settings.token_path.write_text("t" * 43)
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait(10)

    answer = ask(settings, Owner(host="127.0.0.1", port=owner.port, pid=ended.pid), "GET", "/")

    assert answer is None
    assert owner.asked == []
