"""JSON with comments, edited in place."""

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowtrace_mcp.clients.jsonc import (
    DEPTH_LIMIT,
    find,
    parse,
    with_item,
    with_value,
    without,
    without_item,
)
from flowtrace_mcp.errors import InputError

ENTRY = {"command": "flowtrace-mcp"}
PATH = ("mcpServers", "flowtrace")

SAMPLES = {
    "an empty object": "{}",
    "an empty object on two lines": "{\n}\n",
    "four spaces": '{\n    "mcpServers": {\n        "other": {\n            "command": "x"\n        }\n    }\n}\n',
    "tabs": '{\n\t"mcpServers": {\n\t\t"other": {"command": "x"}\n\t}\n}\n',
    "one line": '{"mcpServers": {"other": {"command": "x"}}, "theme": "dark"}',
    "comments": '// mine\n{\n  // servers\n  "mcpServers": {\n    "other": {"command": "x"} // keep, this\n    /* end, of it */\n  },\n  "theme": "dark" // last\n}\n',
    "trailing commas": '{\n  "mcpServers": {\n    "other": {"command": "x",},\n  },\n}\n',
    "an empty server list": '{\n  "mcpServers": {},\n  "a": [1, 2,]\n}',
    "a comment alone": '{\n  "mcpServers": {\n    // none yet\n  }\n}\n',
    "carriage returns": '{\r\n  "mcpServers": {\r\n    "other": {"command": "x"}\r\n  }\r\n}\r\n',
    "odd spacing": '{ "theme" :"dark" ,\n\n\n   "mcpServers"  : { "other":{ "command" : "x" } }   }\n\n',
    "strings that look like syntax": '{"a": "// no, \\" {", "mcpServers": {"b": {"command": "/* } */"}}}',
}


def plain(text):
    """Return what a text says by the standard reader, comments and trailing commas taken out."""
    outside = re.compile(r'("(?:[^"\\]|\\.)*")|//[^\n]*|/\*.*?\*/', re.DOTALL)
    bare = outside.sub(lambda found: found[1] or " ", text)
    closed = re.compile(r'("(?:[^"\\]|\\.)*")|,(?=\s*[}\]])')
    return json.loads(closed.sub(lambda found: found[1] or "", bare))


def comments_of(text):
    outside = re.compile(r'"(?:[^"\\]|\\.)*"|(//[^\r\n]*|/\*.*?\*/)', re.DOTALL)
    return [found[1] for found in outside.finditer(text) if found[1]]


@pytest.mark.parametrize("text", SAMPLES.values(), ids=SAMPLES)
def test_a_text_is_read_as_others_read_it(text):
    assert parse(text).value == plain(text)


@pytest.mark.parametrize("text", SAMPLES.values(), ids=SAMPLES)
def test_an_entry_is_added_and_everything_else_stays(text):
    edited = with_value(text, PATH, ENTRY)

    before = plain(text)
    servers = before.get("mcpServers", {}) | {"flowtrace": ENTRY}
    assert plain(edited) == before | {"mcpServers": servers}
    assert comments_of(edited) == comments_of(text)
    assert ("\r\n" in text) == ("\r\n" in edited)
    assert with_value(edited, PATH, ENTRY) == edited


@pytest.mark.parametrize("text", SAMPLES.values(), ids=SAMPLES)
def test_an_entry_that_is_taken_out_leaves_what_was_there(text):
    left = without(with_value(text, PATH, ENTRY), PATH)

    before = plain(text)
    expected = (
        before
        if before.get("mcpServers")
        else {key: value for key, value in before.items() if key != "mcpServers"}
    )
    assert plain(left) == expected


def test_a_line_is_added_in_the_style_of_the_file():
    text = SAMPLES["comments"]

    assert with_value(text, PATH, ENTRY) == text.replace(
        '    "other": {"command": "x"} // keep, this\n    /* end, of it */\n',
        '    "other": {"command": "x"}, // keep, this\n    /* end, of it */\n'
        '    "flowtrace": {\n      "command": "flowtrace-mcp"\n    }\n',
    )


def test_a_value_that_is_there_is_replaced_alone():
    text = '{"mcpServers": {"flowtrace": {"command": "old"}, "b": 1}} // end'

    assert '"b": 1}} // end' in with_value(text, PATH, ENTRY)
    assert find(with_value(text, PATH, ENTRY), PATH) == ENTRY


def test_an_empty_file_becomes_an_object():
    assert plain(with_value(" \n", PATH, ENTRY)) == {"mcpServers": {"flowtrace": ENTRY}}
    assert find("", PATH) is None


def test_items_are_added_once_and_taken_out_again():
    text = '{\n  "hooks": {\n    "Stop": [\n      {"command": "mine"} // keep\n    ]\n  }\n}\n'
    path = ("hooks", "Stop")

    edited = with_item(text, path, ENTRY)

    assert plain(edited)["hooks"]["Stop"] == [{"command": "mine"}, ENTRY]
    assert with_item(edited, path, ENTRY) == edited
    assert without_item(edited, path, ENTRY) == text
    assert without_item(text, path, ENTRY) == text


def test_a_list_is_made_and_goes_with_its_last_item():
    edited = with_item('{"a": 1}', ("hooks", "Stop"), ENTRY)

    assert plain(edited) == {"a": 1, "hooks": {"Stop": [ENTRY]}}
    assert plain(without_item(edited, ("hooks", "Stop"), ENTRY)) == {"a": 1}


def test_the_first_of_several_goes_with_its_comma():
    text = '{\n  "a": 1, // one\n  "b": 2\n}'

    assert plain(without(text, ("a",))) == {"b": 2}
    assert without('{"a": 1, "b": 2}', ("a",)) == '{"b": 2}'
    assert without(text, ("c",)) == text


@pytest.mark.parametrize(
    "text",
    [
        "{",
        '{"a" 1}',
        '{"a": }',
        '{"a": 1 "b": 2}',
        "[1",
        "{} {}",
        "{'a': 1}",
        '{"a": 01}',
        '{"a": "\n"}',
        "[" * (DEPTH_LIMIT + 2),
    ],
)
def test_what_is_no_json_is_refused_with_its_line(text):
    with pytest.raises(InputError, match="cannot read the JSON at line"):
        with_value(text, PATH, ENTRY)


@pytest.mark.parametrize("text", ["[]", '{"mcpServers": []}', '{"mcpServers": 3}'])
def test_something_else_in_our_place_is_refused(text):
    with pytest.raises(InputError, match="is not what it should be"):
        with_value(text, PATH, ENTRY)
    with pytest.raises(InputError, match="is not what it should be"):
        with_item('{"hooks": {"Stop": {}}}', ("hooks", "Stop"), 1)


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=8,
)
objects = st.dictionaries(st.text(max_size=5), values, max_size=4)
indents = st.sampled_from([None, 1, 2, 4, "\t"])


@given(given=objects, indent=indents, entry=values, key=st.text(max_size=5))
def test_any_object_keeps_what_it_says_and_gets_the_entry(given, indent, entry, key):
    text = json.dumps(given, indent=indent)

    edited = with_value(text, (key,), entry)

    assert json.loads(edited) == given | {key: entry}
    if key not in given and entry is not None:
        assert json.loads(without(edited, (key,))) == given
