"""The demo starts real servers, in a data folder of its own."""

import tempfile
from pathlib import Path

import pytest

from tests.cli.conftest import Type

pytestmark = [pytest.mark.slow, pytest.mark.timeout(60)]


def test_every_scene_is_played_and_what_it_stored_is_kept_on_request(
    typed: Type, environ: dict[str, str], tmp_path: Path
) -> None:
    kept = tmp_path / "demo"

    answer = typed("demo", "--keep", str(kept), "--json")

    assert answer.code == 0
    results = {(step["step"], step["what"]): step["result"] for step in answer.body["steps"]}
    steps = {step for step, _ in results}
    assert {"start", "remember", "recall", "status", "traces"} <= steps
    assert {"OpenTelemetry SDK", "recorded exports"} <= steps
    (recalled,) = (result for (step, _), result in results.items() if step == "recall")
    assert "discounts were rounded before tax" in recalled
    assert list(kept.glob("**/flowtrace.db"))
    assert not (Path(environ["FLOWTRACE_HOME"]) / "flowtrace.db").exists()


def test_a_person_reads_a_transcript_and_nothing_is_left_behind(
    typed: Type, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(scratch))

    answer = typed("demo")

    assert answer.code == 0
    assert "\n> recall: " in answer.out
    assert "claude mcp add flowtrace" in answer.out
    assert "AKIAIOSFODNN7EXAMPLE" not in answer.out.partition("taken out")[2]
    assert list(scratch.iterdir()) == []


def test_a_folder_named_from_here_holds_the_data_itself(typed: Type) -> None:
    assert typed("demo", "--keep", "kept", "--json").code == 0

    assert Path("kept/flowtrace.db").exists()


def test_a_place_that_is_no_folder_is_refused(typed: Type, tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    answer = typed("demo", "--keep", str(tmp_path / "file"))

    assert answer.code == 2
    assert "mend: give --keep a folder" in answer.err


def test_a_server_that_cannot_work_ends_the_demo_with_an_error(typed: Type, tmp_path: Path) -> None:
    (tmp_path / "flowtrace.toml").write_text("this is no TOML", "utf-8")

    answer = typed("demo", "--keep", str(tmp_path))

    assert answer.code == 1
    assert "error: remember failed in the demo: " in answer.err
    assert "flowtrace.toml" in answer.err
    assert "Traceback" not in answer.err
