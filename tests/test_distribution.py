"""What is handed out: the same bytes from the same source, nothing missing, one version everywhere."""

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import pytest

import flowtrace_mcp
from flowtrace_mcp.services.server_trial import try_server
from flowtrace_mcp.tools.server import PROFILES
from tests.test_tidy import ROOT, name_of, texts, tracked_files

BUILD_LIMIT_S = 50
MANIFESTS = {"plugin.json", "marketplace.json", "server.json", "manifest.json", "package.json"}
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
TITLE = f"flowtrace_mcp-{flowtrace_mcp.__version__}"


Test = TypeVar("Test", bound=Callable[..., None])


@dataclass(frozen=True, slots=True)
class Built:
    """An sdist and a wheel."""

    sdist: Path
    wheel: Path

    def digests(self) -> list[str]:
        return [hashlib.sha256(one.read_bytes()).hexdigest() for one in (self.sdist, self.wheel)]

    def sdist_names(self) -> list[str]:
        with tarfile.open(self.sdist) as archive:
            return [one.name.removeprefix(f"{TITLE}/") for one in archive if one.isfile()]

    def wheel_names(self) -> list[str]:
        with zipfile.ZipFile(self.wheel) as archive:
            return archive.namelist()


def built_here(test: Test) -> Test:
    """Mark a test that waits for the builds."""
    return pytest.mark.slow(pytest.mark.timeout(120)(test))


def copy_source(files: Iterable[Path], target: Path, *, time_s: int, mode: int) -> None:
    """Copy the repository as somebody else's clone may have it."""
    for path in files:
        copied = target / path.relative_to(ROOT)
        copied.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, copied)
        copied.chmod(mode | (0o111 & path.stat().st_mode))
        os.utime(copied, (time_s, time_s))


def build(hook: str, source: Path, out: Path, **environ: str) -> Path:
    """Build as pip does: the backend, in the folder of the source, with nothing else."""
    call = f"import hatchling.build as backend; print(backend.{hook}({str(out)!r}))"
    done = subprocess.run(
        [sys.executable, "-c", call],
        cwd=source,
        env={**os.environ, "SOURCE_DATE_EPOCH": "1795000000", **environ},
        capture_output=True,
        text=True,
        check=True,
        timeout=BUILD_LIMIT_S,
    )
    return out / done.stdout.splitlines()[-1]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[Built, Built]:
    """Build twice: from a clone, and from another clone's sdist on an odd machine."""
    pytest.importorskip("hatchling", reason="`make test` installs it")
    folder = tmp_path_factory.mktemp("distribution")
    files = tracked_files()
    for name, paths, time_s, mode in (
        ("one", sorted(files), 1_700_000_000, 0o644),
        ("two", sorted(files, reverse=True), 1_600_000_000, 0o600),
    ):
        copy_source(paths, folder / name, time_s=time_s, mode=mode)
        (folder / name / "flowtrace_mcp/__pycache__").mkdir()
        (folder / name / "flowtrace_mcp/__pycache__/app.cpython-311.pyc").touch()
        (folder / f"{name}-out").mkdir()
    odd = {"TZ": "Pacific/Chatham", "PYTHONHASHSEED": "7", "LC_ALL": "C"}
    first_out, second_out = folder / "one-out", folder / "two-out"
    first = Built(
        build("build_sdist", folder / "one", first_out),
        build("build_wheel", folder / "one", first_out),
    )
    sdist = build("build_sdist", folder / "two", second_out, **odd)
    with tarfile.open(sdist) as archive:
        archive.extractall(folder / "unpacked", filter="data")
    wheel = build("build_wheel", folder / "unpacked" / TITLE, second_out, **odd)
    return first, Built(sdist, wheel)


@built_here
def test_the_same_source_makes_the_same_bytes(built: tuple[Built, Built]) -> None:
    first, second = built

    assert first.digests() == second.digests()


@built_here
def test_the_sdist_is_the_repository(built: tuple[Built, Built]) -> None:
    expected = {name_of(path) for path in tracked_files()} | {"PKG-INFO"}

    assert set(built[0].sdist_names()) == expected


@built_here
def test_the_wheel_is_the_package_and_what_is_said_of_it(built: tuple[Built, Built]) -> None:
    package = {name for name in map(name_of, tracked_files()) if name.startswith("flowtrace_mcp/")}
    said = {
        "METADATA",
        "WHEEL",
        "RECORD",
        "entry_points.txt",
        "licenses/LICENSE",
        "licenses/NOTICE",
    }

    assert set(built[0].wheel_names()) == package | {f"{TITLE}.dist-info/{name}" for name in said}


@built_here
def test_the_commands_and_the_page_of_the_index_are_in_the_wheel(
    built: tuple[Built, Built],
) -> None:
    with zipfile.ZipFile(built[0].wheel) as archive:
        commands = archive.read(f"{TITLE}.dist-info/entry_points.txt").decode()
        metadata = archive.read(f"{TITLE}.dist-info/METADATA").decode()

    assert "flowtrace-mcp = flowtrace_mcp.__main__:main" in commands
    assert "flowtrace = flowtrace_mcp.__main__:main" in commands
    assert f"\nVersion: {flowtrace_mcp.__version__}\n" in metadata
    assert "\n# Flowtrace MCP\n" in metadata


@built_here
def test_a_server_runs_from_the_wheel_alone_and_finds_words_by_meaning(
    built: tuple[Built, Built], tmp_path: Path
) -> None:
    with zipfile.ZipFile(built[0].wheel) as archive:
        archive.extractall(tmp_path / "site")
    environ = {
        **{name: text for name, text in os.environ.items() if "FLOWTRACE" not in name},
        "FLOWTRACE_HOME": str(tmp_path / "home"),
        "FLOWTRACE_LISTENER": "off",
        "PYTHONPATH": str(tmp_path / "site"),
    }
    command = [sys.executable, "-P", "-m", "flowtrace_mcp"]

    def typed(*words: str) -> str:
        done = subprocess.run(
            [*command, *words], env=environ, capture_output=True, text=True, check=True
        )
        return done.stdout

    place = "import flowtrace_mcp; print(flowtrace_mcp.__file__)"
    run_from = subprocess.check_output([sys.executable, "-P", "-c", place], env=environ, text=True)
    typed("remember", "The deployment target is Kubernetes")

    assert run_from.startswith(str(tmp_path / "site"))
    assert try_server(command, environ).tools == PROFILES["core"]
    assert "Kubernetes" in typed("recall", "where do we ship containers to")


def stated_versions(manifest: object, place: str) -> Iterator[tuple[str, object]]:
    """Yield every version that a manifest states, at whatever depth."""
    if isinstance(manifest, dict):
        for key, value in manifest.items():
            if key == "version":
                yield place, value
            else:
                yield from stated_versions(value, f"{place} {key}")
    elif isinstance(manifest, list):
        for at, value in enumerate(manifest):
            yield from stated_versions(value, f"{place} {at}")


def manifests() -> dict[str, object]:
    return {
        name: json.loads(text)
        for name, text in texts(".json")
        if Path(name).name in MANIFESTS and not name.startswith("tests/") and "/vendor/" not in name
    }


def test_versions_agree() -> None:
    found = manifests()
    stated = dict(pair for name, told in found.items() for pair in stated_versions(told, name))

    assert "version" in PROJECT["dynamic"], "the package states it, and nobody else"
    assert re.fullmatch(r"\d+\.\d+\.\d+((a|b|rc)\d+)?", flowtrace_mcp.__version__)
    assert {Path(name).name for name in found} >= {"plugin.json", "marketplace.json"}
    assert stated == dict.fromkeys(stated, flowtrace_mcp.__version__)


def test_a_version_that_differs_is_seen() -> None:
    told = {"version": "1", "plugins": [{"version": "2"}], "manifest_version": "0.4"}

    assert list(stated_versions(told, "m")) == [("m", "1"), ("m plugins 0", "2")]
