"""A trace in the browser: rows that fold, keys that move, spans that open, thousands that scroll."""

import pytest

from tests.dashboard.served import BIG_SPANS, BIG_TRACE, span

pytestmark = [pytest.mark.slow, pytest.mark.timeout(60)]

ROWS_MOST = 120
HEIGHT = "document.querySelector('.wf-all').offsetHeight"


@pytest.fixture
def page(served, open_page):
    page = open_page(served.link(f"/dashboard/trace/{BIG_TRACE}"))
    page.wait_for_selector(".wf-row")
    return page


def active(page):
    return page.locator(".wf-row.active .wf-label").inner_text()


def test_only_what_is_in_view_is_in_the_page(page):
    assert page.evaluate(HEIGHT) == BIG_SPANS * 28
    assert page.locator(".wf-row").count() < ROWS_MOST
    page.evaluate("document.querySelector('.wf-scroll').scrollTop = 28 * 1500")
    page.wait_for_selector("#row-1500")
    assert page.locator(".wf-row").count() < ROWS_MOST


def test_keys_move_fold_and_open(page):
    page.focus("[role=tree]")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowLeft")
    page.wait_for_function(f"() => {HEIGHT} < {BIG_SPANS * 28}")
    page.keyboard.press("ArrowRight")
    page.wait_for_function(f"() => {HEIGHT} === {BIG_SPANS * 28}")
    page.keyboard.press("End")
    page.wait_for_selector(f"#row-{BIG_SPANS - 1}.active")
    page.keyboard.press("Home")
    page.keyboard.press("Enter")
    page.wait_for_selector("aside")
    assert f"span={1:016x}" in page.url


def test_the_next_failure_is_one_key_away_and_one_button(page):
    page.focus("[role=tree]")
    page.keyboard.press("e")
    page.wait_for_selector(".wf-row.error.active")
    page.click("text=First failure")
    page.wait_for_selector("aside")
    assert f"span={700:016x}" in page.url
    assert page.locator(".wf-row.failing").count() >= 1


def test_a_span_is_opened_by_its_address_and_closed(served, open_page):
    page = open_page(served.link(f"/dashboard/trace/{BIG_TRACE}?span={1999:016x}"))
    page.wait_for_selector("aside >> text=gpt-4.1-mini")
    page.wait_for_selector(".wf-row.chosen")
    page.click("aside button[aria-label='Close the span']")
    page.wait_for_selector("aside", state="detached")
    assert "span=" not in page.url


def test_a_span_of_the_graph_is_opened_by_a_click(served, open_page):
    page = open_page(served.link(f"/dashboard/trace/{BIG_TRACE}?view=graph"))
    page.wait_for_selector("canvas")
    page.click("canvas", position={"x": 60, "y": 228})
    page.wait_for_selector("aside")
    assert f"span={1:016x}" in page.url
    page.click("text=Farther")
    page.focus("canvas")
    page.keyboard.press("ArrowDown")
    page.click("canvas", position={"x": 5, "y": 5})
    assert f"span={1:016x}" in page.url


def test_two_traces_are_compared_step_by_step(page):
    page.click("text=Compare")
    page.wait_for_selector("text=Compare with which trace?")
    choice = page.get_by_label("Compare with")
    choice.select_option(index=1)
    page.wait_for_selector("td >> text=Whole trace", state="detached")
    page.wait_for_selector("text=Open the other trace")
    assert "with=" in page.url


def test_the_critical_path_is_marked(page):
    assert page.locator(".wf-row.critical").count() > 0


def test_messages_are_a_conversation(served, open_page):
    status, found = served.ask("GET", "/api/v1/spans?agent=gemini-cli&span_type=Generation")
    assert status == 200
    span = found["items"][0]
    page = open_page(served.link(f"/dashboard/trace/{span['trace_id']}?span={span['span_id']}"))
    page.wait_for_selector("aside .message")
    assert page.locator("aside .message.user, aside .message.assistant").count() > 0


def has_noise(served, trace_id):
    waterfall = served.ask("GET", f"/api/v1/traces/{trace_id}/waterfall")[1]
    return any(marks & 1 for marks in waterfall["columns"]["marks"])


def test_folded_noise_opens(served, open_page):
    traces = served.ask("GET", "/api/v1/traces?limit=100")[1]["items"]
    trace = next(one["trace_id"] for one in traces if has_noise(served, one["trace_id"]))
    page = open_page(served.link(f"/dashboard/trace/{trace}"))
    page.wait_for_selector(".wf-row.noise")
    before = page.locator(".wf-row.noise").count()
    page.locator(".wf-row.noise").first.click()
    page.wait_for_function(f"() => document.querySelectorAll('.wf-row.noise').length < {before}")


def test_spans_that_are_one_anothers_parents_are_shown_all_the_same(served, open_page):
    trace = "c" * 32
    ring = [span(trace, n, parent_span_id=f"{n % 3 + 1:016x}", name=f"ring {n}") for n in (1, 2, 3)]
    served.send(*ring, span(trace, 9, parent_span_id=f"{8:016x}", name="orphan"))
    page = open_page(served.link(f"/dashboard/trace/{trace}"))
    for name in ("ring 1", "ring 2", "ring 3", "orphan"):
        page.wait_for_selector(f".wf-label >> text={name}")
    page.click("text=Graph")
    page.wait_for_selector("canvas")


def test_an_unknown_trace_says_so(served, open_page):
    page = open_page(served.link("/dashboard/trace/" + "0" * 31 + "9"), may_complain=True)
    page.wait_for_selector("text=no span of it is stored")
