"""The documents, held true: links, names of things, snippets, generated parts."""

import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from flowtrace_mcp.cli.parser import COMMANDS, help_pages
from flowtrace_mcp.errors import OUTSIDE
from flowtrace_mcp.settings import OPTIONS

ROOT = Path(__file__).parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("changelog.d/*.md"), *(ROOT / "docs").rglob("*.md")])
README = (ROOT / "README.md").read_text(encoding="utf-8")
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")

LINK = re.compile(r"\[[^\]]*\]\((?P<target>[^)\s]+)\)")
HEADING = re.compile(r"^#+ (?P<text>.+)$", re.MULTILINE)
FENCE = re.compile(r"^```(?P<language>\w*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
MADE_HERE = re.compile(r"<!-- \[\[\[cog.*?\]\]\] -->", re.DOTALL)
MAKE = re.compile(r"make (?P<target>[a-z-]+)")
COMMAND = re.compile(r"flowtrace (?P<name>[a-z]+)")
INLINE_CODE = re.compile(r"`(?P<text>[^`\n]+)`")
SCRIPT = re.compile(r"`(?:python )?(?P<path>(?:bench|scripts|tests|docs)/[\w./-]+)`")
CHANGE = re.compile(r"\d+\.(?:added|changed|fixed|removed|security)\.md")


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def shown(page: Path) -> str:
    """Return a page as its readers see it, without the code that makes parts of it."""
    return MADE_HERE.sub("", page.read_text(encoding="utf-8"))


def anchors(text: str) -> set[str]:
    """Return what a link may point to: headings as code hosts write them."""
    words = (re.sub(r"[^\w\- ]", "", found["text"].lower()) for found in HEADING.finditer(text))
    return {word.strip().replace(" ", "-") for word in words}


def broken_links(page: Path) -> Iterator[str]:
    for found in LINK.finditer(FENCE.sub("", shown(page))):
        target, _, anchor = found["target"].partition("#")
        if "://" in target or target.startswith("mailto:"):
            continue
        path = page.parent / target if target else page
        if not path.exists() or (anchor and anchor not in anchors(shown(path))):
            yield found["target"]


def lacking(text: str, names: Iterable[str]) -> list[str]:
    """Return the names that a text does not have as headings."""
    headings = [found["text"] for found in HEADING.finditer(text)]
    return [name for name in names if name not in headings]


def typed(page: Path) -> list[str]:
    """Return what a page tells to type: inline code, and the lines of shell snippets."""
    text = shown(page)
    snippets = [found["text"] for found in FENCE.finditer(text) if found["language"] == "sh"]
    inline = [found["text"] for found in INLINE_CODE.finditer(FENCE.sub("", text))]
    return [*inline, *(line for snippet in snippets for line in snippet.splitlines())]


def make_targets() -> set[str]:
    return set(re.findall(r"^([a-z-]+):", MAKEFILE, re.MULTILINE))


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_relative_link_leads_somewhere(page: Path) -> None:
    assert list(broken_links(page)) == []


def test_a_broken_link_is_seen(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# A page\n[good](#a-page) [bad](#no-page) [gone](gone.md)\n", "utf-8")

    assert list(broken_links(page)) == ["#no-page", "gone.md"]


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_a_page_names_only_targets_commands_and_files_that_exist(page: Path) -> None:
    lines = typed(page)
    targets = {found["target"] for line in lines if (found := MAKE.match(line))}
    commands = {found["name"] for line in lines if (found := COMMAND.match(line))}

    assert targets - make_targets() == set()
    assert commands - {command.name for command in COMMANDS} == set()
    assert [path for path in SCRIPT.findall(shown(page)) if not (ROOT / path).exists()] == []


def test_what_a_page_tells_to_type_is_read(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("To\nmake a cake, type `make cake`.\n```sh\nmake tea  # first\n```\n", "utf-8")

    assert typed(page) == ["make cake", "make tea  # first"]


def test_every_setting_is_in_its_page() -> None:
    page = shown(ROOT / "docs/settings.md")

    assert [option.variable for option in OPTIONS if f"| `{option.variable}` |" not in page] == []
    assert "FLOWTRACE_HOME" in page


def test_every_command_has_its_help_in_its_page_and_a_row_in_the_readme() -> None:
    page = shown(ROOT / "docs/cli.md")

    assert lacking(page, (name for name, _ in help_pages())) == []
    assert [name for name, text in help_pages() if text.rstrip() not in page] == []
    assert [one.name for one in COMMANDS if f"| `flowtrace {one.name}` |" not in README] == []


def test_a_page_that_lacks_a_command_is_seen() -> None:
    page = shown(ROOT / "docs/cli.md").replace("## flowtrace doctor\n", "")

    assert lacking(page, (name for name, _ in help_pages())) == ["flowtrace doctor"]


def test_every_tool_has_a_heading_in_its_page_and_a_row_in_the_readme() -> None:
    catalog = json.loads((ROOT / "flowtrace_mcp/tools/catalog.json").read_text(encoding="utf-8"))
    names = [tool["name"] for tool in catalog]

    assert lacking(shown(ROOT / "docs/tools.md"), names) == []
    assert [name for name in names if f"| `{name}` |" not in README] == []


def test_every_error_code_has_a_heading_with_a_reason_and_a_mend() -> None:
    page = shown(ROOT / "docs/errors.md")
    parts = {part.partition("\n")[0]: part for part in page.split("\n## ")}

    for code in (cls.code for cls in OUTSIDE):
        assert "- **Why**:" in parts[code], code
        assert "- **Mend**:" in parts[code], code


def test_every_make_target_is_explained_to_contributors() -> None:
    page = shown(ROOT / "CONTRIBUTING.md")

    assert [name for name in make_targets() if f"| `make {name}` |" not in page] == []


def test_json_snippets_of_the_readme_name_the_server() -> None:
    snippets = [found["text"] for found in FENCE.finditer(README) if found["language"] == "json"]

    parsed = [json.loads(text) for text in snippets]

    assert {"mcpServers": {"flowtrace": {"command": "flowtrace-mcp"}}} in parsed
    assert all("flowtrace-mcp" in text for text in snippets)


def test_every_bench_script_of_the_readme_holds_its_limit() -> None:
    scripts = re.findall(r"`(bench/\w+\.py)`", README)

    assert scripts
    for name in scripts:
        assert re.search(r"LIMIT|LEAST|BARS", (ROOT / name).read_text(encoding="utf-8")), name


def test_every_decision_is_listed_on_the_first_page() -> None:
    folder = ROOT / "docs/adr"
    listed = (folder / "0001-record-decisions.md").read_text(encoding="utf-8")
    names = sorted(path.name for path in folder.glob("*.md"))

    assert [int(name[:4]) for name in names] == list(range(1, len(names) + 1))
    assert [name for name in names[1:] if f"({name})" not in listed] == []


def test_changes_are_named_by_issue_and_kind() -> None:
    names = {path.name for path in (ROOT / "changelog.d").iterdir()} - {"README.md"}

    assert [name for name in names if not CHANGE.fullmatch(name)] == []


def test_every_dependency_has_its_reason() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    page = shown(ROOT / "docs/adr/0002-dependencies.md").replace(
        "`-exporter", "`opentelemetry-exporter"
    )
    names = [re.split(r"[>=;\[ ]", one)[0] for one in project["dependencies"]]

    assert [name for name in names if f"`{name}`" not in page] == []


def test_make_installs_the_tools_that_the_project_names() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    tools = project["dependency-groups"]["dev"]

    assert [tool for tool in tools if f"'{tool}'" not in MAKEFILE] == []


@pytest.mark.slow
@pytest.mark.timeout(60)
def test_generated_parts_are_fresh() -> None:
    pages = [name_of(page) for page in PAGES]
    command = [sys.executable, "-m", "cogapp", "--check", "-P", *pages]

    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout + done.stderr


def test_ci_runs_what_the_readme_tells_to_run() -> None:
    script = ROOT / ".ci" / "run"

    assert script.stat().st_mode & 0o111
    assert {"test", "torch-test"} <= set(
        re.findall(r"^\s+make ([a-z-]+)$", script.read_text("utf-8"), re.MULTILINE)
    )
