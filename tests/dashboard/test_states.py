"""What is seen where there is no answer: nothing yet, no token, no server, another token."""

import pytest

from tests.dashboard.served import span

pytestmark = [pytest.mark.slow, pytest.mark.timeout(60)]


def test_an_empty_server_says_how_to_get_data(own_server, open_page):
    page = open_page(own_server.link())
    page.wait_for_selector("text=flowtrace install claude-code")
    page.goto(own_server.link("/dashboard/memory"))
    page.wait_for_selector("text=Nothing is remembered yet")
    page.goto(own_server.link("/dashboard/cost"))
    page.wait_for_selector("text=Nothing was used in this time")


@pytest.mark.parametrize("token", ["", "wrong"])
def test_without_the_token_it_says_how_to_get_it_and_takes_it(own_server, open_page, token):
    page = open_page(own_server.link("/dashboard/sessions", token=token), may_complain=True)
    page.wait_for_selector("text=needs the token")
    page.get_by_label("Token").fill(own_server.token)
    page.click("text=Open >> nth=-1")
    page.wait_for_selector("text=No agent has been seen yet")
    page.wait_for_selector("text=Live", state="attached")


def test_a_second_tab_gets_the_token_of_the_first(own_server, open_page, browser):
    context = browser.new_context()
    first = open_page(own_server.link("/dashboard/sessions"), context=context)
    first.wait_for_selector("text=No agent has been seen yet")
    second = open_page(f"{own_server.origin}/dashboard/sessions", context=context)
    second.wait_for_selector("text=No agent has been seen yet")
    context.close()


def test_another_token_in_one_tab_opens_the_others(own_server, open_page, browser):
    context = browser.new_context()
    address = own_server.link("/dashboard/sessions", token="old")
    first = open_page(address, context=context, may_complain=True)
    first.wait_for_selector("text=needs the token")
    open_page(own_server.link("/dashboard/sessions"), context=context)
    first.wait_for_selector("text=No agent has been seen yet")
    context.close()


def test_a_lost_server_is_told_and_its_return_is_noticed_without_a_reload(own_server, open_page):
    own_server.send(span("2" * 32, 1, attributes={"session.id": "before"}))
    page = open_page(own_server.link("/dashboard/sessions"), may_complain=True)
    page.wait_for_selector("td >> text=before")
    page.click("nav >> text=Traces")
    page.wait_for_selector("td >> text=step 1")
    page.click("nav >> text=Sessions")
    page.wait_for_selector("td >> text=before")
    page.evaluate("window.stayed = true")
    own_server.stop()
    page.wait_for_selector("text=No server", state="attached")
    page.click("nav >> text=Traces")
    page.wait_for_selector("text=The server is not there")
    own_server.start()
    own_server.send(span("3" * 32, 2, attributes={"session.id": "after"}))
    page.wait_for_selector("td >> text=step 2", timeout=20_000)
    assert page.evaluate("window.stayed") is True


def test_an_unknown_page_leads_back(own_server, open_page):
    page = open_page(own_server.link("/dashboard/nowhere"))
    page.click("text=To the first page")
    page.wait_for_selector("text=Cost today")
