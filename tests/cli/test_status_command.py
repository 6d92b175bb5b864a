import json
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from flowtrace_mcp.app import Application
from flowtrace_mcp.cli.status import port_lines, readable_size
from flowtrace_mcp.services.status import ListenerFacts
from tests.cli.conftest import Type


@contextmanager
def listening_program(environ: dict[str, str]) -> Iterator[ListenerFacts]:
    """Serve the data folder, as an editor's process does; give who serves which port."""
    program = Application(environ, listen=True)
    program.warm_up()
    assert program.wait_until_warm(8)
    yield program.listener_facts()
    program.close()


@pytest.fixture
def listening(environ: dict[str, str]) -> Iterator[ListenerFacts]:
    with listening_program(environ) as facts:
        yield facts


def test_status_says_what_is_stored_and_who_listens(typed: Type, environ: dict[str, str]) -> None:
    typed("remember", "Staging runs Postgres 16")

    answer = typed("status")

    assert answer.code == 0
    head, *lines = answer.out.splitlines()
    assert head.endswith(": ok")
    assert f"  database   {environ['FLOWTRACE_HOME']}/flowtrace.db" in lines
    assert "  memories   1" in lines
    assert "  traces     0 with 0 spans" in lines
    assert "  embedder   off (off)" in lines
    assert "  listener   none; an editor or `flowtrace serve` starts it" in lines


def test_status_says_how_each_agents_traces_are_switched_on(typed: Type) -> None:
    answer = typed("status").out

    for agent in ("claude-code", "codex", "gemini-cli"):
        assert f"to see {agent}'s traces, set:" in answer


def test_json_has_counts_listener_and_embedder(typed: Type) -> None:
    typed("remember", "Staging runs Postgres 16")

    answer = typed("status", "--json").body

    assert answer["health"] == "ok"
    assert answer["store"]["memory_count"] == 1
    assert answer["store"]["write_refusal"] is None
    assert answer["listener"]["owner_pid"] is None
    assert (answer["embedder"], answer["embedder_state"]) == ("off", "off")
    assert set(answer["switch_on"]) == {"claude-code", "codex", "gemini-cli"}


def test_the_process_that_listens_is_named_with_its_ports(
    typed: Type, listening: ListenerFacts
) -> None:
    lines = typed("status").out.splitlines()

    assert f"  listener   process {os.getpid()}" in lines
    for line in port_lines(listening):
        assert f"    {line}" in lines


@pytest.mark.promise("port-taken")
def test_a_port_that_another_program_has_is_told_with_how_to_move(
    typed: Type, environ: dict[str, str]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as collector:
        port = collector.getsockname()[1]
        with listening_program(environ | {"FLOWTRACE_OTLP_HTTP_PORT": str(port)}):
            said = typed("status").out

    assert f"  problem    port {port} for OTLP over HTTP is taken by another program" in said
    assert "FLOWTRACE_OTLP_HTTP_PORT" in said


def test_what_switches_on_traces_names_the_port_that_is_served(
    typed: Type, listening: ListenerFacts
) -> None:
    answer = typed("status", "--json").body

    assert answer["listener"]["otlp_http_port"] == listening.otlp_http_port
    assert f":{listening.otlp_http_port}" in answer["switch_on"]["claude-code"]


def test_a_listener_of_other_data_on_the_port_is_not_taken_for_ours(
    typed: Type, listening: ListenerFacts, environ: dict[str, str], tmp_path: Path
) -> None:
    other = tmp_path / "other"
    other.mkdir()
    told = {"ports": {"rest": listening.rest_port}, "pid": os.getpid()}
    (other / "listener.json").write_text(json.dumps(told))
    environ["FLOWTRACE_HOME"] = str(other)

    assert typed("status", "--json").body["listener"]["owner_pid"] is None


def test_a_port_that_is_not_served_has_no_line() -> None:
    facts = ListenerFacts(owner_pid=1, rest_port=9600, otlp_grpc_port=4317)

    assert list(port_lines(facts)) == ["9600   REST, MCP over HTTP", "4317   OTLP/gRPC"]


@pytest.mark.parametrize(
    ("size_bytes", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.0 kB"),
        (4096, "4.1 kB"),
        (2500000, "2.5 MB"),
        (7000000000, "7.0 GB"),
        (3100000000000, "3.1 TB"),
    ],
)
def test_a_size_reads_in_its_largest_unit(size_bytes: int, text: str) -> None:
    assert readable_size(size_bytes) == text


def test_the_figures_of_the_file_are_told_table_by_table(typed: Type) -> None:
    typed("remember", "Staging runs on alpha")

    out = typed("status", "--storage").out
    body = typed("status", "--storage", "--json").body

    assert "vacuum incremental" in out
    assert "advice     the file was never checked as a whole" in out
    assert {tree["name"]: tree["rows"] for tree in body["tables"]}["memories"] == 1
    typed("doctor")
    assert typed("status", "--storage", "--json").body["last_integrity_check"]["problems"] == 0
    assert "checked    " in typed("status", "--storage").out
