from pathlib import Path

from tests.cli.conftest import Type


def test_the_token_is_made_once_and_printed_alone(typed: Type, environ: dict[str, str]) -> None:
    first, again = typed("token"), typed("token")

    assert first.code == 0
    assert first.out == again.out
    assert first.out.strip() == (Path(environ["FLOWTRACE_HOME"]) / "token").read_text()


def test_the_path_is_printed_without_making_a_token(typed: Type, environ: dict[str, str]) -> None:
    path = Path(environ["FLOWTRACE_HOME"]) / "token"

    assert typed("token", "--path").out == f"{path}\n"
    assert not path.exists()


def test_a_token_of_ones_own_is_told_with_where_it_comes_from(
    typed: Type, environ: dict[str, str]
) -> None:
    environ["FLOWTRACE_API_KEY"] = "mine"

    assert typed("token", "--json").body == {"token": "mine", "from": "FLOWTRACE_API_KEY"}


def test_a_token_file_that_holds_something_else_is_an_error(
    typed: Type, environ: dict[str, str]
) -> None:
    home = Path(environ["FLOWTRACE_HOME"])
    home.mkdir()
    (home / "token").write_text("short")

    answer = typed("token")

    assert answer.code != 0
    assert answer.out == ""
    assert "does not hold a token" in answer.err
