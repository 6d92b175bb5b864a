"""Every statement of the package: what reads what people wrote names the project that it is of.

A list here says which statements may do without, and why. A new statement that reads memories, and is
neither bounded to a project nor listed, fails.
"""

import importlib
import pkgutil
import re
from collections.abc import Iterator

import pytest

from flowtrace_mcp import storage

SQL = re.compile(r"\b(SELECT|UPDATE|DELETE|INSERT)\b")
READS = re.compile(r"\bFROM\s+(memories|memory_text|memory_vectors)\b", re.IGNORECASE)
CHANGES = re.compile(r"^\s*(UPDATE|DELETE|INSERT|CREATE)", re.IGNORECASE)
# What narrows a question to a project, to ids or keys that were found under one, or counts alone.
NARROWS = re.compile(
    r"project_id|:project|carray\(|memory_key = \?|memory_key IN|handle = \?|memory_id = \?"
    r"|rowid = \?|MATCH|set_key",
    re.IGNORECASE,
)
MAY_DO_WITHOUT = {
    "memories._NEWEST": "a number alone",
    "memories._COUNT": "a count alone, for `status`",
    "memory_vectors._TOTAL": "a count alone, of how much a new model has to read",
    "memory_vectors._PENDING": "background work gives vectors to memories of all projects",
}


def statements() -> Iterator[tuple[str, str]]:
    """Yield the name and the text of every SQL constant of the storage package."""
    for found in pkgutil.iter_modules(storage.__path__):
        module = importlib.import_module(f"flowtrace_mcp.storage.{found.name}")
        for name, value in vars(module).items():
            if name.lstrip("_").isupper() and isinstance(value, str) and SQL.search(value):
                yield f"{found.name}.{name}", value


ALL = dict(statements())


def test_all_statements_are_walked() -> None:
    assert len(ALL) > 200


@pytest.mark.parametrize("name", [name for name, text in ALL.items() if READS.search(text)])
def test_what_reads_memories_is_narrowed_to_a_project(name: str) -> None:
    text = ALL[name]

    is_read = not CHANGES.match(text)

    assert not is_read or NARROWS.search(text) or name in MAY_DO_WITHOUT, text


def test_what_may_do_without_is_there() -> None:
    assert [name for name in MAY_DO_WITHOUT if name not in ALL] == []


@pytest.mark.parametrize("name", list(ALL))
def test_no_statement_has_a_value_formatted_in(name: str) -> None:
    """A quote around a brace would be one."""
    assert not re.search(r"'\{\w*\}'", ALL[name])
