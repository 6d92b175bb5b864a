import msgspec
import pytest
from hypothesis import given

from flowtrace_mcp.errors import InputError
from flowtrace_mcp.model.memory import MemoryKind, Outcome, ScopeName
from flowtrace_mcp.model.memory_lines import (
    FORMAT_VERSION,
    HeaderLine,
    LinkLine,
    MemoryLine,
    ProjectLine,
    decode_line,
    encode_line,
)
from flowtrace_mcp.model.memory_pages import is_memory_page, memory_page, parse_memory_page
from tests.strategies import memory_lines

ID = "00" * 15 + "01"
OTHER_ID = "00" * 15 + "02"
MEMORY = MemoryLine(
    id=ID,
    kind=MemoryKind.FACT,
    scope=ScopeName.REPO,
    content="x",
    sequence=1,
    recorded_us=1,
    valid_from_us=1,
    last_seen_us=1,
)
LINKS = [LinkLine(from_id=ID, to_id=OTHER_ID, relation=Outcome.SUPERSEDES, created_us=1)]


@given(memory_lines())
def test_a_memory_is_the_same_after_it_was_a_line(line: MemoryLine) -> None:
    assert decode_line(encode_line(line)) == line


@given(memory_lines())
def test_a_memory_is_the_same_after_it_was_a_page(line: MemoryLine) -> None:
    links = [msgspec.structs.replace(LINKS[0], from_id=line.id)]

    page = memory_page(line, links)

    assert is_memory_page(page)
    assert parse_memory_page(page) == (line, links)


def test_a_line_is_an_object_on_one_line_that_says_what_it_is() -> None:
    link = encode_line(LINKS[0])

    assert encode_line(HeaderLine(version=1)) == b'{"type":"flowtrace-export","version":1}\n'
    assert link.startswith(b'{"type":"link","from":"')
    assert decode_line(link) == LINKS[0]
    project = ProjectLine(identity="name:shop", name="shop", created_us=5)
    assert decode_line(encode_line(project)) == project


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{}",
        b"not json",
        b'{"type":"memory"}',
        b'{"type":"song"}',
        b'{"type":"link","from":"x","to":"y","relation":"refines","created_us":1,"more":1}',
        b'{"type":"project","identity":"a","name":"\xff","created_us":1}',
        b"[" * 100_000,
        b'{"type":"link","from":"x","to":"y","relation":"refines","created_us":1}',
        f'{{"type":"link","from":"{ID}","to":"00","relation":"refines","created_us":1}}'.encode(),
        f'{{"type":"link","from":"{ID}","to":"{ID}","relation":"kin","created_us":1}}'.encode(),
        b'{"type":"project","identity":"a","name":"b","created_us":1' + b"0" * 30 + b"}",
        f'{{"type":"flowtrace-export","version":{FORMAT_VERSION + 1}}}'.encode(),
    ],
)
def test_a_line_that_is_none_is_refused(data: bytes) -> None:
    with pytest.raises(InputError) as refused:
        decode_line(data)

    assert refused.value.why or refused.value.mend


@pytest.mark.parametrize("change", [{"id": "xy"}, {"id": "00"}, {"id": ""}, {"span_id": "0" * 32}])
def test_an_id_that_is_none_is_refused(change: dict[str, str]) -> None:
    with pytest.raises(InputError, match="is not one"):
        decode_line(encode_line(msgspec.structs.replace(MEMORY, **change)))


@pytest.mark.parametrize("when_us", [2**62, -(2**62), -40_000_000_000_000_000, 0, 1])
def test_a_time_that_no_calendar_shows_is_kept_as_its_number(when_us: int) -> None:
    line = MemoryLine(
        id=ID,
        kind=MemoryKind.FACT,
        scope=ScopeName.GLOBAL,
        content="x",
        sequence=1,
        recorded_us=when_us,
        valid_from_us=when_us,
        last_seen_us=when_us,
        tags=(("a", "", when_us, None), ("b", "", 5, when_us)),
    )

    assert parse_memory_page(memory_page(line, [])) == (line, [])


def test_a_page_whose_link_leads_nowhere_is_refused() -> None:
    page = memory_page(MEMORY, LINKS)

    with pytest.raises(InputError):
        parse_memory_page(page.replace(OTHER_ID, "xy"))


@pytest.mark.parametrize(
    "text", ["", "# Notes", "---\nid: 1\n", "---\nhandle: x\n\n---\n\nx", "---\nid: 1\n---\n\nx"]
)
def test_a_page_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="cannot read"):
        parse_memory_page(text)
