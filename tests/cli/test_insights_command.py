"""`flowtrace insights`, as it is typed."""

from flowtrace_mcp.app import Application
from flowtrace_mcp.model.times import HOUR_US
from tests.cli.conftest import Type
from tests.services.work import START_US, Work


def test_without_any_all_is_well(typed: Type) -> None:
    assert "health 100 of 100, 0 insights" in typed("insights").out
    body = typed("insights", "--hours", "24", "--json").body
    assert (body["insights"], body["health_score"], body["window_seconds"]) == ([], 100, 86_400)


def test_what_is_found_is_printed_with_its_evidence(typed: Type, environ: dict[str, str]) -> None:
    program = Application(environ, listen=False)
    work = Work(program.context())
    since_s = (program.context().now_us() - HOUR_US - START_US) / 1_000_000
    for number in range(4):
        work.tool("Read", since_s + number, error=f"no such file: /tmp/{number}", trace=number + 1)
    work.store()
    program.close()

    out = typed("insights").out

    assert "Read failed 4 times in the same way" in out
    assert "traces " in out


def test_what_cannot_be_asked_is_refused(typed: Type) -> None:
    assert typed("insights", "--hours", "0").code == 2
    assert typed("insights", "--project", "nowhere").code == 4
