"""One table of ours in other programs' TOML."""

import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowtrace_mcp.clients.toml_tables import find_table, read, with_table, without_table
from flowtrace_mcp.errors import InputError

PATH = ("mcp_servers", "flowtrace")
ENTRY = {"command": "/opt/flow trace/bin", "args": ["a"], "on": True, "env": {"A": "1"}}

SAMPLES = {
    "nothing": "",
    "a key": 'model = "gpt-5"\n',
    "no last line end": 'model = "gpt-5" # mine',
    "other servers": '# top\n[mcp_servers.other]\ncommand = "x" # keep\n\n\n[tui]\ntheme = "dark"\n',
    "carriage returns": '[mcp_servers.other]\r\ncommand = "x"\r\n',
    "the parent itself": '[mcp_servers]\n[mcp_servers.other]\ncommand = "x"\n',
    "arrays of tables": "[[rules]]\na = 1\n[[rules]]\na = 2\n",
}


@pytest.mark.parametrize("text", SAMPLES.values(), ids=SAMPLES)
def test_a_table_is_added_and_taken_out_again(text):
    edited = with_table(text, PATH, ENTRY)

    before = tomllib.loads(text)
    servers = before.get("mcp_servers", {}) | {"flowtrace": ENTRY}
    assert tomllib.loads(edited) == before | {"mcp_servers": servers}
    assert edited.startswith(text)
    assert with_table(edited, PATH, ENTRY) == edited
    assert without_table(edited, PATH).rstrip() == text.rstrip()


def test_a_table_that_is_there_gives_way_with_those_below_it():
    text = '[mcp_servers."flowtrace"]\ncommand = "old"\n[mcp_servers.flowtrace.env]\nA = "1"\n[tui]\na = 1\n'

    edited = with_table(text, PATH, ENTRY)

    assert tomllib.loads(edited) == {"tui": {"a": 1}, "mcp_servers": {"flowtrace": ENTRY}}
    assert find_table(edited, PATH) == ENTRY


def test_what_is_not_there_is_not_taken_out():
    assert without_table(SAMPLES["a key"], PATH) == SAMPLES["a key"]
    assert find_table('mcp_servers = "x"', PATH) is None


@pytest.mark.parametrize(
    "text",
    [
        "mcp_servers = {}\n",
        'mcp_servers = { flowtrace = { command = "x" } }\n',
        "mcp_servers = 3\n",
        '[mcp_servers]\nflowtrace = { command = "x" }\n',
    ],
)
def test_what_is_said_in_another_way_is_refused(text):
    with pytest.raises(InputError, match="cannot be edited here"):
        with_table(text, PATH, ENTRY)


def test_what_is_no_toml_is_refused_with_its_line():
    with pytest.raises(InputError, match="line 2"):
        read("a = 1\nb = \n")


scalars = st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=8)


@given(
    values=st.dictionaries(
        st.from_regex(r"[a-z]{1,8}", fullmatch=True),
        scalars | st.lists(scalars, max_size=3),
        min_size=1,
        max_size=5,
    ),
    text=st.sampled_from([*SAMPLES.values()]),
)
def test_any_values_are_read_back_as_they_were(values, text):
    assert find_table(with_table(text, PATH, values), PATH) == values
