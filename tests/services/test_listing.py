"""What all lists share: windows, positions, projects by name."""

from flowtrace_mcp.services.listing import (
    BEGINNING,
    END,
    Position,
    Window,
    find_project,
    first_after,
    page_before,
    project_names,
)


def test_a_newest_first_list_begins_at_the_end_of_its_window():
    page = page_before(Window(since_us=5, until_us=9), None, 10)
    assert (page.since_us, page.before_us, page.before_id) == (5, 9, BEGINNING)
    assert page_before(Window(), None, 10).before_us > 2**61


def test_a_newest_first_list_goes_on_before_its_position():
    page = page_before(Window(since_us=5, until_us=9), Position(time_us=7, number=-3), 10)
    assert (page.since_us, page.before_us, page.before_id, page.limit) == (5, 7, -3, 10)


def test_an_oldest_first_list_begins_with_its_window_and_goes_on_after_its_position():
    assert first_after(Window(since_us=5), None) == (4, END)
    assert first_after(Window(), None) == (-1, END)
    assert first_after(Window(since_us=5), Position(time_us=7, number=3)) == (7, 3)


def test_a_project_is_found_by_number_name_or_identity(context):
    number = context.store.project_id("git:example.com/o/shop", "shop")
    for told in (str(number), "shop", "git:example.com/o/shop"):
        assert find_project(context, told) == number
    assert find_project(context, "bank") is None
    assert project_names(context)[number] == "shop"
