"""The pages of promises: every line names a test that is there, and every script it names is too."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = ("docs/reliability.md", "docs/security.md")
TEST = re.compile(r"`(?P<file>tests/[\w/]+\.py)::(?P<name>test_\w+)`")
SCRIPT = re.compile(r"`(?P<file>bench/\w+\.py)`")
HEADS = ("| promise", "| ---", "| who")


def rows(page: str) -> list[str]:
    lines = (ROOT / page).read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line.startswith("|") and not line.startswith(HEADS)]


def names_in(file: str) -> set[str]:
    tree = ast.parse((ROOT / file).read_bytes())
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}


@pytest.mark.parametrize("page", PAGES)
def test_every_line_names_a_test_and_every_test_is_there(page: str) -> None:
    untested = [row for row in rows(page) if not TEST.search(row)]
    named = {found.groups() for row in rows(page) for found in TEST.finditer(row)}
    missing = [f"{file}::{name}" for file, name in named if name not in names_in(file)]

    assert len(rows(page)) > 15
    assert untested == []
    assert missing == []


@pytest.mark.parametrize("page", PAGES)
def test_every_script_that_is_named_is_there(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")

    assert [
        one["file"] for one in SCRIPT.finditer(text) if not (ROOT / one["file"]).is_file()
    ] == []
