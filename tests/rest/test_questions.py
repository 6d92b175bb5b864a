"""What is asked is read strictly: nothing that is not understood is passed over."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowtrace_mcp.errors import InputError
from flowtrace_mcp.rest.questions import (
    LIMIT_DEFAULT,
    LIMIT_MOST,
    Question,
    cursor_key,
    cursor_of,
)
from flowtrace_mcp.services.listing import Position, Window
from tests.rest.conftest import START_US

signed = st.integers(-(2**63), 2**63 - 1)


def test_an_unknown_parameter_is_refused_and_the_known_ones_are_named():
    with pytest.raises(InputError) as caught:
        Question(query={"colour": "red"}).check_names({"limit", "cursor"})
    assert "colour" in caught.value.what
    assert "cursor, limit" in caught.value.why


def test_a_path_that_takes_nothing_says_so():
    with pytest.raises(InputError) as caught:
        Question(query={"colour": "red"}).check_names(())
    assert caught.value.why == "this path takes none"


def test_the_token_may_stand_in_any_address():
    Question(query={"token": "t"}).check_names(())


@pytest.mark.parametrize("text", ["0", "1001", "-1", "1.5", "ten", "\u0661\u0660", "9" * 30])
def test_a_limit_out_of_bounds_is_refused(text):
    with pytest.raises(InputError):
        Question(query={"limit": text}).limit  # noqa: B018 - reading it is the test


def test_limits_at_the_bounds_are_taken():
    limits = [Question(query={"limit": text}).limit for text in ("1", str(LIMIT_MOST), "")]
    assert limits == [1, LIMIT_MOST, LIMIT_DEFAULT]


@pytest.mark.parametrize(
    ("since", "until"), [("yesterday", ""), ("", "5"), (str(START_US), str(START_US))]
)
def test_a_window_that_is_none_is_refused(since, until):
    with pytest.raises(InputError):
        Question(query={"since": since, "until": until}).window  # noqa: B018 - reading it is the test


def test_a_window_may_be_open_at_either_end():
    assert Question().window == Window()
    iso = Question(query={"until": "2026-11-18T00:00:00Z"}).window
    assert iso == Window(until_us=1_794_960_000_000_000)
    assert Question(query={"since": str(START_US)}).window == Window(since_us=START_US)


@given(time_us=signed, number=signed)
def test_a_cursor_leads_back_to_its_position(time_us, number):
    key = cursor_key("traces", "s-1")
    position = Position(time_us=time_us, number=number)
    text = cursor_of(position, key)
    assert Question(query={"cursor": text}).position(key) == position


def test_a_cursor_belongs_to_its_list_and_filters_alone():
    text = cursor_of(Position(time_us=1, number=2), cursor_key("traces", "s-1"))
    for key in (cursor_key("traces", "s-2"), cursor_key("sessions", "s-1")):
        with pytest.raises(InputError):
            Question(query={"cursor": text}).position(key)


@given(text=st.text(min_size=1))
def test_what_is_no_cursor_is_refused(text):
    with pytest.raises(InputError):
        Question(query={"cursor": text}).position(cursor_key("traces"))


def test_a_list_that_has_ended_has_no_cursor():
    assert cursor_of(None, 1) is None
    assert Question().position(1) is None


def test_a_parameter_given_twice_is_refused(client):
    answer = client.get("/api/v1/logs", params=[("limit", "5"), ("limit", "")])

    assert answer.status_code == 400
    assert "more than once" in answer.json()["error"]
